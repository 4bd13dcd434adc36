#pragma once

#include <cstdint>

namespace strata {

/// Fixed-point numbers as TFLite's integer kernels use them: 32-bit integers, products by their
/// upper half. Qm.n has m integer bits; 31 - m are behind the point.

/// q is about multiplier * 2^(shift - 31).
struct FixedMultiplier {
  std::int32_t multiplier = 0;
  int shift = 0;  ///< in [-31, 30]
};
/// 31 significant bits, rounded half away from zero. Too small: 0; too large: the largest
/// multiplier with the sign of q; not a number: the largest.
FixedMultiplier fixed_multiplier(double q);

/// Wraps modulo 2^32.
inline std::int32_t wrapped_shift_left(std::int32_t x, int bits) {
  return std::int32_t(std::uint32_t(x) << bits);
}

/// a * b / 2^31, rounded half up; only the lowest number squared saturates.
inline std::int32_t high_product(std::int32_t a, std::int32_t b) {
  if (a == b && a == INT32_MIN) return INT32_MAX;
  const std::int64_t product = std::int64_t(a) * b;
  const std::int64_t nudge = product >= 0 ? 1 << 30 : 1 - (1 << 30);
  return std::int32_t((product + nudge) / (std::int64_t(1) << 31));
}

/// x / 2^bits for bits in [0, 62], rounded half away from zero / half up.
inline std::int64_t shift_away(std::int64_t x, int bits) {
  const std::int64_t mask = (std::int64_t(1) << bits) - 1;
  return (x >> bits) + ((x & mask) > (mask >> 1) + (x < 0));
}
inline std::int64_t shift_up(std::int64_t x, int bits) {
  return bits == 0 ? x : (x + (std::int64_t(1) << (bits - 1))) >> bits;
}

/// x * 2^bits, saturating.
std::int32_t saturating_shift_left(std::int32_t x, int bits);

/// x times the multiplier, rounded twice: the product half up, then the shift half away from zero
/// (reference kernels) or half up (optimised ones). Multipliers above 1 shift x to the left first,
/// which wraps.
inline std::int32_t multiply_away(std::int32_t x, FixedMultiplier m) {
  const std::int32_t left = m.shift > 0 ? wrapped_shift_left(x, m.shift) : x;
  return std::int32_t(shift_away(high_product(left, m.multiplier), m.shift > 0 ? 0 : -m.shift));
}
inline std::int32_t multiply_up(std::int32_t x, FixedMultiplier m) {
  const std::int32_t left = m.shift > 0 ? wrapped_shift_left(x, m.shift) : x;
  return std::int32_t(shift_up(high_product(left, m.multiplier), m.shift > 0 ? 0 : -m.shift));
}
/// A 64-bit sum times the multiplier, which is cut to 16 bits; one rounding, half up.
std::int32_t multiply_wide(std::int64_t x, FixedMultiplier m);

/// The nearest number of 16 bits, and a * b / 2^15 rounded half up.
std::int16_t saturate_16(std::int32_t x);
std::int16_t high_product_16(std::int16_t a, std::int16_t b);

/// e^x of a number at most 0 in Q5.26, as Q0.31.
std::int32_t fixed_exp(std::int32_t x);
/// 1 / (1 + x) of x in [0, 1), both in Q0.31.
std::int32_t fixed_reciprocal(std::int32_t x);
/// sigmoid and tanh of numbers with `integer_bits` (0 to 6) before the point, 16-bit, as Q0.15.
std::int16_t fixed_sigmoid(std::int16_t x, int integer_bits);
std::int16_t fixed_tanh(std::int16_t x, int integer_bits);

}  // namespace strata
