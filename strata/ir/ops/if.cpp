#include "strata/ir/builder.hpp"
#include "strata/ir/ops/control.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

// If: operands are the condition, what the first branch reads, what the second one reads.

namespace strata::ir {
namespace {

/// Operands of a branch: where they start and how many there are.
struct Part {
  int first, count;
};

Part operands_of(const Node& node, std::string_view branch) {
  const int of_then = int(node.attributes.graph("then_branch").inputs.size());
  const int of_else = int(node.attributes.graph("else_branch").inputs.size());
  if (int(node.inputs.size()) != 1 + of_then + of_else) {
    fail(ErrorCode::model, "{} operands for branches that take {} and {}, expected {}",
         node.inputs.size(), of_then, of_else, 1 + of_then + of_else);
  }
  return branch == "then_branch" ? Part{1, of_then} : Part{1 + of_then, of_else};
}

Graph typed_branch(const InferContext& context, std::string_view branch) {
  const Part part = operands_of(context.node(), branch);
  std::vector<Value> inputs;
  for (int i = 0; i < part.count; ++i) inputs.push_back(captured_operand(context, part.first + i));
  Graph typed = typed_body(context, branch, inputs);
  if (typed.outputs.size() != context.node().outputs.size()) {
    fail(ErrorCode::model, "{} gives {} outputs, expected {}", branch, typed.outputs.size(),
         context.node().outputs.size());
  }
  return typed;
}

/// Only one branch ever runs.
void infer_known(InferContext& context, bool condition) {
  const Graph taken = typed_branch(context, condition ? "then_branch" : "else_branch");
  for (int i = 0; i < int(taken.outputs.size()); ++i) {
    context.set_output(i,
                       visible_type(context, i, taken.value(taken.outputs[std::size_t(i)]).type));
  }
}

void infer(InferContext& context) {
  expect_dtype(context, 0, "cond", DType::boolean);
  if (const auto known = context.integers(0)) {
    if (known->size() != 1)
      fail(ErrorCode::model, "cond has {} elements, expected 1", known->size());
    return infer_known(context, known->front() != 0);
  }
  const Graph yes = typed_branch(context, "then_branch");
  const Graph no = typed_branch(context, "else_branch");
  for (int i = 0; i < int(yes.outputs.size()); ++i) {
    TensorType a = visible_type(context, i, yes.value(yes.outputs[std::size_t(i)]).type);
    const TensorType b = visible_type(context, i, no.value(no.outputs[std::size_t(i)]).type);
    if (a.dtype != b.dtype) {
      fail(ErrorCode::model, "output {} is {} in one branch and {} in the other", i, to_string(a),
           to_string(b));
    }
    if (a.shape.size() != b.shape.size()) {
      // Exporters guard a Squeeze like this: what follows was written for the squeezed rank. A run
      // that takes the other branch says so.
      context.set_output(i, a.shape.size() < b.shape.size() ? a : b);
      continue;
    }
    for (std::size_t axis = 0; axis < a.shape.size(); ++axis) {
      if (a.shape[axis] != b.shape[axis]) a.shape[axis] = context.open_extent(i, int(axis));
    }
    context.set_output(i, std::move(a));
  }
}

std::vector<Tensor> control(const ControlArgs& args) {
  const std::string_view branch = first_element(args.inputs[0]) ? "then_branch" : "else_branch";
  const Part part = operands_of(args.node, branch);
  return args.call(branch, args.inputs.subspan(std::size_t(part.first), std::size_t(part.count)));
}

/// A branch of one op on one operand.
Subgraph branch_of(std::string_view op, const SymbolicShape& shape) {
  auto branch = std::make_shared<Graph>();
  const ValueId x = branch->add_input("x", {DType::f32, shape});
  branch->outputs = {Builder(*branch).op(op, {x})};
  return branch;
}

std::vector<OpCase> cases() {
  using namespace example;
  const SymbolicShape shape = {2, Dim::symbol("N")};
  const Attributes branches = {{"then_branch", branch_of("Neg", shape)},
                               {"else_branch", branch_of("Exp", shape)}};
  return {{"taken", {scalar(true), f32(shape), f32(shape)}, branches},
          {"not_taken", {scalar(false), f32(shape), f32(shape)}, branches},
          {"open", {input(DType::boolean, {}), f32(shape), f32(shape)}, branches},
          {"open_extent",
           {input(DType::boolean, {}), f32({3}), f32({4})},
           {{"then_branch", branch_of("Neg", {3})}, {"else_branch", branch_of("Neg", {4})}}}};
}

constexpr AttributeDef attributes[] = {{"else_branch", AttributeKind::graph, true},
                                       {"then_branch", AttributeKind::graph, true}};

}  // namespace

extern const OpDef if_op;
constinit const OpDef if_op = {.name = "If",
                               .inputs = {1, variadic},
                               .outputs = {1, variadic},
                               .attributes = attributes,
                               .infer = infer,
                               .control = control,
                               .cases = cases};

}  // namespace strata::ir
