#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_float(context, 0, "input");
  normalize_axis(context.attributes().integer("axis", -1), rank_of(context, 0), "axis");
  context.set_output(0, context.input(0));
}

/// Where along the line the first maximum is; NaN counts as largest, as in ArgMax of numpy.
std::int64_t first_maximum(const Tensor& x, std::int64_t offset, const AxisView& view) {
  std::int64_t best = 0;
  double maximum = 0;
  for (std::int64_t k = 0; k < view.extent; ++k) {
    const double value = load_one<double>(x, offset + k * view.inner);
    if (k > 0 && !(value > maximum) && !(value != value && maximum == maximum)) continue;
    best = k;
    maximum = value;
    if (maximum != maximum) break;
  }
  return best;
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const AxisView view(
      x.shape(), normalize_axis(args.attributes().integer("axis", -1), x.shape().rank(), "axis"));
  for (std::int64_t i = 0; i < view.outer * view.inner; ++i) {
    const std::int64_t offset = i / view.inner * view.extent * view.inner + i % view.inner;
    const std::int64_t best = first_maximum(x, offset, view);
    for (std::int64_t k = 0; k < view.extent; ++k) {
      store_one(k == best ? 1.0 : 0.0, args.outputs[0], offset + k * view.inner);
    }
  }
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {{"rows", {f32({3, 5})}},
          {"first_axis", {f32({4, 3})}, {{"axis", std::int64_t(0)}}},
          {"ties", {values<float>({2, 4}, {3, 1, 3, 1, 5, 5, 5, 5})}},
          {"f16", {input(DType::f16, {2, 3})}},
          {"symbolic", {f32({Dim::symbol("N"), 3})}},
          {"empty", {f32({0, 3})}}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer}};

}  // namespace

extern const OpDef hardmax_op;
constinit const OpDef hardmax_op = {.name = "Hardmax",
                                    .attributes = attributes,
                                    .infer = infer,
                                    .reference = reference,
                                    .cost = elementwise_cost,
                                    .cases = cases};

}  // namespace strata::ir
