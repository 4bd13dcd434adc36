#include <cmath>

#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/elementwise.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  if (!is_narrow_float(context.input(0).dtype)) expect_float(context, 0, "X");
  context.set_output(0, {DType::boolean, context.input(0).shape});
}

Status is_inf(const EvalArgs& args) {
  const bool negative = args.attributes().integer("detect_negative", 1) != 0;
  const bool positive = args.attributes().integer("detect_positive", 1) != 0;
  map<double>(args.inputs[0], args.outputs[0],
              [&](double x) { return std::isinf(x) && (x > 0 ? positive : negative); });
  return {};
}

Status is_nan(const EvalArgs& args) {
  map<double>(args.inputs[0], args.outputs[0], [](double x) { return std::isnan(x); });
  return {};
}

Replacement decompose_is_nan(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  if (is_narrow(type_of(builder, x).dtype)) return std::nullopt;  // Equal does not take them
  return {{builder.op("Not", {builder.op("Equal", {x, x})})}};
}

std::vector<OpCase> cases(const OpCase::Input& special) {
  using namespace example;
  return {{"special", {special}},
          {"f16", {input(DType::f16, {2, 3})}},
          {"f8", {input(DType::f8e5m2, {5})}},
          {"f64", {input(DType::f64, {2, 3})}},
          {"symbolic", {f32({Dim::symbol("N"), 3})}},
          {"empty", {f32({0, 3})}}};
}

const OpCase::Input special_numbers() {
  return example::values<float>({2, 2}, {-INFINITY, 1, NAN, INFINITY});
}

std::vector<OpCase> is_inf_cases() {
  std::vector<OpCase> all = cases(special_numbers());
  all.push_back({"negative_only", {special_numbers()}, {{"detect_positive", std::int64_t(0)}}});
  all.push_back({"positive_only", {special_numbers()}, {{"detect_negative", std::int64_t(0)}}});
  return all;
}

std::vector<OpCase> is_nan_cases() { return cases(special_numbers()); }

constexpr AttributeDef attributes[] = {{"detect_negative", AttributeKind::integer},
                                       {"detect_positive", AttributeKind::integer}};

}  // namespace

extern const OpDef is_inf_op, is_nan_op;

constinit const OpDef is_inf_op = {.name = "IsInf",
                                   .attributes = attributes,
                                   .infer = infer,
                                   .reference = is_inf,
                                   .cost = elementwise_cost,
                                   .cases = is_inf_cases};
constinit const OpDef is_nan_op = {.name = "IsNaN",
                                   .infer = infer,
                                   .reference = is_nan,
                                   .cost = elementwise_cost,
                                   .decompose = decompose_is_nan,
                                   .cases = is_nan_cases};

}  // namespace strata::ir
