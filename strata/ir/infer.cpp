#include <algorithm>

#include "strata/base/checked.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/known_elements.hpp"
#include "strata/ir/known_extents.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/typing_budget.hpp"

namespace strata::ir {
namespace {

/// A shape may come from a file: what counts its bytes later relies on this.
void check_size(const TensorType& type) {
  const auto shape = as_constant(type.shape);
  if (shape && !checked_mul(shape->elements(), std::int64_t(size_of(type.dtype)))) {
    fail(ErrorCode::model, "a result {} exceeds 63 bits of bytes", to_string(type));
  }
}

}  // namespace

InferContext::InferContext(const Graph& graph, const Node& node, std::span<const Tensor> operands)
    : graph_(graph),
      node_(node),
      operands_(operands),
      output_types_(node.outputs.size()),
      output_elements_(node.outputs.size()) {
  for (const Tensor& operand : operands) {
    operand_types_.push_back({operand.dtype(), {operand.shape().begin(), operand.shape().end()}});
  }
}

int InferContext::inputs() const { return int(node_.inputs.size()); }

bool InferContext::has_input(int i) const {
  return i >= 0 && i < inputs() && node_.inputs[std::size_t(i)] != no_value;
}

const TensorType& InferContext::input(int i) const {
  if (!has_input(i)) fail(ErrorCode::model, "input {} is missing", i);
  if (running()) return operand_types_[std::size_t(i)];
  return graph_.value(node_.inputs[std::size_t(i)]).type;
}

std::optional<std::vector<Dim>> InferContext::elements(int i) const {
  if (!has_input(i)) return std::nullopt;
  if (running()) return known_elements(operands_[std::size_t(i)]);
  const Value& value = graph_.value(node_.inputs[std::size_t(i)]);
  if (value.elements) return value.elements;
  if (!value.constant || value.constant->shape.elements() > most_known_elements) {
    return std::nullopt;
  }
  return known_elements(value.constant->decode());
}

std::optional<std::vector<std::int64_t>> InferContext::integers(int i) const {
  const auto known = elements(i);
  if (!known) return std::nullopt;
  std::vector<std::int64_t> numbers;
  numbers.reserve(known->size());
  for (const Dim& dim : *known) {
    if (!dim.is_constant()) return std::nullopt;
    numbers.push_back(dim.constant());
  }
  return numbers;
}

std::optional<Tensor> InferContext::constant(int i) const {
  if (!has_input(i)) return std::nullopt;
  if (running()) return operands_[std::size_t(i)];
  const Value& value = graph_.value(node_.inputs[std::size_t(i)]);
  return value.constant ? std::optional(value.constant->decode()) : std::nullopt;
}

Dim InferContext::open_extent(int output, int axis) {
  open_ = true;
  const ValueId id =
      std::size_t(output) < node_.outputs.size() ? node_.outputs[std::size_t(output)] : no_value;
  const std::string owner =
      id == no_value ? fmt::format("{}_output{}", node_.name, output) : graph_.value(id).name;
  const std::string symbol = fmt::format("{}_dim{}", owner, axis);
  const std::int64_t* value = KnownExtents::find(symbol);
  return value ? Dim(*value) : Dim::symbol(symbol);
}

void InferContext::set_open_output(int i, DType dtype, int rank) {
  open_ = true;
  if (std::size_t(i) >= output_types_.size()) return;
  TensorType type{dtype, {}};
  for (int axis = 0; axis < rank; ++axis) type.shape.push_back(open_extent(i, axis));
  set_output(i, std::move(type));
}

const Attributes& InferContext::attributes() const { return node_.attributes; }
const Node& InferContext::node() const { return node_; }

void InferContext::set_output(int i, TensorType type) {
  if (std::size_t(i) < output_types_.size()) output_types_[std::size_t(i)] = std::move(type);
}

void InferContext::set_elements(int i, std::vector<Dim> elements) {
  if (std::size_t(i) >= output_elements_.size()) return;
  if (std::int64_t(elements.size()) > most_known_elements) return;
  output_elements_[std::size_t(i)] = std::move(elements);
}

void InferContext::expect_rank(int i, std::string_view what, int rank) const {
  const TensorType& type = input(i);
  if (int(type.shape.size()) != rank) {
    fail(ErrorCode::model, "{} has type {}, expected rank {}", what, to_string(type), rank);
  }
}

void InferContext::expect_same_dtype(int a, int b) const {
  if (input(a).dtype != input(b).dtype) {
    fail(ErrorCode::model, "inputs {} and {} have types {} and {}, expected the same element type",
         a, b, to_string(input(a)), to_string(input(b)));
  }
}

namespace {

/// What the rule said of output i, checked.
TensorType checked_output(std::optional<TensorType>& type, std::size_t i) {
  if (!type) fail(ErrorCode::internal, "the shape rule gives no type to output {}", i);
  if (type->shape.size() > std::size_t(max_rank)) {
    fail(ErrorCode::unsupported, "output {} has rank {}, at most {} are supported", i,
         type->shape.size(), max_rank);
  }
  check_size(*type);
  return std::move(*type);
}

}  // namespace

void infer_node(Graph& graph, NodeId id) {
  Node& node = graph.node(id);
  with_context([&] { return describe(node); },
               [&] {
                 check_schema(node);
                 InferContext context(graph, node);
                 node.op->infer(context);
                 node.open = context.open_;
                 for (std::size_t i = 0; i < node.outputs.size(); ++i) {
                   if (node.outputs[i] == no_value) continue;
                   Value& value = graph.value(node.outputs[i]);
                   value.type = checked_output(context.output_types_[i], i);
                   value.elements = std::move(context.output_elements_[i]);
                 }
                 if (node.outputs.size() != 1 || node.outputs[0] == no_value) return;
                 Value& value = graph.value(node.outputs[0]);
                 if (!value.elements) value.elements = evaluate_known(graph, node);
               });
}

std::vector<TensorType> infer_operands(const Graph& graph, const Node& node,
                                       std::span<const Tensor> operands) {
  InferContext context(graph, node, operands);
  node.op->infer(context);
  std::vector<TensorType> types(node.outputs.size());
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] != no_value) types[i] = checked_output(context.output_types_[i], i);
  }
  return types;
}

void infer_types(Graph& graph) {
  const TypingBudget budget(typing_rules_per_graph);
  for (NodeId id : graph.order()) infer_node(graph, id);
}

Graph with_input_types(const Graph& graph, std::span<const TensorType> types) {
  STRATA_ASSERT(types.size() == graph.inputs.size());
  Graph typed = graph;
  for (std::size_t i = 0; i < types.size(); ++i) typed.value(typed.inputs[i]).type = types[i];
  infer_types(typed);
  return typed;
}

}  // namespace strata::ir
