#include "strata/tensor/tflite_functions.hpp"

#include <algorithm>
#include <bit>

namespace strata {
namespace {

std::int16_t upper_half(std::int32_t multiplier) {
  return saturate_16(multiplier >= INT32_MAX - (1 << 15) ? INT16_MAX
                                                         : (multiplier + (1 << 15)) >> 16);
}

std::int32_t shifted_away(std::int32_t x, int bits) {
  return std::int32_t(shift_away(x, std::clamp(bits, 0, 31)));
}

}  // namespace

CodeTable hard_swish_table(QuantizedRange range, QuantizedOperand x, QuantizedOperand y) {
  const float fine_scale = (1.0f / 128.0f) * x.scale;  // codes are shifted left by 7
  const FixedMultiplier output = fixed_multiplier(double(fine_scale / y.scale));
  const FixedMultiplier relu = fixed_multiplier(double(fine_scale / (3.0f / 32768.0f)));
  return table_of(range, [&](std::int32_t code) {
    const auto fine = std::int16_t((code - x.zero_point) * 128);
    const std::int16_t scaled = high_product_16(fine, upper_half(output.multiplier));
    // From -1 to 1 where x goes from -3 to 3.
    std::int16_t bent = fine;
    if (relu.shift > 0) bent = saturate_16(bent * (1 << std::min(relu.shift - 1, 15)));
    bent = high_product_16(bent, upper_half(relu.multiplier));
    if (relu.shift > 0) bent = saturate_16(bent * 2);
    if (relu.shift < 0) bent = saturate_16(shifted_away(bent, -relu.shift));
    const auto gate = std::int16_t((bent + (1 << 15)) >> 1);  // 0 to 1
    const std::int16_t product = saturate_16(std::int32_t(gate) * scaled / (1 << 15));
    const std::int32_t result = output.shift > 0
                                    ? saturate_16(product * (1 << std::min(output.shift, 15)))
                                    : shifted_away(product, -output.shift);
    return std::clamp(result + y.zero_point, range.low, range.high);
  });
}

FixedSoftmax::FixedSoftmax(Arithmetic arithmetic, float beta, QuantizedOperand x,
                           QuantizedOperand y, QuantizedRange range)
    : fixed_(arithmetic == Arithmetic::tflite_reference), range_(range), y_(y) {
  constexpr int integer_bits = 5;
  const double scale = std::min(double(beta) * double(x.scale) * double(1 << (31 - integer_bits)),
                                double(INT32_MAX));
  scaled_ = fixed_multiplier(scale);
  const double largest = double((1 << integer_bits) - 1) * double(1 << (31 - integer_bits));
  least_ = -std::int32_t(std::min(std::floor(std::ldexp(largest, -scaled_.shift)), 0x1p30));
  for (int below = 0; below < 256; ++below) {
    exp_[std::size_t(below)] = std::exp(-x.scale * beta * float(below));
  }
}

template <class T>
void FixedSoftmax::by_table(const T* x, T* y, std::int64_t count, std::int64_t step) const {
  std::int32_t most = range_.low;
  for (std::int64_t i = 0; i < count; ++i) most = std::max<std::int32_t>(most, x[i * step]);
  float sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += exp_[std::size_t(most - x[i * step])];
  const float factor = 1.0f / (sum * y_.scale);
  const bool is_signed = range_.low < 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const float scaled = exp_[std::size_t(most - x[i * step])] * factor;
    const float rounded = is_signed ? std::round(scaled) : std::floor(scaled + 0.5f);
    y[i * step] = T(round_then_shift(rounded, y_.zero_point, range_));
  }
}

template <class T>
void FixedSoftmax::operator()(const T* x, T* y, std::int64_t count, std::int64_t step) const {
  if (!fixed_) return by_table(x, y, count, step);
  std::int32_t most = range_.low;
  for (std::int64_t i = 0; i < count; ++i) most = std::max<std::int32_t>(most, x[i * step]);
  const auto exp = [&](std::int32_t below) { return fixed_exp(multiply_away(below, scaled_)); };
  std::int64_t sum = 0;  // Q12.19
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t below = x[i * step] - most;
    if (below >= least_) sum += shift_away(exp(below), 12);
  }
  // sum = (1 + fraction) * 2^(bits) with the fraction in Q0.31.
  const int leading = std::max(0, std::countl_zero(std::uint64_t(sum)) - 32);
  const int spare = std::max(0, 32 - std::countl_zero(std::uint64_t(sum)));
  const auto fraction = std::int32_t(((std::uint64_t(sum) << leading) >> spare) - (1u << 31));
  const std::int32_t reciprocal = fixed_reciprocal(fraction);
  const int bits = 12 - leading + spare + 31 - 8;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t below = x[i * step] - most;
    const std::int64_t share =
        below >= least_ ? shift_away(high_product(reciprocal, exp(below)), bits) : 0;
    y[i * step] = T(std::clamp<std::int64_t>(share + range_.low, range_.low, range_.high));
  }
}

template void FixedSoftmax::operator()(const std::int8_t*, std::int8_t*, std::int64_t,
                                       std::int64_t) const;
template void FixedSoftmax::operator()(const std::uint8_t*, std::uint8_t*, std::int64_t,
                                       std::int64_t) const;

}  // namespace strata
