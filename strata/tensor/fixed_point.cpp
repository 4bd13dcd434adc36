#include "strata/tensor/fixed_point.hpp"

#include <algorithm>
#include <cmath>

namespace strata {

FixedMultiplier fixed_multiplier(double q) {
  if (!(q != 0)) return {};
  const FixedMultiplier largest{q < 0 ? -INT32_MAX : INT32_MAX, 30};
  if (!std::isfinite(q)) return largest;
  int shift = 0;
  const double fraction = std::frexp(q, &shift);
  auto rounded = std::int64_t(std::round(fraction * double(std::int64_t(1) << 31)));
  if (rounded == std::int64_t(1) << 31) {
    rounded /= 2;
    ++shift;
  }
  if (shift < -31) return {};
  if (shift > 30) return largest;
  return {std::int32_t(rounded), shift};
}

std::int32_t saturating_shift_left(std::int32_t x, int bits) {
  return std::int32_t(std::clamp<std::int64_t>(std::int64_t(x) << bits, INT32_MIN, INT32_MAX));
}

std::int32_t multiply_wide(std::int64_t x, FixedMultiplier m) {
  const std::int64_t reduced =
      m.multiplier < 0x7fff0000 ? (m.multiplier + (1 << 15)) >> 16 : 0x7fff;
  return std::int32_t(
      shift_up(std::int64_t(std::uint64_t(x) * std::uint64_t(reduced)), std::max(15 - m.shift, 0)));
}

namespace {

// e^(-1/8) and 1/3 in Q0.31.
constexpr std::int32_t exp_of_minus_eighth = 1895147668;
constexpr std::int32_t third = 715827883;

/// e^x of x in [-1/4, 0), Q0.31: four terms of the series around -1/8.
std::int32_t exp_of_last_quarter(std::int32_t x) {
  const std::int32_t d = x + (1 << 28);
  const std::int32_t d2 = high_product(d, d);
  const std::int32_t d3 = high_product(d2, d);
  const std::int32_t d4 = high_product(d2, d2);
  const std::int32_t upper = high_product(std::int32_t(shift_away(d4, 2)) + d3, third) + d2;
  return exp_of_minus_eighth +
         high_product(exp_of_minus_eighth, d + std::int32_t(shift_away(upper, 1)));
}

/// e^x in Q0.31 of x at most 0, in Q(integer_bits).
std::int32_t exp_of_negative(std::int32_t x, int integer_bits) {
  if (x == 0) return INT32_MAX;
  const int fraction_bits = 31 - integer_bits;
  const std::int32_t quarter = fraction_bits >= 2 ? 1 << (fraction_bits - 2) : 0;
  const std::int32_t within = (x & (quarter - 1)) - quarter;
  std::int32_t result = exp_of_last_quarter(saturating_shift_left(within, integer_bits));
  const std::int32_t whole = within - x;
  // e^(-2^k) for k = -2 to 4.
  constexpr std::int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308,
                                      39332535,   720401,     242};
  for (int k = -2; k < std::min(integer_bits, 5); ++k) {
    if (whole & (1 << (fraction_bits + k))) result = high_product(result, factors[k + 2]);
  }
  if (integer_bits > 5 && x < -(std::int32_t(1) << (fraction_bits + 5))) return 0;
  return result;
}

std::int32_t rounding_half_sum(std::int32_t a, std::int32_t b) {
  const std::int64_t sum = std::int64_t(a) + b;
  return std::int32_t((sum + (sum >= 0 ? 1 : -1)) / 2);
}

}  // namespace

std::int32_t fixed_exp(std::int32_t x) { return exp_of_negative(x, 5); }

// Newton's method for 1 / d with d = (1 + x) / 2, from 48/17 - 32/17 d; numbers in Q2.29.
std::int32_t fixed_reciprocal(std::int32_t x) {
  const std::int32_t half = rounding_half_sum(x, INT32_MAX);
  std::int32_t y = 1515870810 + high_product(half, -1010580540);
  for (int i = 0; i < 3; ++i) {
    const std::int32_t error = (1 << 29) - high_product(half, y);
    y += saturating_shift_left(high_product(y, error), 2);
  }
  return saturating_shift_left(y, 1);
}

std::int16_t saturate_16(std::int32_t x) {
  return std::int16_t(std::clamp(x, std::int32_t(INT16_MIN), std::int32_t(INT16_MAX)));
}

std::int16_t high_product_16(std::int16_t a, std::int16_t b) {
  const std::int32_t product = std::int32_t(a) * b;
  return saturate_16((product + (product >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15));
}

namespace {

// The functions above in 16 bits: constants lose their lower half, rounded.
constexpr std::int16_t upper(std::int32_t x) { return std::int16_t((x + (1 << 15)) >> 16); }

std::int16_t half_away_16(std::int16_t x, int bits) { return std::int16_t(shift_away(x, bits)); }

std::int16_t exp_of_last_quarter_16(std::int16_t x) {
  const auto d = std::int16_t(x + (1 << 12));
  const std::int16_t d2 = high_product_16(d, d);
  const std::int16_t d3 = high_product_16(d2, d);
  const std::int16_t d4 = high_product_16(d2, d2);
  const auto cubic = std::int16_t(half_away_16(d4, 2) + d3);
  const auto upper_terms = std::int16_t(high_product_16(cubic, upper(third)) + d2);
  const auto series = std::int16_t(d + half_away_16(upper_terms, 1));
  constexpr std::int16_t constant = upper(exp_of_minus_eighth);
  return saturate_16(constant + high_product_16(constant, series));
}

/// e^x in Q0.15 of x at most 0, with this many bits before the point.
std::int16_t exp_of_negative_16(std::int16_t x, int integer_bits) {
  if (x == 0) return INT16_MAX;
  const int fraction_bits = 15 - integer_bits;
  if (integer_bits > 5 && x < -(1 << (fraction_bits + 5))) return 0;
  const std::int32_t quarter = 1 << (fraction_bits - 2);
  const std::int32_t within = (x & (quarter - 1)) - quarter;
  std::int16_t result = exp_of_last_quarter_16(saturate_16(within * (1 << integer_bits)));
  const std::int32_t whole = within - x;
  constexpr std::int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308,
                                      39332535,   720401,     242};
  for (int k = -2; k < std::min(integer_bits, 5); ++k) {
    if (whole & (1 << (fraction_bits + k))) {
      result = high_product_16(result, upper(factors[k + 2]));
    }
  }
  return result;
}

/// 2 / (1 + x) in Q2.13 of x in Q0.15: fixed_reciprocal before its last step.
std::int16_t twice_reciprocal_16(std::int16_t x) {
  const std::int32_t sum = std::int32_t(x) + INT16_MAX;
  const auto half = std::int16_t((sum + (sum >= 0 ? 1 : -1)) / 2);
  auto y = std::int16_t(upper(1515870810) + high_product_16(half, upper(-1010580540)));
  for (int i = 0; i < 3; ++i) {
    const auto error = std::int16_t((1 << 13) - high_product_16(half, y));
    y = std::int16_t(y + saturate_16(high_product_16(y, error) * 4));
  }
  return y;
}

}  // namespace

std::int16_t fixed_sigmoid(std::int16_t x, int integer_bits) {
  if (x == 0) return 1 << 14;
  const auto below = std::int16_t(x > 0 ? -x : x);
  const std::int16_t above =
      saturate_16(twice_reciprocal_16(exp_of_negative_16(below, integer_bits)) * 2);
  return x > 0 ? above : std::int16_t(INT16_MAX - above);
}

// With e = exp(-2 |x|): (1 - e) / (1 + e) = 2 / (1 + e) - 1.
std::int16_t fixed_tanh(std::int16_t x, int integer_bits) {
  if (x == 0) return 0;
  const auto below = std::int16_t(x < 0 ? x : -x);
  const std::int16_t e = exp_of_negative_16(below, integer_bits + 1);
  const std::int16_t size = saturate_16((twice_reciprocal_16(e) - (1 << 13)) * 4);
  return x < 0 ? std::int16_t(-size) : size;
}

}  // namespace strata
