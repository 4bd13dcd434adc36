#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_number(context, 0, "data");
  SymbolicShape shape = context.input(0).shape;
  const auto axis = std::size_t(
      normalize_axis(context.attributes().integer("axis", 0), int(shape.size()), "axis"));
  if (shape[axis] == Dim(0)) {
    fail(ErrorCode::model, "axis {} has extent 0, so it has no extremum", axis);
  }
  shape[axis] = 1;
  if (context.attributes().integer("keepdims", 1) == 0) {
    shape.erase(shape.begin() + std::ptrdiff_t(axis));
  }
  context.set_output(0, {DType::i64, std::move(shape)});
}

template <bool largest>
Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  const AxisView view(
      x.shape(), normalize_axis(args.attributes().integer("axis", 0), x.shape().rank(), "axis"));
  const bool last = args.attributes().integer("select_last_index", 0) != 0;
  std::int64_t* y = args.outputs[0].mutable_data<std::int64_t>().data();
  if (view.extent == 0) return {"the axis is empty"};
  dispatch_compute(x.dtype(), [&]<class C>() {
    for (std::int64_t i = 0; i < view.outer * view.inner; ++i) {
      const std::int64_t offset = i / view.inner * view.extent * view.inner + i % view.inner;
      std::int64_t best = 0;
      C extremum = load_one<C>(x, offset);
      for (std::int64_t k = 1; k < view.extent; ++k) {
        const C value = load_one<C>(x, offset + k * view.inner);
        const bool better = largest ? value > extremum : value < extremum;
        if (!better && !(last && value == extremum)) continue;
        best = k;
        extremum = value;
      }
      y[i] = best;
    }
  });
  return {};
}

Cost cost(const CostArgs& args) { return {.flops = args.inputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  const std::int64_t one = 1;
  const OpCase::Input ties = values<std::int32_t>({2, 4}, {3, 1, 3, 1, 5, 5, 5, 5});
  return {{"first_axis", {f32({4, 3})}},
          {"dropped", {f32({2, 5, 3})}, {{"axis", one}, {"keepdims", std::int64_t(0)}}},
          {"last_axis", {f32({2, 5})}, {{"axis", -one}}},
          {"ties", {ties}, {{"axis", one}}},
          {"ties_last", {ties}, {{"axis", one}, {"select_last_index", one}}},
          {"symbolic", {f32({Dim::symbol("N"), 9})}, {{"axis", one}}}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer},
                                       {"keepdims", AttributeKind::integer},
                                       {"select_last_index", AttributeKind::integer}};

constexpr OpDef row(std::string_view name, Status (*reference)(const EvalArgs&)) {
  return {.name = name,
          .attributes = attributes,
          .infer = infer,
          .reference = reference,
          .cost = cost,
          .cases = cases};
}

}  // namespace

extern const OpDef arg_max_op, arg_min_op;
constinit const OpDef arg_max_op = row("ArgMax", reference<true>);
constinit const OpDef arg_min_op = row("ArgMin", reference<false>);

}  // namespace strata::ir
