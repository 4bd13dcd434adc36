#include <limits>

#include "strata/ir/builder.hpp"
#include "strata/ir/ops/control.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

// Loop: operands are the trip count, the condition, the carried values, and last, as many as the
// attribute `captures` says, what the body reads besides. The body takes the iteration, the
// condition, the carried values and the captures; it gives the next condition, the carried values
// and one slice of each collected output.

namespace strata::ir {
namespace {

constexpr int first_carried = 2;

struct Counts {
  int carried, captures, collected;
};

Counts counts_of(const Node& node) {
  const Graph& body = node.attributes.graph("body");
  const std::int64_t captures = node.attributes.integer("captures", 0);
  const auto operands = std::int64_t(node.inputs.size());
  const auto outputs = std::int64_t(body.outputs.size());
  if (captures < 0 || operands < first_carried + captures ||
      outputs < 1 + operands - first_carried - captures ||
      std::int64_t(body.inputs.size()) != operands) {
    fail(ErrorCode::model,
         "{} operands, {} of them captures, for a body of {} inputs and {} outputs; expected as "
         "many operands as inputs and an output for the condition and each carried value",
         operands, captures, body.inputs.size(), outputs);
  }
  const int carried = int(operands - first_carried - captures);
  return {carried, int(captures), int(outputs) - 1 - carried};
}

Value scalar_of(const Graph& body, std::size_t i, DType dtype) {
  Value value;
  const SymbolicShape& declared = body.value(body.inputs[i]).type.shape;
  value.type = {dtype, declared.size() == 1 ? SymbolicShape{1} : SymbolicShape{}};
  return value;
}

/// Opens the extents that an iteration changes, or all of them if it changes any; whether none did.
bool open_changed(InferContext& context, int i, TensorType& before, const TensorType& after,
                  bool all) {
  bool settled = true;
  for (std::size_t axis = 0; axis < after.shape.size(); ++axis) {
    const Dim open = context.open_extent(i, int(axis));
    if (before.shape[axis] == open) continue;
    if (!all && before.shape[axis] == after.shape[axis]) continue;
    settled = settled && before.shape[axis] == after.shape[axis];
    before.shape[axis] = open;
  }
  return settled;
}

/// Carried values keep their rank; extents that an iteration changes become open. In the second
/// round all of a loop's extents do, so that chains of loops settle in a few.
Graph settled_body(InferContext& context, const Counts& counts) {
  const Graph& body = context.attributes().graph("body");
  std::vector<Value> inputs = {scalar_of(body, 0, DType::i64), scalar_of(body, 1, DType::boolean)};
  for (int i = first_carried; i < context.inputs(); ++i) {
    inputs.push_back(captured_operand(context, i));
    if (i < first_carried + counts.carried) inputs.back().elements.reset();
  }
  for (int round = 0;; ++round) {
    Graph typed = typed_body(context, "body", inputs);
    bool settled = true;
    for (int i = 0; i < counts.carried; ++i) {
      TensorType& before = inputs[std::size_t(first_carried + i)].type;
      const TensorType& after = typed.value(typed.outputs[std::size_t(1 + i)]).type;
      if (before.dtype != after.dtype || before.shape.size() != after.shape.size()) {
        fail(ErrorCode::unsupported,
             "carried value {} is {} before an iteration and {} after it; accepted: one element "
             "type and rank",
             i, to_string(before), to_string(after));
      }
      settled = open_changed(context, i, before, after, round > 0) && settled;
    }
    if (settled) return typed;
  }
}

void infer(InferContext& context) {
  const Counts counts = counts_of(context.node());
  if (context.has_input(0)) expect_dtype(context, 0, "M", DType::i64);
  if (context.has_input(1)) expect_dtype(context, 1, "cond", DType::boolean);
  expect_between("number of outputs", std::int64_t(context.node().outputs.size()), 1,
                 counts.carried + counts.collected);
  const Graph body = settled_body(context, counts);
  for (int i = 0; i < counts.carried; ++i) {
    // Not what the last iteration gives, but what holds after any number of them.
    context.set_output(i, body.value(body.inputs[std::size_t(first_carried + i)]).type);
  }
  for (int i = counts.carried; i < counts.carried + counts.collected; ++i) {
    if (i >= int(context.node().outputs.size())) break;
    const TensorType& slice = body.value(body.outputs[std::size_t(1 + i)]).type;
    TensorType whole{slice.dtype, {context.open_extent(i, 0)}};
    for (std::size_t axis = 0; axis < slice.shape.size(); ++axis) {
      whole.shape.push_back(context.open_extent(i, int(axis) + 1));
      if (slice.shape[axis].is_constant()) whole.shape.back() = slice.shape[axis];
    }
    context.set_output(i, std::move(whole));
  }
}

std::vector<Tensor> control(const ControlArgs& args) {
  const Counts counts = counts_of(args.node);
  const Graph& body = args.node.attributes.graph("body");
  const std::int64_t trips = args.inputs[0].present() ? first_element(args.inputs[0])
                                                      : std::numeric_limits<std::int64_t>::max();
  std::vector<Tensor> operands(args.inputs.begin(), args.inputs.end());
  const auto scalar_shape = [&](std::size_t i) {
    return body.value(body.inputs[i]).type.shape.size() == 1 ? Shape{1} : Shape{};
  };
  bool goes_on = !args.inputs[1].present() || first_element(args.inputs[1]) != 0;
  std::vector<std::vector<Tensor>> slices(std::size_t(counts.collected));
  for (std::int64_t i = 0; i < trips && goes_on; ++i) {
    operands[0] = Tensor::scalar(i).reshaped(scalar_shape(0));
    operands[1] = Tensor::scalar(goes_on).reshaped(scalar_shape(1));
    std::vector<Tensor> results = args.call("body", operands);
    goes_on = first_element(results[0]) != 0;
    for (int c = 0; c < counts.carried; ++c) {
      operands[std::size_t(first_carried + c)] = std::move(results[std::size_t(1 + c)]);
    }
    for (std::size_t c = 0; c < slices.size(); ++c) {
      slices[c].push_back(std::move(results[std::size_t(1 + counts.carried) + c]));
    }
  }
  std::vector<Tensor> outputs;
  for (int c = 0; c < counts.carried; ++c) {
    outputs.push_back(std::move(operands[std::size_t(first_carried + c)]));
  }
  for (std::size_t c = 0; c < slices.size(); ++c) {
    const ValueId slice = body.outputs[std::size_t(1 + counts.carried) + c];
    outputs.push_back(stack_slices(slices[c], 0, false, body.value(slice).type));
  }
  outputs.resize(args.node.outputs.size());
  return outputs;
}

/// Adds the step to the carried value and collects the negated sums, or appends it.
Subgraph body_of(bool grows) {
  auto body = std::make_shared<Graph>();
  Builder builder(*body);
  body->add_input("i", {DType::i64, {}});
  const ValueId goes_on = body->add_input("goes_on", {DType::boolean, {}});
  const TensorType type{DType::f32, {grows ? Dim::symbol("L") : Dim(2)}};
  const ValueId x = body->add_input("x", type);
  const ValueId step = body->add_input("step", {DType::f32, {2}});
  const ValueId next = grows ? builder.op("Concat", {x, step}, {{"axis", std::int64_t(0)}})
                             : builder.op("Add", {x, step});
  body->outputs = {builder.op("Identity", {goes_on}), next};
  if (!grows) body->outputs.push_back(builder.op("Neg", {next}));
  return body;
}

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  return {{"counted",
           {scalar<std::int64_t>(3), omitted(), f32({2}), f32({2})},
           {{"body", body_of(false)}, {"captures", one}},
           2},
          {"never",
           {omitted(), scalar(false), f32({2}), f32({2})},
           {{"body", body_of(false)}, {"captures", one}},
           2},
          {"grows",
           {scalar<std::int64_t>(3), scalar(true), f32({2}), f32({2})},
           {{"body", body_of(true)}, {"captures", one}}}};
}

constexpr AttributeDef attributes[] = {{"body", AttributeKind::graph, true},
                                       {"captures", AttributeKind::integer}};

}  // namespace

void settle_loop(Graph& graph, NodeId id) {
  Node& node = graph.node(id);
  InferContext context(graph, node);
  Graph body = settled_body(context, counts_of(node));
  node.attributes.set("body", Subgraph(std::make_shared<Graph>(std::move(body))));
  infer_node(graph, id);
}

extern const OpDef loop_op;
constinit const OpDef loop_op = {.name = "Loop",
                                 .inputs = {0, variadic},
                                 .outputs = {1, variadic},
                                 .attributes = attributes,
                                 .infer = infer,
                                 .control = control,
                                 .cases = cases};

}  // namespace strata::ir
