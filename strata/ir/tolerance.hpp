#pragma once

#include <cstdint>

#include "strata/tensor/dtype.hpp"

namespace strata::ir {

/// Distance from 1 to the next number of a float type; 0 for the others, which are exact.
constexpr double epsilon_of(DType type) {
  switch (type) {
    case DType::f64:
      return 0x1p-52;
    case DType::f32:
      return 0x1p-23;
    case DType::f16:
      return 0x1p-10;
    case DType::bf16:
      return 0x1p-7;
    default:
      return 0;
  }
}

/// How far two ways to compute a dot product of length k may lie apart: every term passes k
/// roundings at most, and one more when it is stored (Higham 2002, section 3.1).
constexpr double dot_tolerance(DType type, std::int64_t k, double max_a, double max_b) {
  return epsilon_of(type) * double(k + 1) * max_a * max_b;
}

/// The same for a chain of element-wise steps whose values and factors stay within `magnitude`:
/// each step rounds once, a library function to within two units.
constexpr double elementwise_tolerance(DType type, std::int64_t steps, double magnitude) {
  const double factor = magnitude > 1 ? magnitude : 1;
  return epsilon_of(type) * 2 * double(steps) * factor * factor;
}

}  // namespace strata::ir
