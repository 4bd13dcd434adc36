#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_number(context, 0, "x");
  expect_index(context, 1, "axis");
  const std::vector<std::int64_t> axis = expect_integers(context, 1, "axis");
  expect_count("axis", axis.size(), 1);
  normalize_axis(axis[0], rank_of(context, 0), "axis");
  context.set_output(0, context.input(0));
}

template <class C>
C add(C a, C b) {
  if constexpr (std::is_integral_v<C>) return C(std::uint64_t(a) + std::uint64_t(b));
  return a + b;
}

Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const AxisView view(x.shape(),
                      normalize_axis(index_at(args.inputs[1], 0), x.shape().rank(), "axis"));
  const bool exclusive = args.attributes().integer("exclusive", 0) != 0;
  const bool reverse = args.attributes().integer("reverse", 0) != 0;
  dispatch_compute(x.dtype(), [&]<class C>() {
    for (std::int64_t i = 0; i < view.outer * view.inner; ++i) {
      const std::int64_t offset = i / view.inner * view.extent * view.inner + i % view.inner;
      C sum = 0;
      for (std::int64_t k = 0; k < view.extent; ++k) {
        const std::int64_t at = offset + (reverse ? view.extent - 1 - k : k) * view.inner;
        const C value = load_one<C>(x, at);
        store_one(exclusive ? sum : add(sum, value), args.outputs[0], at);
        sum = add(sum, value);
      }
    }
  });
  return {};
}

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  return {
      {"rows", {f32({4, 3}), scalar<std::int64_t>(0)}},
      {"middle", {f32({2, 5, 3}), scalar<std::int32_t>(-2)}},
      {"exclusive", {f32({5}), scalar<std::int64_t>(0)}, {{"exclusive", one}}},
      {"reverse", {f32({5}), scalar<std::int64_t>(0)}, {{"reverse", one}}},
      {"both", {i64({1, 2, 3}), scalar<std::int64_t>(0)}, {{"exclusive", one}, {"reverse", one}}}};
}

constexpr AttributeDef attributes[] = {{"exclusive", AttributeKind::integer},
                                       {"reverse", AttributeKind::integer}};

}  // namespace

extern const OpDef cum_sum_op;
constinit const OpDef cum_sum_op = {.name = "CumSum",
                                    .inputs = {2, 2},
                                    .attributes = attributes,
                                    .infer = infer,
                                    .reference = reference,
                                    .cost = elementwise_cost,
                                    .cases = cases};

}  // namespace strata::ir
