#include <algorithm>
#include <limits>
#include <numeric>

#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_float(context, 0, "X");
  const TensorType& x = context.input(0);
  if (x.shape.size() < 2) {
    fail(ErrorCode::model, "X has rank {}; accepted: at least 2 (N, C and spatial axes)",
         x.shape.size());
  }
  SymbolicShape shape(x.shape.size(), Dim(1));
  shape[0] = x.shape[0];
  shape[1] = x.shape[1];
  context.set_output(0, {x.dtype, std::move(shape)});
}

/// Calls f with the elements of each plane (of one n and c).
template <class F>
Status for_each_plane(const EvalArgs& args, F f) {
  const Shape& shape = args.inputs[0].shape();
  const auto size = std::size_t(shape.elements(2, shape.rank()));
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() {
    const T* x = args.inputs[0].data<T>().data();
    for (T& y : args.outputs[0].mutable_data<T>()) {
      y = narrow<T>(f(std::span<const T>(x, size)));
      x += size;
    }
  });
  return {};
}

Status average(const EvalArgs& args) {
  return for_each_plane(args, [](auto plane) {
    double sum = 0;
    for (const auto x : plane) sum += double(x);
    return sum / double(plane.size());
  });
}

Status maximum(const EvalArgs& args) {
  return for_each_plane(args, [](auto plane) {
    double best = -std::numeric_limits<double>::infinity();
    for (const auto x : plane) best = double(x) > best ? double(x) : best;
    return best;
  });
}

std::vector<std::int64_t> spatial_axes(std::size_t rank) {
  std::vector<std::int64_t> axes(rank - 2);
  std::iota(axes.begin(), axes.end(), 2);
  return axes;
}

void infer_lp(InferContext& context) {
  expect_between("p", context.attributes().integer("p", 2), 1,
                 std::numeric_limits<std::int32_t>::max());
  infer(context);
}

/// The p-th root of the sum of the p-th powers of magnitudes.
Replacement decompose_lp(Builder& builder, const Node& node) {
  const ValueId x = node.inputs[0];
  const std::size_t rank = type_of(builder, x).shape.size();
  if (rank == 2) return {{builder.op("Abs", {x})}};
  const ValueId axes = builder.integers(spatial_axes(rank));
  const std::int64_t p = node.attributes.integer("p", 2);
  if (p <= 2) return {{builder.op(p == 1 ? "ReduceL1" : "ReduceL2", {x, axes})}};
  const ValueId powers =
      builder.op("Pow", {builder.op("Abs", {x}), scalar_like(builder, x, double(p))});
  const ValueId sum = builder.op("ReduceSum", {powers, axes});
  return {{builder.op("Pow", {sum, scalar_like(builder, x, 1 / double(p))})}};
}

template <const char* const& reduction>
Replacement decompose(Builder& builder, const Node& node) {
  const std::size_t rank = type_of(builder, node.inputs[0]).shape.size();
  if (rank == 2) return std::nullopt;  // an empty list of axes would mean all
  return {{builder.op(reduction, {node.inputs[0], builder.integers(spatial_axes(rank))})}};
}

Cost cost(const CostArgs& args) { return {.flops = args.inputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  return {{"plain", {f32({2, 3, 5, 7})}},
          {"one_dimension", {f32({1, 4, 9})}},
          {"three_dimensions", {f32({1, 2, 3, 4, 5})}},
          {"one_pixel", {f32({1, 8, 1, 1})}},
          {"symbolic", {f32({Dim::symbol("N"), 3, 4, Dim::symbol("W")})}},
          {"f16", {input(DType::f16, {1, 2, 5, 5})}}};
}

std::vector<OpCase> lp_cases() {
  std::vector<OpCase> all = cases();
  for (const std::int64_t p : {1, 3}) {
    all.push_back({p == 1 ? "l1" : "l3", {example::f32({1, 2, 5, 5})}, {{"p", p}}});
  }
  all.push_back({"no_axes", {example::f32({2, 3})}});
  return all;
}

constexpr AttributeDef lp_attributes[] = {{"p", AttributeKind::integer}};

constexpr const char* mean = "ReduceMean";
constexpr const char* max = "ReduceMax";

}  // namespace

extern const OpDef global_average_pool_op, global_lp_pool_op, global_max_pool_op;

constinit const OpDef global_average_pool_op = {.name = "GlobalAveragePool",
                                                .infer = infer,
                                                .reference = average,
                                                .cost = cost,
                                                .decompose = decompose<mean>,
                                                .cases = cases};
constinit const OpDef global_lp_pool_op = {.name = "GlobalLpPool",
                                           .attributes = lp_attributes,
                                           .infer = infer_lp,
                                           .cost = cost,
                                           .decompose = decompose_lp,
                                           .cases = lp_cases};
constinit const OpDef global_max_pool_op = {.name = "GlobalMaxPool",
                                            .infer = infer,
                                            .reference = maximum,
                                            .cost = cost,
                                            .decompose = decompose<max>,
                                            .cases = cases};

}  // namespace strata::ir
