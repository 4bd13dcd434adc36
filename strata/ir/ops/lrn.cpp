#include <cmath>
#include <limits>

#include "strata/ir/ops/axes.hpp"
#include "strata/ir/ops/compute.hpp"
#include "strata/ir/ops/example.hpp"
#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

void infer(InferContext& context) {
  expect_float(context, 0, "X");
  if (rank_of(context, 0) < 2) {
    fail(ErrorCode::model, "X has rank {}; accepted: at least 2 (N, C and more)",
         rank_of(context, 0));
  }
  expect_between("size", context.attributes().integer("size", 0), 1,
                 std::numeric_limits<std::int32_t>::max());
  context.set_output(0, context.input(0));
}

// y = x / (bias + alpha / size * sum of squares of the `size` channels around it) ^ beta
// (Krizhevsky et al. 2012, section 3.3).
Status reference(const EvalArgs& args) {
  const AxisView view(args.inputs[0].shape(), 1);
  const std::int64_t size = args.attributes().integer("size", 1);
  const double alpha = args.attributes().real("alpha", 1e-4f) / double(size);
  const double beta = args.attributes().real("beta", 0.75f);
  const double bias = args.attributes().real("bias", 1);
  dispatch_float(args.inputs[0].dtype(), [&]<class T>() {
    const T* x = args.inputs[0].data<T>().data();
    T* y = args.outputs[0].mutable_data<T>().data();
    for (std::int64_t i = 0; i < args.inputs[0].elements(); ++i) {
      const std::int64_t channel = i / view.inner % view.extent;
      const std::int64_t first = std::max<std::int64_t>(0, channel - (size - 1) / 2);
      const std::int64_t last = std::min(view.extent - 1, channel + size / 2);
      double squares = 0;
      for (std::int64_t c = first; c <= last; ++c) {
        const double value(x[i + (c - channel) * view.inner]);
        squares += value * value;
      }
      y[i] = narrow<T>(double(x[i]) / std::pow(bias + alpha * squares, beta));
    }
  });
  return {};
}

Cost cost(const CostArgs& args) {
  return {.flops = args.outputs[0].elements() * (args.node.attributes.integer("size", 1) + 3)};
}

std::vector<OpCase> cases() {
  using namespace example;
  return {{"odd", {f32({2, 7, 3, 2})}, {{"size", std::int64_t(5)}, {"alpha", 0.5f}}},
          {"even",
           {f32({1, 6, 2, 2})},
           {{"size", std::int64_t(4)}, {"alpha", 0.3f}, {"beta", 0.5f}, {"bias", 2.0f}}},
          {"wider_than_channels", {f32({1, 3, 2})}, {{"size", std::int64_t(9)}}}};
}

constexpr AttributeDef attributes[] = {{"alpha", AttributeKind::real},
                                       {"beta", AttributeKind::real},
                                       {"bias", AttributeKind::real},
                                       {"size", AttributeKind::integer, true}};

}  // namespace

extern const OpDef lrn_op;
constinit const OpDef lrn_op = {.name = "LRN",
                                .attributes = attributes,
                                .infer = infer,
                                .reference = reference,
                                .cost = cost,
                                .cases = cases};

}  // namespace strata::ir
