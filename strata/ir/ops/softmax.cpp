#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/decomposition.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_float(context, 0, "input");
  normalize_axis(context.attributes().integer("axis", -1), rank_of(context, 0), "axis");
  context.set_output(0, context.input(0));
}

/// One line along the axis: y = finish(x - maximum, sum of exp(x - maximum)).
template <class T, class Finish>
void line(const T* x, T* y, std::int64_t extent, std::int64_t stride, Finish finish) {
  double maximum = -std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < extent; ++i) maximum = std::max(maximum, double(x[i * stride]));
  double sum = 0;
  for (std::int64_t i = 0; i < extent; ++i) sum += std::exp(double(x[i * stride]) - maximum);
  for (std::int64_t i = 0; i < extent; ++i) {
    y[i * stride] = narrow<T>(finish(double(x[i * stride]) - maximum, sum));
  }
}

template <double (*finish)(double, double)>
Status reference(const EvalArgs& args) {
  const Shape& shape = args.inputs[0].shape();
  const AxisView view(shape,
                      normalize_axis(args.attributes().integer("axis", -1), shape.rank(), "axis"));
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() {
    const T* x = args.inputs[0].data<T>().data();
    T* y = args.outputs[0].mutable_data<T>().data();
    for (std::int64_t o = 0; o < view.outer; ++o) {
      for (std::int64_t j = 0; j < view.inner; ++j) {
        const std::int64_t offset = o * view.extent * view.inner + j;
        line(x + offset, y + offset, view.extent, view.inner, finish);
      }
    }
  });
  return {};
}

double probability(double x, double sum) { return std::exp(x) / sum; }
double log_probability(double x, double sum) { return x - std::log(sum); }

struct Shifted {
  ValueId x, exponential, sum;
};

/// x - max, its exponential, and the sum of that along the axis.
Shifted shift(Builder& builder, const Node& node) {
  const ValueId axes = builder.integers({node.attributes.integer("axis", -1)});
  const ValueId maximum = builder.op("ReduceMax", {node.inputs[0], axes});
  const ValueId x = builder.op("Sub", {node.inputs[0], maximum});
  const ValueId exponential = builder.op("Exp", {x});
  return {x, exponential, builder.op("ReduceSum", {exponential, axes})};
}

Replacement decompose(Builder& builder, const Node& node) {
  const Shifted shifted = shift(builder, node);
  return {{builder.op("Div", {shifted.exponential, shifted.sum})}};
}

Replacement decompose_log(Builder& builder, const Node& node) {
  const Shifted shifted = shift(builder, node);
  return {{builder.op("Sub", {shifted.x, builder.op("Log", {shifted.sum})})}};
}

Cost cost(const CostArgs& args) { return {.flops = 5 * args.outputs[0].elements()}; }

std::vector<OpCase> cases() {
  using namespace example;
  return {{.name = "rows", .inputs = {f32({3, 10})}, .low = -5, .high = 5},
          {.name = "middle", .inputs = {f32({2, 5, 3})}, .attributes = {{"axis", std::int64_t(1)}}},
          {.name = "first", .inputs = {f32({4, 3})}, .attributes = {{"axis", std::int64_t(-2)}}},
          {.name = "large", .inputs = {f32({2, 7})}, .low = 900, .high = 1000},
          {.name = "symbolic", .inputs = {f32({Dim::symbol("N"), 9})}},
          {.name = "f16", .inputs = {input(DType::f16, {2, 9})}}};
}

constexpr AttributeDef attributes[] = {{"axis", AttributeKind::integer}};

}  // namespace

extern const OpDef log_softmax_op, softmax_op;

constinit const OpDef log_softmax_op = {.name = "LogSoftmax",
                                        .attributes = attributes,
                                        .infer = infer,
                                        .reference = reference<log_probability>,
                                        .cost = cost,
                                        .decompose = decompose_log,
                                        .cases = cases};
constinit const OpDef softmax_op = {.name = "Softmax",
                                    .attributes = attributes,
                                    .infer = infer,
                                    .reference = reference<probability>,
                                    .cost = cost,
                                    .decompose = decompose,
                                    .cases = cases};

}  // namespace strata::ir
