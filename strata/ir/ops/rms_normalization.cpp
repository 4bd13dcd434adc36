#include <algorithm>
#include <cmath>
#include <numeric>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/elementwise.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

int first_axis(const Attributes& attributes, int rank) {
  return normalize_axis(attributes.integer("axis", -1), rank, "axis");
}

// The precision of stage one is at least that asked for: it is computed in double.
void infer(InferContext& context) {
  expect_float(context, 0, "X");
  expect_float(context, 1, "scale");
  const std::int64_t stash = context.attributes().integer("stash_type", 1);
  if (stash != 1 && stash != 10 && stash != 11 && stash != 16) {
    fail(ErrorCode::model, "stash_type is {}; accepted: 1, 10, 11, 16", stash);
  }
  const SymbolicShape& x = context.input(0).shape;
  const SymbolicShape& scale = context.input(1).shape;
  first_axis(context.attributes(), int(x.size()));
  if (scale.size() > x.size()) context.expect_rank(1, "scale", int(x.size()));
  for (std::size_t i = 0; i < scale.size(); ++i) {
    if (scale[i] == Dim(1)) continue;
    expect_extent(fmt::format("extent {} of scale", i), scale[i], x[i + x.size() - scale.size()]);
  }
  context.set_output(0, {context.input(1).dtype, x});
}

// y = x / sqrt(mean(x * x) + epsilon), rounded to the type of X, times scale
Status reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  Tensor& y = args.outputs[0];
  if (x.elements() == 0) return {};
  const double epsilon = double(args.attributes().real("epsilon", 1e-5f));
  const int axis = first_axis(args.attributes(), x.shape().rank());
  const std::int64_t run = x.shape().elements(axis, x.shape().rank());
  dispatch_float(x.dtype(), [&]<class T>() {
    const T* from = x.data<T>().data();
    for (std::int64_t start = 0; start < x.elements(); start += run) {
      double squares = 0;
      for (std::int64_t i = start; i < start + run; ++i)
        squares += double(from[i]) * double(from[i]);
      const double inverse = 1 / std::sqrt(squares / double(run) + epsilon);
      for (std::int64_t i = start; i < start + run; ++i) {
        store_one(double(narrow<T>(double(from[i]) * inverse)), y, i);
      }
    }
  });
  combine<double>(y, args.inputs[1], y, [](double a, double b) { return a * b; });
  return {};
}

Replacement decompose(Builder& builder, const Node& node) {
  const TensorType x = type_of(builder, node.inputs[0]);
  if (x.dtype != DType::f32 || type_of(builder, node.inputs[1]).dtype != x.dtype) {
    return std::nullopt;  // stage one is in f32
  }
  const int first = first_axis(node.attributes, int(x.shape.size()));
  std::vector<std::int64_t> axes(x.shape.size() - std::size_t(first));
  std::iota(axes.begin(), axes.end(), std::int64_t(first));
  const ValueId squares = builder.op("Mul", {node.inputs[0], node.inputs[0]});
  const ValueId mean = builder.op("ReduceMean", {squares, builder.integers(std::move(axes))});
  const double epsilon = double(node.attributes.real("epsilon", 1e-5f));
  const ValueId shifted = builder.op("Add", {mean, scalar_like(builder, mean, epsilon)});
  const ValueId unit = builder.op("Div", {node.inputs[0], builder.op("Sqrt", {shifted})});
  return {{builder.op("Mul", {unit, node.inputs[1]})}};
}

Cost cost(const CostArgs& args) { return {.flops = 5 * args.outputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  return {{"last", {f32({2, 3, 16}), weight({16})}},
          {"two_axes", {f32({2, 3, 5}), weight({3, 5})}, {{"axis", std::int64_t(1)}}},
          {"epsilon", {f32({4, 8}), weight({1})}, {{"epsilon", 0.1f}}},
          {"symbolic", {f32({Dim::symbol("N"), 7}), weight({7})}},
          {"empty", {f32({0, 7}), weight({7})}},
          {"half_by_float", {input(DType::f16, {2, 8}), f32({8})}}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer},
                                       {"epsilon", AttributeKind::real},
                                       {"stash_type", AttributeKind::integer}};

}  // namespace

extern const OpDef rms_normalization_op;
constinit const OpDef rms_normalization_op = {.name = "RMSNormalization",
                                              .inputs = {2, 2},
                                              .attributes = attributes,
                                              .infer = infer,
                                              .reference = reference,
                                              .cost = cost,
                                              .decompose = decompose,
                                              .cases = cases};

}  // namespace strata::ir
