#include "strata/ir/known_elements.hpp"

#include <algorithm>

#include "strata/ir/op.hpp"

namespace strata::ir {
namespace {

bool is_planning_type(DType type) {
  return type == DType::i64 || type == DType::i32 || type == DType::boolean;
}

/// What a value holds, if it is small and known as numbers.
std::optional<Tensor> small_tensor(const Value& value) {
  if (value.constant) {
    if (value.constant->shape.elements() > most_known_elements) return std::nullopt;
    return value.constant->decode().aligned();
  }
  const auto shape = as_constant(value.type.shape);
  if (!value.elements || !shape) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const Dim& element : *value.elements) {
    if (!element.is_constant()) return std::nullopt;
    numbers.push_back(element.constant());
  }
  if (shape->elements() != std::int64_t(numbers.size())) return std::nullopt;
  return Tensor::from<std::int64_t>(*shape, numbers).cast(value.type.dtype);
}

/// Planning asks again and again, of files that nobody vouches for.
bool is_cheap(const Node& node, std::span<const Tensor> inputs, const Shape& output) {
  constexpr std::int64_t most_operations = 16 * most_known_elements;
  if (!node.op->cost) return true;  // moves each element once
  std::vector<Shape> shapes;
  for (const Tensor& input : inputs) shapes.push_back(input.shape());
  const Cost cost = node.op->cost({node, shapes, std::span(&output, 1)});
  return cost.macs <= most_operations && cost.flops <= most_operations;
}

}  // namespace

std::optional<std::vector<Dim>> known_elements(const Tensor& tensor) {
  if (!is_planning_type(tensor.dtype()) || tensor.elements() > most_known_elements) {
    return std::nullopt;
  }
  const std::vector<std::int64_t> numbers = tensor.to_int64();
  return std::vector<Dim>(numbers.begin(), numbers.end());
}

std::optional<std::vector<Dim>> evaluate_known(const Graph& graph, const Node& node) {
  if (!node.op->reference || node.open || node.inputs.empty() || node.outputs.size() != 1 ||
      node.outputs[0] == no_value) {
    return std::nullopt;
  }
  const TensorType& type = graph.value(node.outputs[0]).type;
  const auto shape = as_constant(type.shape);
  if (!is_planning_type(type.dtype) || !shape || shape->elements() > most_known_elements) {
    return std::nullopt;
  }
  std::vector<Tensor> inputs;
  for (const ValueId id : node.inputs) {
    auto tensor = id == no_value ? Tensor() : small_tensor(graph.value(id));
    if (!tensor) return std::nullopt;
    inputs.push_back(std::move(*tensor));
  }
  if (!is_cheap(node, inputs, *shape)) return std::nullopt;
  Tensor output = Tensor::zeros(type.dtype, *shape);
  // What data get wrong, the run will say.
  if (!run_reference(node, inputs, std::span(&output, 1))) return std::nullopt;
  return known_elements(output);
}

}  // namespace strata::ir
