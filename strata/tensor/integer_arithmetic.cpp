#include "strata/tensor/integer_arithmetic.hpp"

#include <algorithm>
#include <cmath>

namespace strata {
namespace {

std::int32_t clamped(double rounded, QuantizedRange range) {
  if (std::isnan(rounded)) return range.low;
  return std::int32_t(std::clamp(rounded, double(range.low), double(range.high)));
}

}  // namespace

std::optional<QuantizedRange> quantized_range(DType type) {
  switch (type) {
    case DType::i8:
      return QuantizedRange{-128, 127};
    case DType::u8:
      return QuantizedRange{0, 255};
    case DType::i16:
      return QuantizedRange{-32768, 32767};
    case DType::u16:
      return QuantizedRange{0, 65535};
    case DType::i4:
      return QuantizedRange{-8, 7};
    case DType::u4:
      return QuantizedRange{0, 15};
    case DType::i2:
      return QuantizedRange{-2, 1};
    case DType::u2:
      return QuantizedRange{0, 3};
    default:
      return std::nullopt;
  }
}

namespace {
constexpr std::string_view arithmetic_names[] = {"onnx", "tflite_reference", "tflite_optimized",
                                                 "tflite_xnnpack"};
}

std::string_view to_string(Arithmetic arithmetic) {
  return arithmetic_names[std::size_t(arithmetic)];
}

std::optional<Arithmetic> arithmetic_named(std::string_view name) {
  const auto found = std::ranges::find(arithmetic_names, name);
  if (found == std::end(arithmetic_names)) return std::nullopt;
  return Arithmetic(found - std::begin(arithmetic_names));
}

std::int64_t largest_distance(QuantizedRange range, std::int32_t zero_point) {
  return std::max(std::int64_t(zero_point) - range.low, std::int64_t(range.high) - zero_point);
}

std::int64_t largest_sum(std::int64_t x_distance, std::int64_t weights, std::int64_t bias) {
  std::int64_t sum = 0;
  if (bias == INT64_MIN || __builtin_mul_overflow(x_distance, weights, &sum) ||
      __builtin_add_overflow(sum, bias < 0 ? -bias : bias, &sum)) {
    return INT64_MAX;
  }
  return sum;
}

std::int32_t round_then_shift(double value, std::int32_t zero_point, QuantizedRange range) {
  return clamped(std::nearbyint(value) + zero_point, range);
}

std::int32_t shift_then_round(double value, QuantizedRange range) {
  return clamped(std::nearbyint(value), range);
}

namespace onnx_arithmetic {

float requantize_scale(float a_scale, float b_scale, float y_scale) {
  return a_scale * b_scale / y_scale;
}

std::int32_t requantize(std::int32_t sum, float scale, std::int32_t zero_point,
                        QuantizedRange range) {
  return round_then_shift(float(sum) * scale, zero_point, range);
}

std::int32_t quantize(float x, float scale, std::int32_t zero_point, QuantizedRange range) {
  return round_then_shift(x / scale, zero_point, range);
}

AddRatios add_ratios(QuantizedOperand a, QuantizedOperand b, QuantizedOperand result) {
  const float ra = a.scale / result.scale;
  const float rb = b.scale / result.scale;
  const float from_b = rb * float(b.zero_point);
  return {ra, rb, float(result.zero_point) - std::fma(ra, float(a.zero_point), from_b)};
}

std::int32_t add(std::int32_t a, std::int32_t b, AddRatios ratios, QuantizedRange range) {
  const float inner = std::fma(float(b), ratios.b, ratios.constant);
  return shift_then_round(std::fma(float(a), ratios.a, inner), range);
}

std::int32_t multiply(std::int32_t product, float scale, std::int32_t zero_point,
                      QuantizedRange range) {
  const float scaled = float(product) * scale;
  return shift_then_round(scaled + float(zero_point), range);
}

}  // namespace onnx_arithmetic
}  // namespace strata
