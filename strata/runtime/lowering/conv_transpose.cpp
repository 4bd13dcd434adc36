#include <algorithm>

#include "strata/runtime/lowering.hpp"
#include "strata/runtime/lowering/region.hpp"
#include "strata/runtime/lowering/transposed_geometry.hpp"
#include "strata/runtime/lowering/window.hpp"

namespace strata::runtime {
namespace {

kernels::TransposedAxis axis_of(const ir::Attributes& attributes, int axis, int spatial,
                                const Shape& x, const Shape& weights, const Shape& y) {
  kernels::TransposedAxis result;
  result.in = x[2 + axis];
  result.out = y[2 + axis];
  result.kernel = weights[2 + axis];
  const WindowAxis window =
      window_axis(attributes, axis, spatial, result.in, result.kernel, result.out);
  result.stride = window.stride;
  result.dilation = window.dilation;
  result.pad = window.pad_begin;
  const std::string auto_pad = attributes.string("auto_pad", "NOTSET");
  if (auto_pad.starts_with("SAME") || attributes.has("output_shape")) {
    const auto added = attributes.integers("output_padding");
    const std::int64_t full = (result.in - 1) * result.stride +
                              (added.empty() ? 0 : added[std::size_t(axis)]) +
                              (result.kernel - 1) * result.dilation + 1;
    const std::int64_t total = std::max<std::int64_t>(0, full - result.out);
    result.pad = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
  }
  return result;
}

using kernels::ConvTransposeProblem;

std::unique_ptr<kernels::Problem> lower_conv_transpose(const LowerContext& context,
                                                       Operands& operands) {
  const auto region = match_region(context, "ConvTranspose");
  if (!region || !context.all_f32()) return nullptr;
  const ir::ValueId x = region->inputs[0], w = region->inputs[1];
  const int rank = context.shape(x).rank();
  const bool has_bias = region->has_input(2);
  if ((rank != 3 && rank != 4) || !context.is_constant(w)) return nullptr;
  if (has_bias && !context.is_constant(region->inputs[2])) return nullptr;

  auto problem = std::make_unique<ConvTransposeProblem>();
  const ir::Attributes& attributes = region->head->attributes;
  const TransposedGeometry geometry(attributes, context.shape(x), context.shape(w),
                                    context.shape(region->output));
  problem->h = geometry.h;
  problem->w = geometry.w;
  problem->batch = context.shape(x)[0];
  problem->channels = context.shape(x)[1];
  problem->out_channels = context.shape(region->output)[1];
  problem->groups = attributes.integer("group", 1);
  problem->epilogue = region->epilogue;
  problem->epilogue.bias = has_bias;

  operands.in = {x};
  operands.out = {region->output};
  operands.constants = {{w}, {}};
  if (has_bias) operands.constants[1].value = region->inputs[2];
  if (region->epilogue.residual) operands.in.push_back(region->residual);
  return problem;
}

constexpr Lowering table[] = {{"ConvTranspose", lower_conv_transpose},
                              {"strata.Fused", lower_conv_transpose}};

}  // namespace

TransposedGeometry::TransposedGeometry(const ir::Attributes& attributes, const Shape& x,
                                       const Shape& weights, const Shape& y) {
  const int spatial = x.rank() - 2;
  w = axis_of(attributes, spatial - 1, spatial, x, weights, y);
  if (spatial == 2) h = axis_of(attributes, 0, spatial, x, weights, y);
}

std::span<const Lowering> conv_transpose_lowerings() { return table; }

}  // namespace strata::runtime
