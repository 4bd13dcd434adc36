#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  const DType to = context.input(1).dtype;
  context.set_output(0, {to, context.input(0).shape});
  if (to != DType::i64 && to != DType::i32) return;
  if (auto elements = context.elements(0)) context.set_elements(0, *std::move(elements));
}

Replacement decompose(Builder& builder, const Node& node) {
  Attributes attributes = node.attributes;
  attributes.set("to", type_of(builder, node.inputs[1]).dtype);
  return {{builder.op("Cast", {node.inputs[0]}, std::move(attributes))}};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {{"f16", {f32({3, 5}), input(DType::f16, {1})}},
          {"integers", {input(DType::f64, {3}), scalar<std::int32_t>(0)}},
          {"bool", {f32({3}), input(DType::boolean, {2})}},
          {"symbolic", {f32({Dim::symbol("N"), 3}), input(DType::f64, {Dim::symbol("M")})}},
          {"empty", {f32({0}), input(DType::f16, {1})}}};
}

constexpr AttributeDef attributes[] = {{"round_mode", AttributeKind::string},
                                       {"saturate", AttributeKind::integer}};

}  // namespace

extern const OpDef cast_like_op;
constinit const OpDef cast_like_op = {.name = "CastLike",
                                      .inputs = {2, 2},
                                      .attributes = attributes,
                                      .infer = infer,
                                      .cost = elementwise_cost,
                                      .decompose = decompose,
                                      .cases = cases};

}  // namespace strata::ir
