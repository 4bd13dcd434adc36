#include "strata/ir/ops/control.hpp"
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
      fail(ErrorCode::unsupported,
           "output {} is {} in one branch and {} in the other; accepted: branches of one rank", i,
           to_string(a), to_string(b));
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

constexpr AttributeDef attributes[] = {{"then_branch", AttributeKind::graph, true},
                                       {"else_branch", AttributeKind::graph, true}};

}  // namespace

extern const OpDef if_op;
constinit const OpDef if_op = {.name = "If",
                               .inputs = {1, variadic},
                               .outputs = {1, variadic},
                               .attributes = attributes,
                               .infer = infer,
                               .control = control};

}  // namespace strata::ir
