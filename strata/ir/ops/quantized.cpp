#include "strata/ir/ops/quantized.hpp"

#include "strata/ir/ops/decomposition.hpp"

namespace strata::ir {

void expect_byte(const InferContext& context, int i, std::string_view what) {
  const DType type = context.input(i).dtype;
  if (type == DType::i8 || type == DType::u8) return;
  fail(ErrorCode::model, "{} has element type {}; accepted: i8, u8", what, to_string(type));
}

bool is_single(const InferContext& context, int i) {
  const SymbolicShape& shape = context.input(i).shape;
  return shape.empty() || (shape.size() == 1 && shape[0] == Dim(1));
}

void expect_single(const InferContext& context, int i, std::string_view what) {
  if (is_single(context, i)) return;
  fail(ErrorCode::model, "{} has shape {}; accepted: a scalar or one element", what,
       to_string(context.input(i).shape));
}

void expect_quantization(const InferContext& context, QuantizedOperands operands,
                         std::string_view what) {
  const auto& [tensor, scale, zero_point] = operands;
  if (!context.has_input(scale)) fail(ErrorCode::model, "{}_scale is omitted", what);
  expect_dtype(context, scale, fmt::format("{}_scale", what), DType::f32);
  if (!context.has_input(zero_point)) return;
  expect_dtype(context, zero_point, fmt::format("{}_zero_point", what),
               context.input(tensor).dtype);
  if (is_single(context, scale) || is_single(context, zero_point)) return;
  const SymbolicShape& of_scale = context.input(scale).shape;
  const SymbolicShape& of_zero = context.input(zero_point).shape;
  context.expect_rank(zero_point, fmt::format("{}_zero_point", what), int(of_scale.size()));
  for (std::size_t i = 0; i < of_scale.size(); ++i) {
    expect_extent(fmt::format("extent {} of {}_zero_point", i, what), of_zero[i], of_scale[i]);
  }
}

ValueId requantize_scale(Builder& builder, ValueId a, ValueId b, ValueId y) {
  return builder.op("Div", {builder.op("Mul", {a, b}), y});
}

ValueId as_f32(Builder& builder, ValueId x) {
  if (type_of(builder, x).dtype == DType::f32) return x;
  return builder.op("Cast", {x}, {{"to", DType::f32}});
}

ValueId centered(Builder& builder, ValueId x, ValueId zero_point, DType type) {
  const ValueId wide = builder.op("Cast", {x}, {{"to", type}});
  if (zero_point == no_value) return wide;
  return builder.op("Sub", {wide, builder.op("Cast", {zero_point}, {{"to", type}})});
}

ValueId round_to(Builder& builder, ValueId x, DType type) {
  const ValueId one = builder.constant(Tensor::scalar(1.0f));
  return builder.op("QuantizeLinear", {x, one, builder.constant(Tensor::zeros(type, {}))});
}

}  // namespace strata::ir
