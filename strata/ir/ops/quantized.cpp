#include "strata/ir/ops/quantized.hpp"

#include <cmath>
#include <vector>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
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

Arithmetic expect_arithmetic(const InferContext& context) {
  const std::string_view name = text_view(context.attributes(), "arithmetic", "onnx");
  if (const auto found = arithmetic_named(name)) return *found;
  fail(ErrorCode::model,
       "arithmetic is {}; accepted: onnx, tflite_reference, tflite_optimized, tflite_xnnpack",
       name);
}

Arithmetic arithmetic_of(const Attributes& attributes) {
  return arithmetic_named(text_view(attributes, "arithmetic", "onnx")).value_or(Arithmetic::onnx);
}

void expect_scale(const InferContext& context, int scale, std::string_view what) {
  expect_dtype(context, scale, fmt::format("{}_scale", what), DType::f32);
  if (expect_arithmetic(context) == Arithmetic::onnx) return;  // f32 knows infinity
  const auto known = context.constant(scale);
  if (!known) return;
  const auto values = known->data<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > 0 && std::isfinite(values[i])) continue;
    fail(ErrorCode::model, "element {} of {}_scale is {}; accepted: positive and finite", i, what,
         values[i]);
  }
}

void expect_grid(const InferContext& context, QuantizedOperands operands, std::string_view what) {
  expect_scale(context, operands.scale, what);
  expect_single(context, operands.scale, fmt::format("{}_scale", what));
  const std::string zero = fmt::format("{}_zero_point", what);
  expect_dtype(context, operands.zero_point, zero, context.input(operands.tensor).dtype);
  expect_single(context, operands.zero_point, zero);
}

void expect_code(const InferContext& context, int i, std::string_view what) {
  const bool onnx = expect_arithmetic(context) == Arithmetic::onnx;
  if (context.input(i).dtype == DType::i16 && !onnx) return;
  expect_byte(context, i, what);
}

QuantizedOperand grid(const EvalArgs& args, std::size_t scale, std::size_t zero_point) {
  return {args.inputs[scale].data<float>()[0],
          std::int32_t(load_one<std::int64_t>(args.inputs[zero_point], 0))};
}

namespace {

/// Zero points of operand i as far as they are known, else the worst of its type.
std::vector<std::int64_t> zero_points(const InferContext& context, int i, DType type) {
  if (i < 0 || !context.has_input(i)) return {0};
  if (const auto known = context.constant(i)) return known->to_int64();
  return {quantized_range(type)->low};
}

std::int64_t entry_of(const std::vector<std::int64_t>& list, std::size_t i) {
  return list.empty() ? 0 : list[i % list.size()];
}

/// Sum of |w - zero point| for each channel.
std::vector<std::int64_t> magnitudes(const Tensor& w, const std::vector<std::int64_t>& zeros,
                                     const SumOperands& operands) {
  const AxisView view(w.shape(), operands.axis);
  const std::int64_t rows = std::max<std::int64_t>(operands.rows_per_group, 1);
  std::vector<std::int64_t> sums(std::size_t((view.outer + rows - 1) / rows * view.extent));
  std::vector<std::int64_t> row(std::size_t(view.inner));
  for (std::int64_t i = 0; i < view.outer * view.extent; ++i) {
    const auto channel = std::size_t(i / view.extent / rows * view.extent + i % view.extent);
    const std::int64_t zero = entry_of(zeros, channel);
    load(w, i * view.inner, 1, view.inner, row.data());
    for (const std::int64_t value : row) sums[channel] += std::abs(value - zero);
  }
  return sums;
}

}  // namespace

void expect_sums_fit(const InferContext& context, const SumOperands& operands) {
  // ONNX Runtime's sums wrap, and published models have biases that allow for it.
  if (expect_arithmetic(context) == Arithmetic::onnx) return;
  const auto x_range = quantized_range(context.input(operands.x).dtype);
  const DType w_type = context.input(operands.w).dtype;
  const auto w_range = quantized_range(w_type);
  if (!x_range || !w_range) return;
  const auto x_zeros = zero_points(context, operands.x_zero, context.input(operands.x).dtype);
  const auto w_zeros = zero_points(context, operands.w_zero, w_type);
  std::vector<std::int64_t> biases;
  if (operands.bias >= 0 && context.has_input(operands.bias)) {
    if (const auto known = context.constant(operands.bias)) biases = known->to_int64();
  }
  std::int64_t x = 0, w = 0, bias = 0;
  for (const std::int64_t zero : x_zeros) {
    x = std::max(x, largest_distance(*x_range, std::int32_t(zero)));
  }
  for (const std::int64_t zero : w_zeros) {
    w = std::max(w, largest_distance(*w_range, std::int32_t(zero)));
  }
  for (const std::int64_t b : biases) bias = std::max(bias, b < 0 ? -b : b);
  constexpr std::int64_t most = INT32_MAX;
  if (operands.taps < INT64_MAX / 512 && largest_sum(x, operands.taps * w, bias) <= most) return;
  std::vector<std::int64_t> sums{operands.taps < INT64_MAX / 512 ? operands.taps * w : INT64_MAX};
  if (const auto known = context.constant(operands.w)) sums = magnitudes(*known, w_zeros, operands);
  for (std::size_t i = 0; i < std::max(sums.size(), biases.size()); ++i) {
    const std::int64_t bound = largest_sum(x, entry_of(sums, i), entry_of(biases, i));
    if (bound <= most) continue;
    fail(ErrorCode::model,
         "sums of output channel {} may reach {} in magnitude; accepted: {}, what 32 bits hold", i,
         bound, most);
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
