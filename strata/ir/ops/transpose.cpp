#include <numeric>

#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  const SymbolicShape& x = context.input(0).shape;
  SymbolicShape shape(x.rbegin(), x.rend());
  if (context.attributes().has("perm")) {
    const auto perm = integers_view(context.attributes(), "perm");
    expect_count("perm", perm.size(), x.size());
    std::vector<bool> seen(x.size());
    for (std::size_t i = 0; i < perm.size(); ++i) {
      expect_between("perm entry", perm[i], 0, std::int64_t(x.size()) - 1);
      const auto axis = std::size_t(perm[i]);
      if (seen[axis]) fail(ErrorCode::model, "perm names axis {} twice", axis);
      seen[axis] = true;
      shape[i] = x[axis];
    }
  }
  context.set_output(0, {context.input(0).dtype, std::move(shape)});
  if (x.size() > 1) return;
  if (auto elements = context.elements(0)) context.set_elements(0, *std::move(elements));
}

Status reference(const EvalArgs& args) {
  const Shape& x = args.inputs[0].shape();
  const Shape& y = args.outputs[0].shape();
  const auto perm = integers_view(args.attributes(), "perm");
  StridedCopy copy;
  for (int axis = 0; axis < y.rank(); ++axis) {
    const int from = perm.empty() ? y.rank() - 1 - axis : int(perm[std::size_t(axis)]);
    copy.axis(y[axis], stride_of(x, from), stride_of(y, axis));
  }
  copy.run(args.inputs[0], 0, args.outputs[0], 0);
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  using Ints = std::vector<std::int64_t>;
  return {{"reversed", {f32({2, 3, 5})}},
          {"matrix", {f32({4, 3})}, {{"perm", Ints{1, 0}}}},
          {"to_nhwc", {f32({2, 3, 4, 5})}, {{"perm", Ints{0, 2, 3, 1}}}},
          {"identity", {f32({2, 3})}, {{"perm", Ints{0, 1}}}},
          {"scalar", {f32({})}},
          {"empty", {f32({0, 3})}},
          {"symbolic", {f32({Dim::symbol("N"), 3, 5})}, {{"perm", Ints{0, 2, 1}}}},
          {"f16", {input(DType::f16, {3, 5})}},
          {"f64", {input(DType::f64, {3, 5})}},
          {"bytes", {values<std::uint8_t>({2, 3}, {1, 2, 3, 4, 5, 6})}}};
}

constexpr AttributeDef attributes[] = {{"perm", AttributeKind::integers}};

}  // namespace

extern const OpDef transpose_op;
constinit const OpDef transpose_op = {.name = "Transpose",
                                      .attributes = attributes,
                                      .infer = infer,
                                      .reference = reference,
                                      .cases = cases};

}  // namespace strata::ir
