#include <limits>

#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

constexpr std::string_view activations[] = {"none", "silu", "swish"};

void infer(InferContext& context) {
  expect_float(context, 0, "input");
  expect_word(context.attributes(), "activation", activations[0], activations);
  context.expect_rank(0, "input", 3);
  context.expect_rank(1, "weight", 3);
  context.expect_same_dtype(0, 1);
  const SymbolicShape& x = context.input(0).shape;
  const SymbolicShape& w = context.input(1).shape;
  expect_known("number of channels", w[0]);
  expect_extent("extent 0 of weight", w[0], x[1]);
  expect_extent("extent 1 of weight", w[1], 1);
  const std::int64_t size = expect_known("kernel size", w[2]);
  expect_between("kernel size", size, 1, std::numeric_limits<std::int32_t>::max());
  if (context.has_input(2)) {
    context.expect_same_dtype(0, 2);
    context.expect_rank(2, "bias", 1);
    expect_extent("length of bias", context.input(2).shape[0], w[0]);
  }
  if (context.has_input(3)) {
    context.expect_same_dtype(0, 3);
    context.expect_rank(3, "past_state", 3);
    const Dim expected[] = {x[0], x[1], size - 1};
    for (std::size_t i = 0; i < 3; ++i) {
      expect_extent(fmt::format("extent {} of past_state", i), context.input(3).shape[i],
                    expected[i]);
    }
  }
  context.set_output(0, context.input(0));
  context.set_output(1, {context.input(0).dtype, {x[0], x[1], size - 1}});
}

Replacement decompose(Builder& builder, const Node& node) {
  const SymbolicShape w = type_of(builder, node.inputs[1]).shape;
  const std::int64_t before = w[2].constant() - 1;
  const ValueId past = input_of(node, 3);
  const ValueId x =
      past == no_value
          ? builder.op("Pad", {node.inputs[0], builder.integers({0, 0, before, 0, 0, 0})})
          : builder.op("Concat", {past, node.inputs[0]}, {{"axis", std::int64_t(2)}});
  std::vector<ValueId> operands{x, node.inputs[1]};
  if (input_of(node, 2) != no_value) operands.push_back(node.inputs[2]);
  ValueId y = builder.op("Conv", operands, {{"group", w[0].constant()}});
  if (text_view(node.attributes, "activation", activations[0]) != activations[0]) {
    y = builder.op("Mul", {y, builder.op("Sigmoid", {y})});
  }
  const ValueId present =
      before == 0 ? slice(builder, x, 2, 0, 0)
                  : slice(builder, x, 2, -before, std::numeric_limits<std::int64_t>::max());
  std::vector<ValueId> results{y, present};
  results.resize(node.outputs.size());
  return results;
}

Cost cost(const CostArgs& args) { return {.macs = args.outputs[0].elements() * args.inputs[1][2]}; }

std::vector<OpCase> cases() {
  using namespace example;
  const Attributes silu{{"activation", std::string("silu")}};
  return {{"plain", {f32({2, 3, 6}), weight({3, 1, 4}), weight({3})}, {}, 2},
          {"stateful", {f32({2, 3, 2}), weight({3, 1, 4}), omitted(), f32({2, 3, 3})}, silu, 2},
          {"point", {f32({1, 2, 5}), weight({2, 1, 1})}, {}, 2},
          {"symbolic", {f32({Dim::symbol("N"), 2, 5}), weight({2, 1, 3})}, silu, 2}};
}

constexpr AttributeDef attributes[] = {{"activation", AttributeKind::string}};

}  // namespace

extern const OpDef causal_conv_with_state_op;
constinit const OpDef causal_conv_with_state_op = {.name = "CausalConvWithState",
                                                   .inputs = {2, 4},
                                                   .outputs = {1, 2},
                                                   .attributes = attributes,
                                                   .infer = infer,
                                                   .cost = cost,
                                                   .decompose = decompose,
                                                   .cases = cases};

}  // namespace strata::ir
