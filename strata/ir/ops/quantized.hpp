#pragma once

#include <string_view>

#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/ops/operands.hpp"

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
