#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "strata/tensor/dtype.hpp"

namespace strata {

/// Integer results of quantized ops, by named rounding rules: the one definition that references,
/// kernels and simulations share. R rounds half to even, clamp goes to the range of the type.

/// The numbers that a quantized integer type holds.
struct QuantizedRange {
  std::int32_t low, high;
};
/// Of integers of 2 to 16 bits; nothing for other types.
std::optional<QuantizedRange> quantized_range(DType type);

/// Which runtime's integers an op computes; the attribute `arithmetic` of nodes.
enum class Arithmetic { onnx, tflite_reference, tflite_optimized, tflite_xnnpack };
std::string_view to_string(Arithmetic arithmetic);
/// By name; nothing if there is none of this name.
std::optional<Arithmetic> arithmetic_named(std::string_view name);

/// What the codes of a tensor stand for: scale * (code - zero_point).
struct QuantizedOperand {
  float scale;
  std::int32_t zero_point;
};

/// The most that a code may lie away from the zero point.
std::int64_t largest_distance(QuantizedRange range, std::int32_t zero_point);
/// A bound on the magnitude of sums of products of one output channel, whatever x holds: the most
/// that x may lie off its zero point times the sum of |w - zero point| over the channel's weights,
/// plus |bias|. Saturates at the largest i64.
std::int64_t largest_sum(std::int64_t x_distance, std::int64_t weights, std::int64_t bias);

/// clamp(R(value) + zero_point): the zero point is added after rounding. NaN gives the lowest
/// number, as maximum instructions have it that return their second operand.
std::int32_t round_then_shift(double value, std::int32_t zero_point, QuantizedRange range);
/// clamp(R(value)): the zero point is part of the value. Differs for ties with an odd zero point.
std::int32_t shift_then_round(double value, QuantizedRange range);

/// Mode "onnx": what the ONNX specification states and ONNX Runtime computes, in f32 with one
/// rounding per operation.
namespace onnx_arithmetic {

/// The scale by which QLinearConv, QLinearMatMul and QGemm multiply sums: (a * b) / y.
float requantize_scale(float a_scale, float b_scale, float y_scale);

/// clamp(R(f32(sum) * scale) + zero_point).
std::int32_t requantize(std::int32_t sum, float scale, std::int32_t zero_point,
                        QuantizedRange range);

/// clamp(R(x / scale) + zero_point), by true division: QuantizeLinear.
std::int32_t quantize(float x, float scale, std::int32_t zero_point, QuantizedRange range);

/// clamp(R(a * ra + (b * rb + k))) with a fused multiply-add each: QLinearAdd of com.microsoft.
/// ra and rb are the scales of the operands over that of the result.
struct AddRatios {
  float a, b;
  float constant;  ///< the zero points: c - (ra * a + rb * b), a fused multiply-add inside
};
AddRatios add_ratios(QuantizedOperand a, QuantizedOperand b, QuantizedOperand result);
std::int32_t add(std::int32_t a, std::int32_t b, AddRatios ratios, QuantizedRange range);

/// clamp(R(f32(product) * scale + zero_point)): QLinearMul of com.microsoft, where the product is
/// that of the numbers without their zero points.
std::int32_t multiply(std::int32_t product, float scale, std::int32_t zero_point,
                      QuantizedRange range);

}  // namespace onnx_arithmetic
}  // namespace strata
