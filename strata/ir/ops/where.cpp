#include "strata/ir/ops/binary.hpp"
#include "strata/ir/ops/movement.hpp"

namespace strata::ir {
namespace {

/// Known elements, if all operands are vectors or scalars and the choice is known too.
void set_chosen_elements(InferContext& context) {
  const auto condition = context.elements(0);
  const auto x = context.elements(1);
  const auto y = context.elements(2);
  const auto shape = as_constant(broadcast_operands(context, 3));
  if (!condition || !x || !y || !shape || shape->rank() > 1) return;
  const auto at = [](const std::vector<Dim>& list, std::size_t i) {
    return list[list.size() == 1 ? 0 : i];
  };
  std::vector<Dim> elements;
  for (std::size_t i = 0; i < std::size_t(shape->elements()); ++i) {
    const Dim choice = at(*condition, i);
    if (!choice.is_constant()) return;
    elements.push_back(choice.constant() != 0 ? at(*x, i) : at(*y, i));
  }
  context.set_elements(0, std::move(elements));
}

void infer(InferContext& context) {
  expect_dtype(context, 0, "condition", DType::boolean);
  context.expect_same_dtype(1, 2);
  context.set_output(0, {context.input(1).dtype, broadcast_operands(context, 3)});
  set_chosen_elements(context);
}

Status reference(const EvalArgs& args) {
  const Tensor& condition = args.inputs[0];
  const bool* chosen = condition.data<bool>().data();
  const BroadcastWalk walk(args.outputs[0].shape(),
                           {condition.shape(), args.inputs[1].shape(), args.inputs[2].shape()});
  walk.rows([&](std::int64_t start, const auto& offsets) {
    for (std::int64_t i = 0; i < walk.row(); ++i) {
      const int from = chosen[offsets[0] + i * walk.step(0)] ? 1 : 2;
      copy_elements(args.inputs[std::size_t(from)],
                    offsets[std::size_t(from)] + i * walk.step(from), args.outputs[0], start + i,
                    1);
    }
  });
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {
      {"same_shape", {values<bool>({2, 2}, {true, false, false, true}), f32({2, 2}), f32({2, 2})}},
      {"broadcast", {values<bool>({2, 1}, {true, false}), f32({3}), f32({2, 3})}},
      {"scalar", {values<bool>({3}, {true, false, true}), f32({}), f32({1})}},
      {"integers", {values<bool>({2}, {true, false}), i64({1, 2}), i64({3, 4})}}};
}

}  // namespace

extern const OpDef where_op;
constinit const OpDef where_op = {
    .name = "Where", .inputs = {3, 3}, .infer = infer, .reference = reference, .cases = cases};

}  // namespace strata::ir
