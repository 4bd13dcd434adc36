#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/movement.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

/// Known elements of all inputs in a row, if they are vectors.
void set_joined_elements(InferContext& context) {
  std::vector<Dim> joined;
  for (int i = 0; i < context.inputs(); ++i) {
    const auto elements = context.elements(i);
    if (!elements || rank_of(context, i) != 1) return;
    joined.insert(joined.end(), elements->begin(), elements->end());
  }
  context.set_elements(0, std::move(joined));
}

void infer(InferContext& context) {
  SymbolicShape shape = context.input(0).shape;
  const int rank = int(shape.size());
  const auto axis =
      std::size_t(normalize_axis(context.attributes().integer("axis", 0), rank, "axis"));
  for (int i = 1; i < context.inputs(); ++i) {
    context.expect_same_dtype(0, i);
    context.expect_rank(i, fmt::format("input {}", i), rank);
    const SymbolicShape& part = context.input(i).shape;
    for (std::size_t a = 0; a < shape.size(); ++a) {
      if (a == axis) {
        shape[a] = shape[a] + part[a];
        continue;
      }
      expect_extent(fmt::format("extent {} of input {}", a, i), part[a], shape[a]);
      if (part[a].is_constant()) shape[a] = part[a];
    }
  }
  context.set_output(0, {context.input(0).dtype, std::move(shape)});
  set_joined_elements(context);
}

Status reference(const EvalArgs& args) {
  Tensor& y = args.outputs[0];
  const int axis = normalize_axis(args.attributes().integer("axis", 0), y.shape().rank(), "axis");
  const AxisView view(y.shape(), axis);
  std::int64_t start = 0;
  for (const Tensor& x : args.inputs) {
    const std::int64_t row = x.shape()[axis] * view.inner;
    for (std::int64_t o = 0; o < view.outer; ++o) {
      copy_elements(x, o * row, y, o * view.extent * view.inner + start, row);
    }
    start += row;
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  return {{"channels", {f32({2, 3, 4}), f32({2, 5, 4})}, {{"axis", one}}},
          {"rows", {f32({2, 3}), f32({1, 3}), f32({4, 3})}, {{"axis", std::int64_t(0)}}},
          {"last", {f32({2, 3}), f32({2, 0}), f32({2, 1})}, {{"axis", -one}}},
          {"single", {f32({2, 3})}, {{"axis", one}}},
          {"symbolic", {f32({Dim::symbol("N"), 3}), f32({Dim::symbol("N"), 2})}, {{"axis", one}}},
          {"integers", {i64({1, 2}), i64({3})}, {{"axis", std::int64_t(0)}}}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer, true}};

}  // namespace

extern const OpDef concat_op;
constinit const OpDef concat_op = {.name = "Concat",
                                   .inputs = {1, variadic},
                                   .attributes = attributes,
                                   .infer = infer,
                                   .reference = reference,
                                   .cases = cases};

}  // namespace strata::ir
