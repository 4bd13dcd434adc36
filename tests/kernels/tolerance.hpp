#pragma once

#include <cstdint>
#include <limits>

namespace strata::kernels {

/// Allowed error of a dot product of `length` terms in f32, given the largest magnitudes.
inline double dot_tolerance(std::int64_t length, double largest_a, double largest_b) {
  return double(std::numeric_limits<float>::epsilon()) * double(length + 1) * largest_a * largest_b;
}

/// What rounding the factors of such a product to bf16 (8 significant bits) may add.
inline double bf16_tolerance(std::int64_t length, double largest_a, double largest_b) {
  constexpr double unit = 1.0 / 256;
  return (2 * unit + unit * unit) * double(length) * largest_a * largest_b;
}

/// Allowed error of a result of that magnitude that is right to `units` in the last place.
inline double rounding_tolerance(double units, double magnitude) {
  return double(std::numeric_limits<float>::epsilon()) * units * magnitude;
}

}  // namespace strata::kernels
