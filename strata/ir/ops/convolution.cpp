#include "strata/ir/ops/convolution.hpp"

#include <algorithm>

#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

/// Extents of the spatial axes of W, which the attribute kernel_shape may repeat.
std::vector<std::int64_t> kernel_of(const InferContext& context, int weights) {
  const SymbolicShape& shape = context.input(weights).shape;
  std::vector<std::int64_t> kernel;
  for (std::size_t i = 2; i < shape.size(); ++i) {
    kernel.push_back(expect_known("spatial extent of W", shape[i]));
  }
  if (context.attributes().has("kernel_shape")) {
    const auto stated = integers_view(context.attributes(), "kernel_shape");
    expect_count("kernel_shape", stated.size(), kernel.size());
    for (std::size_t i = 0; i < kernel.size(); ++i) {
      expect_extent("kernel_shape entry", stated[i], kernel[i]);
    }
  }
  return kernel;
}

}  // namespace

SymbolicShape infer_convolution(const InferContext& context, int weights) {
  expect_image(context, 0, "X");
  context.expect_rank(weights, "W", rank_of(context, 0));
  const SymbolicShape& x = context.input(0).shape;
  const SymbolicShape& w = context.input(weights).shape;
  const std::int64_t filters = expect_known("number of filters in W", w[0]);
  const std::int64_t depth = expect_known("channels of W", w[1]);
  const std::int64_t group = context.attributes().integer("group", 1);
  expect_between("group", group, 1, std::max<std::int64_t>(filters, 1));
  if (filters % group != 0) {
    fail(ErrorCode::model, "W has {} filters, which group {} does not divide", filters, group);
  }
  expect_extent("number of channels of X", x[1], Dim(depth) * Dim(group));
  SymbolicShape shape{x[0], filters};
  for (Dim& extent : infer_window(context, kernel_of(context, weights), false)) {
    shape.push_back(extent);
  }
  return shape;
}

void expect_per_filter(const InferContext& context, int i, std::string_view what, int weights) {
  context.expect_rank(i, what, 1);
  expect_extent(fmt::format("length of {}", what), context.input(i).shape[0],
                context.input(weights).shape[0]);
}

ConvGeometry::ConvGeometry(const EvalArgs& args, std::size_t weights)
    : window(resolve_window(args.attributes(), args.inputs[0].shape(), args.outputs[0].shape(),
                            args.inputs[weights].shape().dims().subspan(2))) {
  const Shape& x = args.inputs[0].shape();
  const Shape& w = args.inputs[weights].shape();
  batch = x[0];
  channels = x[1];
  filters = w[0];
  group_channels = w[1];
  group_filters = filters / args.attributes().integer("group", 1);
  image = x.elements(2, x.rank());
  filter_size = w.elements(1, w.rank());
}

std::int64_t conv_macs(const CostArgs& args, std::size_t weights) {
  const Shape& w = args.inputs[weights];
  return args.outputs[0].elements() * w.elements(1, w.rank());
}

}  // namespace strata::ir
