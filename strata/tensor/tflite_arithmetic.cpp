#include "strata/tensor/tflite_arithmetic.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "strata/base/error.hpp"

namespace strata {
namespace {

std::int32_t clamped(std::int64_t code, QuantizedRange range) {
  return std::int32_t(std::clamp<std::int64_t>(code, range.low, range.high));
}

bool is_xnnpack(Arithmetic arithmetic) { return arithmetic == Arithmetic::tflite_xnnpack; }

Rescale::Rule rule_of(const RescaleOf& of) {
  using Rule = Rescale::Rule;
  if (of.arithmetic == Arithmetic::onnx || is_xnnpack(of.arithmetic)) return Rule::float_even;
  const bool optimized = of.arithmetic == Arithmetic::tflite_optimized;
  const bool layer = of.sum == SumOf::fully_connected;
  if (of.type == DType::i16) {
    if (layer) return optimized && !of.wide ? Rule::fixed_up : Rule::real_away;
    if (of.wide) return Rule::fixed_wide;
  } else if (layer && !optimized) {
    return Rule::real_away;
  }
  if (!optimized) return Rule::fixed_away;
  const bool by_blocks = of.sum == SumOf::depthwise || of.sum == SumOf::transposed;
  const bool up = layer || of.sum == SumOf::convolution ||
                  (of.sum == SumOf::transposed && of.type == DType::u8) ||
                  (by_blocks && of.type == DType::i8 && of.in_block_of_8);
  return up ? Rule::fixed_up : Rule::fixed_away;
}

}  // namespace

std::int32_t Rescale::operator()(std::int64_t sum) const {
  switch (rule) {
    case Rule::float_even:
      return round_then_shift(float(sum) * float(scale), zero_point, range);
    case Rule::real_away: {
      const double rounded = std::round(double(sum) * scale) + zero_point;
      return std::int32_t(std::clamp(rounded, double(range.low), double(range.high)));
    }
    case Rule::fixed_away:
      return clamped(std::int64_t(multiply_away(std::int32_t(sum), fixed)) + zero_point, range);
    case Rule::fixed_up:
      return clamped(std::int64_t(multiply_up(std::int32_t(sum), fixed)) + zero_point, range);
    case Rule::fixed_wide:
      return clamped(std::int64_t(multiply_wide(sum, fixed)) + zero_point, range);
  }
  return 0;
}

Rescale rescale_of(const RescaleOf& of) {
  Rescale result{.rule = rule_of(of), .zero_point = of.y.zero_point};
  const auto range = quantized_range(of.type);
  STRATA_ASSERT(range);
  result.range = *range;
  if (result.rule == Rescale::Rule::float_even) {
    result.scale = double(of.x_scale * of.w_scale / of.y.scale);
    return result;
  }
  // Kernels of u8 multiply the scales in f32 first, where those of i8 do in f64.
  const double product = of.type == DType::u8 && of.sum != SumOf::matmul
                             ? double(of.x_scale * of.w_scale)
                             : double(of.x_scale) * double(of.w_scale);
  result.scale = product / double(of.y.scale);
  result.fixed = fixed_multiplier(result.scale);
  return result;
}

std::int32_t Regrid::operator()(std::int32_t code) const {
  const std::int32_t x = code - x_zero;
  if (is_xnnpack(arithmetic)) {
    return clamped(shift_up(std::int64_t(x) * in_256ths, 8) + y_zero, range);
  }
  const std::int32_t y =
      arithmetic == Arithmetic::tflite_optimized ? multiply_up(x, fixed) : multiply_away(x, fixed);
  return clamped(std::int64_t(y) + y_zero, range);
}

Regrid regrid_of(Arithmetic arithmetic, QuantizedOperand x, QuantizedOperand y,
                 QuantizedRange range) {
  const float ratio = x.scale / y.scale;
  return {arithmetic,
          fixed_multiplier(double(x.scale) / double(y.scale)),
          std::int32_t(std::lrint(std::clamp(256 * ratio, -32768.0f, 32767.0f))),
          x.zero_point,
          y.zero_point,
          range};
}

Regrid scaled_regrid_of(Arithmetic arithmetic, QuantizedOperand x, float factor, QuantizedOperand y,
                        QuantizedRange range) {
  const float xnnpack = x.scale / y.scale * factor;
  const float fixed = x.scale * factor / y.scale;
  const Arithmetic kernels = is_xnnpack(arithmetic) ? arithmetic : Arithmetic::tflite_reference;
  return {kernels,
          fixed_multiplier(double(fixed)),
          std::int32_t(std::lrint(std::clamp(256 * xnnpack, -32768.0f, 32767.0f))),
          x.zero_point,
          y.zero_point,
          range};
}

std::int32_t FixedSum::operator()(std::int32_t code_a, std::int32_t code_b) const {
  if (is_xnnpack(arithmetic)) {
    const std::int64_t sum = constant + code_a * a_factor + code_b * b_factor;
    return clamped((sum >> shift) + y_zero, range);
  }
  const std::int32_t left = multiply_away(wrapped_shift_left(code_a - a_zero, left_shift), a);
  const std::int32_t right = multiply_away(wrapped_shift_left(code_b - b_zero, left_shift), b);
  return clamped(std::int64_t(multiply_away(left + right, y)) + y_zero, range);
}

FixedSum sum_of(Arithmetic arithmetic, QuantizedOperand a, QuantizedOperand b, int sign,
                QuantizedOperand y, DType type) {
  const auto range = quantized_range(type);
  STRATA_ASSERT(range);
  FixedSum sum{.arithmetic = arithmetic,
               .left_shift = type == DType::i16 ? 15 : 20,
               .a_zero = a.zero_point,
               .b_zero = b.zero_point,
               .y_zero = y.zero_point,
               .range = *range};
  const double twice = 2 * double(std::max(a.scale, b.scale));
  sum.a = fixed_multiplier(double(a.scale) / twice);
  sum.b = fixed_multiplier(sign * double(b.scale) / twice);
  sum.y = fixed_multiplier(twice / double(float(1 << sum.left_shift) * y.scale));
  if (!is_xnnpack(arithmetic)) return sum;
  const float a_ratio = a.scale / y.scale;
  const float b_ratio = b.scale / y.scale;
  const float largest = std::max(a_ratio, b_ratio);
  if (!(largest > 0x1p-100f && largest < 0x1p100f)) return sum;
  const int exponent = int(std::bit_cast<std::uint32_t>(largest) >> 23) - 127;
  sum.shift = std::clamp(20 - exponent, 1, 31);
  sum.a_factor = std::llrint(std::ldexp(double(a_ratio), 20 - exponent));
  sum.b_factor = sign * std::llrint(std::ldexp(double(b_ratio), 20 - exponent));
  sum.constant = (std::int64_t(1) << (sum.shift - 1)) - a.zero_point * sum.a_factor -
                 b.zero_point * sum.b_factor;
  return sum;
}

Rescale product_of(Arithmetic arithmetic, QuantizedOperand a, QuantizedOperand b,
                   QuantizedOperand y, QuantizedRange range) {
  const float scale = a.scale * b.scale / y.scale;
  return {is_xnnpack(arithmetic) ? Rescale::Rule::float_even : Rescale::Rule::fixed_away,
          double(scale), fixed_multiplier(double(scale)), y.zero_point, range};
}

std::int32_t tflite_quantize(Arithmetic arithmetic, float x, QuantizedOperand y,
                             QuantizedRange range) {
  const float scaled =
      arithmetic == Arithmetic::tflite_reference ? std::round(x / y.scale) : x * (1.0f / y.scale);
  return round_then_shift(double(scaled), y.zero_point, range);
}

float tflite_dequantize(Arithmetic arithmetic, std::int32_t code, QuantizedOperand x) {
  if (arithmetic == Arithmetic::tflite_optimized) {
    return float(code) * x.scale + -float(x.zero_point) * x.scale;
  }
  return x.scale * float(code - x.zero_point);
}

std::int32_t FixedMean::operator()(std::int64_t sum) const {
  if (is_xnnpack(arithmetic)) return shift_then_round(float(sum) * scale + constant, range);
  const std::int64_t centered = sum - offset;
  if (centered != std::int32_t(centered)) {  // LiteRT's kernels wrap here
    const double product = double(centered) * double(fixed.multiplier);
    return round_then_shift(std::round(std::ldexp(product, fixed.shift - 31)), y_zero, range);
  }
  return clamped(std::int64_t(multiply_away(std::int32_t(centered), fixed)) + y_zero, range);
}

FixedMean mean_of(Arithmetic arithmetic, QuantizedOperand x, std::int64_t n, QuantizedOperand y,
                  QuantizedRange range) {
  FixedMean mean{
      .arithmetic = arithmetic, .offset = n * x.zero_point, .y_zero = y.zero_point, .range = range};
  mean.fixed = fixed_multiplier(double(x.scale) / double(y.scale));
  // The division by n moves into the multiplier, with as many bits as it has to spare.
  int bits = int(std::bit_width(std::uint64_t(std::max<std::int64_t>(n, 1)))) - 1;
  bits = std::min({bits, 32, 31 + mean.fixed.shift});
  const auto widened = std::uint64_t(std::max(mean.fixed.multiplier, 0)) << bits;
  mean.fixed.multiplier = std::int32_t(widened / std::uint64_t(std::max<std::int64_t>(n, 1)));
  mean.fixed.shift -= bits;
  mean.scale = x.scale / y.scale * (1.0f / float(n));
  mean.constant = float(y.zero_point) - float(n * x.zero_point) * mean.scale;
  return mean;
}

std::int32_t CodeAverage::operator()(std::int64_t sum, std::int64_t n) const {
  if (n == 0) return y.zero_point;
  const auto centered = float(sum - n * x.zero_point);
  switch (rule) {
    case Rule::shifted: {
      const float numbers = x.scale * centered;
      return shift_then_round(numbers / float(n) / y.scale + float(y.zero_point), range);
    }
    case Rule::scaled: {
      const float scale = x.scale / (float(n) * y.scale);
      return round_then_shift(centered * scale, y.zero_point, range);
    }
    case Rule::rounded:
      return clamped(average_of(sum, n), range);
    case Rule::fixed:
      return mean(sum);
  }
  return 0;
}

CodeAverage window_average_of(Arithmetic arithmetic, QuantizedOperand x, QuantizedOperand y,
                              QuantizedRange range) {
  using Rule = CodeAverage::Rule;
  const Rule rule = arithmetic == Arithmetic::onnx ? Rule::shifted : Rule::rounded;
  return {.rule = rule, .x = x, .y = y, .range = range};
}

CodeAverage mean_average_of(Arithmetic arithmetic, QuantizedOperand x, std::int64_t n,
                            QuantizedOperand y, QuantizedRange range) {
  using Rule = CodeAverage::Rule;
  if (arithmetic == Arithmetic::onnx) return {.rule = Rule::scaled, .x = x, .y = y, .range = range};
  return {.rule = Rule::fixed,
          .x = x,
          .y = y,
          .range = range,
          .mean = mean_of(arithmetic, x, n, y, range)};
}

}  // namespace strata
