#pragma once

#include <string_view>

#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/ops/operands.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::ir {

/// Complain (model) unless operand i, called `what`, is i8 or u8 / has one element.
void expect_byte(const InferContext& context, int i, std::string_view what);
void expect_single(const InferContext& context, int i, std::string_view what);

/// Whether operand i has rank 0, or rank 1 and one element.
bool is_single(const InferContext& context, int i);

/// Operands that say which numbers the integers of a tensor stand for.
struct QuantizedOperands {
  int tensor, scale, zero_point;
};
/// Complains unless the scale is f32, the zero point of the tensor's type, and both, where present,
/// of one shape (single elements and scalars count as one). `what` is the tensor's name.
void expect_quantization(const InferContext& context, QuantizedOperands operands,
                         std::string_view what);

/// The attribute `arithmetic` (onnx where it is absent); complains if it names none.
Arithmetic expect_arithmetic(const InferContext& context);
Arithmetic arithmetic_of(const Attributes& attributes);

/// Complains unless scale and zero point are single elements, f32 and of the tensor's type, and, in
/// the modes of TFLite, a scale that is known is positive and finite.
void expect_grid(const InferContext& context, QuantizedOperands operands, std::string_view what);
/// The latter alone, for scales of any count.
void expect_scale(const InferContext& context, int scale, std::string_view what);
/// Complains unless operand i has 8 bits, or 16 in a mode of TFLite.
void expect_code(const InferContext& context, int i, std::string_view what);
/// The grid of an operand at run time.
QuantizedOperand grid(const EvalArgs& args, std::size_t scale, std::size_t zero_point);
/// Element `channel` of a tensor that has one for each channel, or one for all.
template <class T>
T per_channel(const Tensor& tensor, std::int64_t channel) {
  return tensor.data<T>()[tensor.elements() > 1 ? std::size_t(channel) : 0];
}

/// The operands of a sum of products, by index; bias is -1 where the op has none.
struct SumOperands {
  int x, x_zero, w, w_zero, bias;
  int axis;                     ///< of w: its channels
  std::int64_t taps;            ///< weights of one channel
  std::int64_t rows_per_group;  ///< entries of the axes of w before `axis` that share channels
};
/// Complains unless sums in 32 bits hold whatever x may be, by channel and bound, or wrap as
/// ONNX's. Weights that are not constant are taken to be the worst; biases that are not constant to
/// be 0.
void expect_sums_fit(const InferContext& context, const SumOperands& operands);

/// Calls f with the C++ type of i8 or u8, or also i16.
template <class F>
void dispatch_code(DType type, F&& f) {
  if (type == DType::i16) {
    f.template operator()<std::int16_t>();
  } else if (type == DType::i8) {
    f.template operator()<std::int8_t>();
  } else {
    f.template operator()<std::uint8_t>();
  }
}

/// Calls f with the C++ type of i8 or u8.
template <class F>
void dispatch_byte(DType type, F&& f) {
  if (type == DType::i8) {
    f.template operator()<std::int8_t>();
  } else {
    f.template operator()<std::uint8_t>();
  }
}

/// a * b / y in f32: what sums of products are multiplied by. One element each, or vectors.
ValueId requantize_scale(Builder& builder, ValueId a, ValueId b, ValueId y);

/// x as f32, and its numbers without their zero point (which may be no_value).
ValueId as_f32(Builder& builder, ValueId x);
ValueId centered(Builder& builder, ValueId x, ValueId zero_point, DType type);

/// The numbers of f32 x rounded half to even and clamped to the integer type.
ValueId round_to(Builder& builder, ValueId x, DType type);

}  // namespace strata::ir
