#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer_lp(InferContext& context) {
  expect_float(context, 0, "input");
  expect_between("p", context.attributes().integer("p", 2), 1, 2);
  normalize_axis(context.attributes().integer("axis", -1), rank_of(context, 0), "axis");
  context.set_output(0, context.input(0));
}

// x / norm; where the norm is zero so are all elements, and they stay.
Replacement decompose_lp(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  const bool sum = node.attributes.integer("p", 2) == 1;
  const ValueId norm = builder.op(sum ? "ReduceL1" : "ReduceL2",
                                  {x, builder.integers({node.attributes.integer("axis", -1)})});
  const ValueId zero = builder.op("Equal", {norm, scalar_like(builder, x, 0)});
  const ValueId divisor = builder.op("Where", {zero, scalar_like(builder, x, 1), norm});
  return {{builder.op("Div", {x, divisor})}};
}

std::vector<std::int64_t> variance_axes(const Attributes& attributes) {
  return attributes.integers("axes", {0, 2, 3});
}

void infer_mean_variance(InferContext& context) {
  expect_float(context, 0, "X");
  normalize_axes(variance_axes(context.attributes()), rank_of(context, 0), "axes");
  context.set_output(0, context.input(0));
}

// (x - mean) / (deviation + 1e-9)
Replacement decompose_mean_variance(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  const ValueId axes = builder.integers(variance_axes(node.attributes));
  const ValueId centred = builder.op("Sub", {x, builder.op("ReduceMean", {x, axes})});
  const ValueId variance = builder.op("ReduceMean", {builder.op("Mul", {centred, centred}), axes});
  const ValueId deviation = builder.op("Sqrt", {variance});
  const ValueId divisor = builder.op("Add", {deviation, scalar_like(builder, x, 1e-9)});
  return {{builder.op("Div", {centred, divisor})}};
}

Cost cost(const CostArgs& args) { return {.flops = 4 * args.outputs[0].elements()}; }

using example::f32;

std::vector<OpCase> lp_cases() {
  const std::int64_t one = 1;
  return {{"rows", {f32({3, 5})}},
          {"l1", {f32({2, 4, 3})}, {{"p", one}, {"axis", one}}},
          {"zeros", {example::values<float>({2, 2}, {0, 0, 3, 4})}},
          {"f16", {example::input(DType::f16, {2, 3})}, {{"axis", std::int64_t(0)}}},
          {"symbolic", {f32({Dim::symbol("N"), 3})}},
          {"empty", {f32({0, 3})}}};
}

std::vector<OpCase> mean_variance_cases() {
  return {{"image", {f32({3, 3, 2, 4})}},
          {"axes", {f32({3, 5})}, {{"axes", std::vector<std::int64_t>{-1}}}},
          {"f16", {example::input(DType::f16, {2, 3, 2, 2})}},
          {"symbolic", {f32({Dim::symbol("N"), 2, 3, 3})}}};
}

constexpr AttributeDef lp_attributes[] = {{"axis", AttributeKind::integer},
                                          {"p", AttributeKind::integer}};
constexpr AttributeDef mean_variance_attributes[] = {{"axes", AttributeKind::integers}};

}  // namespace

extern const OpDef lp_normalization_op, mean_variance_normalization_op;

constinit const OpDef lp_normalization_op = {.name = "LpNormalization",
                                             .attributes = lp_attributes,
                                             .infer = infer_lp,
                                             .cost = cost,
                                             .decompose = decompose_lp,
                                             .cases = lp_cases};
constinit const OpDef mean_variance_normalization_op = {.name = "MeanVarianceNormalization",
                                                        .attributes = mean_variance_attributes,
                                                        .infer = infer_mean_variance,
                                                        .cost = cost,
                                                        .decompose = decompose_mean_variance,
                                                        .cases = mean_variance_cases};

}  // namespace strata::ir
