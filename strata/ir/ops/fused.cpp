#include <algorithm>

#include "strata/ir/builder.hpp"
#include "strata/ir/cost.hpp"
#include "strata/ir/inline.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"

// strata.Fused: several nodes that one kernel may compute together. What it means is its body;
// inputs and outputs are those of the body, in order.

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  const Graph& body = context.attributes().graph("body");
  if (body.inputs.size() != std::size_t(context.inputs()) ||
      body.outputs.size() != context.node().outputs.size()) {
    fail(ErrorCode::model, "{} inputs and {} outputs, but the body has {} and {}", context.inputs(),
         context.node().outputs.size(), body.inputs.size(), body.outputs.size());
  }
  if (!body.states.empty()) fail(ErrorCode::model, "the body has states, expected none");
  Graph typed = body;
  for (int i = 0; i < context.inputs(); ++i) {
    Value& input = typed.value(typed.inputs[std::size_t(i)]);
    input.type = context.input(i);
    input.elements = context.elements(i);
  }
  infer_types(typed);
  for (std::size_t i = 0; i < typed.outputs.size(); ++i) {
    const Value& output = typed.value(typed.outputs[i]);
    context.set_output(int(i), output.type);
    if (output.elements) context.set_elements(int(i), *output.elements);
  }
}

/// The body for operands of these types: those it was built for are only an example.
Graph body_for(const EvalArgs& args) {
  std::vector<TensorType> types;
  for (const Tensor& input : args.inputs) {
    types.push_back({input.dtype(), {input.shape().begin(), input.shape().end()}});
  }
  return with_input_types(args.attributes().graph("body"), types);
}

/// Allocates, unlike every other reference: the kernels that matter match the body.
Status reference(const EvalArgs& args) {
  const auto results = interpret(body_for(args), args.inputs);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!args.outputs[i].present()) continue;
    const auto from = results[i].bytes();
    std::copy(from.begin(), from.end(), static_cast<std::byte*>(args.outputs[i].mutable_raw()));
  }
  return {};
}

Cost cost(const CostArgs& args) {
  const Graph& body = args.node.attributes.graph("body");
  std::vector<TensorType> types;
  for (std::size_t i = 0; i < args.inputs.size(); ++i) {
    const Shape& shape = args.inputs[i];
    types.push_back({body.value(body.inputs[i]).type.dtype, {shape.begin(), shape.end()}});
  }
  const Graph typed = with_input_types(body, types);
  return total_cost(typed, {});
}

std::optional<std::vector<ValueId>> decompose(Builder& builder, const Node& node) {
  return inline_graph(builder.graph(), node.attributes.graph("body"), node.inputs);
}

std::vector<OpCase> cases() {
  auto body = std::make_shared<Graph>();
  const TensorType type{DType::f32, {Dim::symbol("N"), 3}};
  Builder builder(*body);
  const ValueId a = body->add_input("a", type);
  const ValueId b = body->add_input("b", type);
  body->outputs = {builder.op("Relu", {builder.op("Add", {a, b})})};
  return {{.name = "add_relu",
           .inputs = {{.type = type}, {.type = type}},
           .attributes = {{"body", Subgraph(body)}}}};
}

constexpr AttributeDef attributes[] = {{"body", AttributeKind::graph, true}};

}  // namespace

extern const OpDef fused_op;
constinit const OpDef fused_op = {.name = "Fused",
                                  .domain = "strata",
                                  .inputs = {0, variadic},
                                  .outputs = {1, variadic},
                                  .attributes = attributes,
                                  .infer = infer,
                                  .reference = reference,
                                  .cost = cost,
                                  .decompose = decompose,
                                  .cases = cases};

}  // namespace strata::ir
