#include "strata/ir/ops/control.hpp"

#include <algorithm>

#include "strata/ir/builder.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/typing_budget.hpp"

namespace strata::ir {

Graph typed_body(const InferContext& context, std::string_view attribute,
                 std::span<const Value> inputs) {
  const Graph& body = context.attributes().graph(attribute);
  if (body.inputs.size() != inputs.size()) {
    fail(ErrorCode::model, "{} inputs for {}, which takes {}", inputs.size(), attribute,
         body.inputs.size());
  }
  if (!body.states.empty()) fail(ErrorCode::model, "{} has states, expected none", attribute);
  const TypingBudget budget(typing_rules_per_graph);
  TypingBudget::spend(body.order().size() + 1);
  Graph typed = body;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Value& input = typed.value(typed.inputs[i]);
    input.type = inputs[i].type;
    input.elements = inputs[i].elements;
  }
  infer_types(typed);
  return typed;
}

Value captured_operand(const InferContext& context, int i) {
  Value value;
  value.type = context.input(i);
  value.elements = context.elements(i);
  return value;
}

TensorType visible_type(InferContext& context, int output, const TensorType& inner) {
  std::vector<std::string> known;
  for (int i = 0; i < context.inputs(); ++i) {
    if (!context.has_input(i)) continue;
    for (const Dim& dim : context.input(i).shape) dim.collect_symbols(known);
    for (const Dim& dim : context.elements(i).value_or(std::vector<Dim>())) {
      dim.collect_symbols(known);
    }
  }
  TensorType type = inner;
  for (std::size_t axis = 0; axis < type.shape.size(); ++axis) {
    std::vector<std::string> used;
    type.shape[axis].collect_symbols(used);
    const bool visible = std::ranges::all_of(used, [&](const std::string& name) {
      return std::ranges::find(known, name) != known.end();
    });
    if (!visible) type.shape[axis] = context.open_extent(output, int(axis));
  }
  return type;
}

std::int64_t first_element(const Tensor& tensor) {
  if (tensor.elements() < 1) fail(ErrorCode::model, "an empty tensor, expected a scalar");
  if (tensor.dtype() == DType::boolean) return static_cast<const std::uint8_t*>(tensor.raw())[0];
  return tensor.to_int64()[0];
}

Tensor take_slice(const Tensor& tensor, int axis, std::int64_t i) {
  const Shape& whole = tensor.shape();
  std::vector<std::int64_t> dims(whole.begin(), whole.end());
  dims.erase(dims.begin() + axis);
  Tensor slice = Tensor::zeros(tensor.dtype(), Shape(std::span<const std::int64_t>(dims)));
  const std::int64_t inner = stride_of(whole, axis);
  StridedCopy copy;
  copy.axis(whole.elements(0, axis), inner * whole[axis], inner);
  copy.axis(inner, 1, 1);
  copy.run(tensor, i * inner, slice, 0);
  return slice;
}

Tensor stack_slices(std::span<const Tensor> slices, int axis, bool reversed,
                    const TensorType& otherwise) {
  std::vector<std::int64_t> dims;
  if (slices.empty()) {
    for (const Dim& dim : otherwise.shape) dims.push_back(dim.as_constant().value_or(0));
  } else {
    dims.assign(slices[0].shape().begin(), slices[0].shape().end());
  }
  dims.insert(dims.begin() + axis, std::int64_t(slices.size()));
  const Shape shape{std::span<const std::int64_t>(dims)};
  Tensor whole = Tensor::zeros(slices.empty() ? otherwise.dtype : slices[0].dtype(), shape);
  const std::int64_t inner = stride_of(shape, axis);
  const auto count = std::int64_t(slices.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const Tensor& slice = slices[std::size_t(reversed ? count - 1 - i : i)];
    if (slice.shape() != slices[0].shape()) {
      fail(ErrorCode::model, "iterations give shapes {} and {}, which do not stack",
           to_string(slices[0].shape()), to_string(slice.shape()));
    }
    StridedCopy copy;
    copy.axis(shape.elements(0, axis), inner, inner * count);
    copy.axis(inner, 1, 1);
    copy.run(slice, 0, whole, i * inner);
  }
  return whole;
}

}  // namespace strata::ir
