#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/elementwise.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_number(context, 0, "input");
  constexpr std::string_view limits[] = {"input", "min", "max"};
  for (int i = 1; i < 3; ++i) {
    if (!context.has_input(i)) continue;
    context.expect_same_dtype(0, i);
    context.expect_rank(i, limits[i], 0);
  }
  context.set_output(0, context.input(0));
}

// Min(max, Max(input, min)): where the limits cross, max wins.
Status reference(const EvalArgs& args) {
  dispatch_compute(args.inputs[0].dtype(), [&]<class C>() {
    const bool has_low = args.has_input(1);
    const bool has_high = args.has_input(2);
    const C low = has_low ? load_one<C>(args.inputs[1], 0) : C(0);
    const C high = has_high ? load_one<C>(args.inputs[2], 0) : C(0);
    map<C>(args.inputs[0], args.outputs[0], [&](C x) {
      if (has_low && x < low) x = low;
      return has_high && x > high ? high : x;
    });
  });
  return {};
}

Replacement decompose(Builder& builder, const Node& node) {
  ValueId x = node.inputs[0];
  if (node.inputs.size() > 1 && node.inputs[1] != no_value) {
    x = builder.op("Max", {x, node.inputs[1]});
  }
  if (node.inputs.size() > 2 && node.inputs[2] != no_value) {
    x = builder.op("Min", {x, node.inputs[2]});
  }
  return {{x}};
}

std::vector<OpCase> cases() {
  using namespace example;
  const auto make = [](std::string_view name, std::vector<OpCase::Input> inputs) {
    return OpCase{.name = name, .inputs = std::move(inputs), .low = -8, .high = 8};
  };
  return {make("relu6", {f32({3, 7}), scalar(0.0f), scalar(6.0f)}),
          make("min_only", {f32({3, 7}), scalar(-1.5f)}),
          make("max_only", {f32({3, 7}), omitted(), scalar(2.5f)}),
          make("no_limits", {f32({3, 7})}),
          make("crossed", {f32({3, 7}), scalar(2.0f), scalar(1.0f)}),
          make("symbolic", {f32({Dim::symbol("N"), 3}), scalar(0.0f), scalar(6.0f)}),
          make("f16", {input(DType::f16, {9}), scalar(Half(-1.0f)), scalar(Half(1.0f))}),
          make("i8", {values<std::int8_t>({3}, {-100, 3, 100}), scalar<std::int8_t>(-10),
                      scalar<std::int8_t>(10)})};
}

}  // namespace

extern const OpDef clip_op;
constinit const OpDef clip_op = {.name = "Clip",
                                 .inputs = {1, 3},
                                 .infer = infer,
                                 .reference = reference,
                                 .cost = elementwise_cost,
                                 .decompose = decompose,
                                 .cases = cases};

}  // namespace strata::ir
