#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

// The axis changes no shape, so it may come from data.
void infer(InferContext& context) {
  expect_number(context, 0, "x");
  expect_index(context, 1, "axis");
  if (const auto axis = context.integers(1)) {
    expect_count("axis", axis->size(), 1);
    normalize_axis((*axis)[0], rank_of(context, 0), "axis");
  }
  context.set_output(0, context.input(0));
}

struct Sum {
  static constexpr int neutral = 0;
  template <class C>
  static C next(C a, C b) {
    if constexpr (std::is_integral_v<C>) return C(std::uint64_t(a) + std::uint64_t(b));
    return a + b;
  }
};

struct Product {
  static constexpr int neutral = 1;
  template <class C>
  static C next(C a, C b) {
    if constexpr (std::is_integral_v<C>) return C(std::uint64_t(a) * std::uint64_t(b));
    return a * b;
  }
};

template <class F>
Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const int rank = x.shape().rank();
  if (args.inputs[1].elements() != 1) return {"axis is not one number"};
  const std::int64_t axis = index_at(args.inputs[1], 0);
  if (axis < -rank || axis >= rank) return {"axis is out of range"};
  const AxisView view(x.shape(), int(axis < 0 ? axis + rank : axis));
  const bool exclusive = args.attributes().integer("exclusive", 0) != 0;
  const bool reverse = args.attributes().integer("reverse", 0) != 0;
  dispatch_compute(x.dtype(), [&]<class C>() {
    for (std::int64_t i = 0; i < view.outer * view.inner; ++i) {
      const std::int64_t offset = i / view.inner * view.extent * view.inner + i % view.inner;
      C result = C(F::neutral);
      for (std::int64_t k = 0; k < view.extent; ++k) {
        const std::int64_t at = offset + (reverse ? view.extent - 1 - k : k) * view.inner;
        const C before = result;
        result = F::next(result, load_one<C>(x, at));
        store_one(exclusive ? before : result, args.outputs[0], at);
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
      {"both", {i64({1, 2, 3}), scalar<std::int64_t>(0)}, {{"exclusive", one}, {"reverse", one}}},
      {"f16", {input(DType::f16, {2, 3}), scalar<std::int64_t>(1)}},
      {"symbolic", {f32({Dim::symbol("N"), 3}), scalar<std::int64_t>(0)}},
      {"empty", {f32({0, 3}), scalar<std::int64_t>(0)}}};
}

constexpr AttributeDef attributes[] = {{"exclusive", AttributeKind::integer},
                                       {"reverse", AttributeKind::integer}};

constexpr OpDef row(std::string_view name, Status (*reference)(const EvalArgs&)) {
  return {.name = name,
          .inputs = {2, 2},
          .attributes = attributes,
          .infer = infer,
          .reference = reference,
          .cost = elementwise_cost,
          .cases = cases};
}

}  // namespace

extern const OpDef cum_prod_op, cum_sum_op;

constinit const OpDef cum_prod_op = row("CumProd", reference<Product>);
constinit const OpDef cum_sum_op = row("CumSum", reference<Sum>);

}  // namespace strata::ir
