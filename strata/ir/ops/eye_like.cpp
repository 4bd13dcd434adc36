#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  context.expect_rank(0, "input", 2);
  TensorType type = context.input(0);
  if (context.attributes().has("dtype")) type.dtype = context.attributes().dtype("dtype");
  context.set_output(0, std::move(type));
}

Status reference(const EvalArgs& args) {
  const Shape& shape = args.outputs[0].shape();
  const std::int64_t k = args.attributes().integer("k", 0);
  for (std::int64_t i = 0; i < args.outputs[0].elements(); ++i) {
    const std::int64_t diagonal = i % shape[1] - i / shape[1];
    store_one(std::int64_t(diagonal == k), args.outputs[0], i);
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {{"plain", {f32({3, 4})}},
          {"above", {f32({3, 3})}, {{"k", std::int64_t(1)}, {"dtype", DType::i64}}},
          {"below", {input(DType::i32, {4, 2})}, {{"k", std::int64_t(-2)}}},
          {"bool", {input(DType::boolean, {2, 2})}},
          {"f16", {f32({2, 2})}, {{"dtype", DType::f16}}},
          {"symbolic", {f32({Dim::symbol("N"), 3})}},
          {"empty", {f32({0, 3})}}};
}

constexpr AttributeDef attributes[] = {{"dtype", AttributeKind::dtype},
                                       {"k", AttributeKind::integer}};

}  // namespace

extern const OpDef eye_like_op;
constinit const OpDef eye_like_op = {.name = "EyeLike",
                                     .attributes = attributes,
                                     .infer = infer,
                                     .reference = reference,
                                     .cases = cases};

}  // namespace strata::ir
