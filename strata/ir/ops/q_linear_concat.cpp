// Concatenation of quantized tensors, each brought to the grid of the result.
#include <cmath>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/quantized.hpp"
#include "strata/tensor/tflite_functions.hpp"

namespace strata::ir {
namespace {

// Scale and zero point of y come first, then x, x_scale, x_zero_point of each part.
enum { y_scale_at, y_zero_at, first_at };

void infer(InferContext& context) {
  expect_arithmetic(context);
  if ((context.inputs() - first_at) % 3 != 0) {
    fail(ErrorCode::model, "{} operands; accepted: 2 of y and 3 for each part", context.inputs());
  }
  expect_code(context, first_at, "x");
  expect_grid(context, {first_at, y_scale_at, y_zero_at}, "y");
  SymbolicShape shape = context.input(first_at).shape;
  const auto axis = std::size_t(
      normalize_axis(context.attributes().integer("axis", 0), int(shape.size()), "axis"));
  Dim along = 0;
  for (int i = first_at; i < context.inputs(); i += 3) {
    const std::string what = fmt::format("part {}", (i - first_at) / 3);
    context.expect_same_dtype(first_at, i);
    context.expect_rank(i, what, int(shape.size()));
    expect_grid(context, {i, i + 1, i + 2}, what);
    const SymbolicShape& part = context.input(i).shape;
    along = along + part[axis];
    for (std::size_t k = 0; k < shape.size(); ++k) {
      if (k == axis) continue;
      expect_extent(fmt::format("extent {} of {}", k, what), part[k], shape[k]);
      if (part[k].is_constant()) shape[k] = part[k];
    }
  }
  shape[axis] = along;
  context.set_output(0, {context.input(first_at).dtype, std::move(shape)});
}

/// A code on another grid; equal grids copy.
std::int32_t moved(std::int32_t code, Arithmetic arithmetic, QuantizedOperand x, QuantizedOperand y,
                   QuantizedRange range) {
  if (x.scale == y.scale && x.zero_point == y.zero_point) return code;
  if (arithmetic == Arithmetic::onnx) {
    const float number = x.scale * float(code - x.zero_point);
    return round_then_shift(number / y.scale, y.zero_point, range);
  }
  const float scale = x.scale * (1.0f / y.scale);
  const float bias = -float(x.zero_point) * scale;
  return round_then_shift(std::round(float(code) * scale + bias), y.zero_point, range);
}

Status reference(const EvalArgs& args) {
  Tensor& y = args.outputs[0];
  const AxisView view(
      y.shape(), normalize_axis(args.attributes().integer("axis", 0), y.shape().rank(), "axis"));
  const QuantizedOperand to = grid(args, y_scale_at, y_zero_at);
  const QuantizedRange range = *quantized_range(y.dtype());
  const Arithmetic arithmetic = arithmetic_of(args.attributes());
  const std::int64_t y_row = view.extent * view.inner;
  dispatch_code(y.dtype(), [&]<class T>() {
    std::int64_t start = 0;
    for (std::size_t i = first_at; i < args.inputs.size(); i += 3) {
      const QuantizedOperand from = grid(args, i + 1, i + 2);
      const Tensor& x = args.inputs[i];
      const std::int64_t row = view.outer == 0 ? 0 : x.elements() / view.outer;
      const T* source = x.data<T>().data();
      T* target = y.mutable_data<T>().data() + start;
      CodeTable table{};
      const auto code = [&](T c) { return moved(c, arithmetic, from, to, range); };
      if (sizeof(T) == 1) table = table_of(range, [&](std::int32_t c) { return code(T(c)); });
      for (std::int64_t k = 0; k < x.elements(); ++k) {
        const T c = source[k];
        target[k / row * y_row + k % row] = T(sizeof(T) == 1 ? table[std::uint8_t(c)] : code(c));
      }
      start += row;
    }
  });
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto z = [](int value) { return scalar<std::uint8_t>(std::uint8_t(value)); };
  const auto make = [&](std::string_view name, std::string_view arithmetic) {
    return OpCase{name,
                  {scalar(0.1f), z(3), input(DType::u8, {2, 3}), scalar(0.1f), z(3),
                   input(DType::u8, {2, 1}), scalar(0.25f), z(1)},
                  {{"arithmetic", std::string(arithmetic)}, {"axis", std::int64_t(1)}}};
  };
  return {make("onnx", "onnx"),
          make("reference", "tflite_reference"),
          {"symbolic",
           {scalar(0.1f), z(3), input(DType::u8, {Dim::symbol("N"), 3}), scalar(0.3f), z(0)},
           {{"axis", std::int64_t(-1)}}}};
}

constexpr AttributeDef attributes[] = {{"arithmetic", AttributeKind::string},
                                       {"axis", AttributeKind::integer, true}};

}  // namespace

extern const OpDef q_linear_concat_op;
constinit const OpDef q_linear_concat_op = {.name = "QLinearConcat",
                                            .domain = "strata",
                                            .inputs = {5, variadic},
                                            .attributes = attributes,
                                            .infer = infer,
                                            .reference = reference,
                                            .cost = elementwise_cost,
                                            .cases = cases};

}  // namespace strata::ir
