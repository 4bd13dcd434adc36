#include "strata/kernels/conv/conv.hpp"

#include "strata/runtime/lowering.hpp"
#include "strata/runtime/lowering/region.hpp"
#include "strata/runtime/lowering/window.hpp"

namespace strata::runtime {
namespace {

using kernels::ConvProblem;

void set_vertical(ConvProblem& problem, const WindowAxis& window) {
  problem.stride_h = window.stride;
  problem.dilation_h = window.dilation;
  problem.pad_top = window.pad_begin;
  problem.pad_bottom = window.pad_end;
}

void set_horizontal(ConvProblem& problem, const WindowAxis& window) {
  problem.stride_w = window.stride;
  problem.dilation_w = window.dilation;
  problem.pad_left = window.pad_begin;
  problem.pad_right = window.pad_end;
}

/// Sizes of a convolution over one or two spatial axes; one axis is a plane of height 1.
void set_geometry(ConvProblem& problem, const ir::Attributes& attributes, const Shape& x,
                  const Shape& w, const Shape& y) {
  const int spatial = x.rank() - 2;
  problem.batch = x[0];
  problem.channels = x[1];
  problem.out_channels = y[1];
  problem.groups = attributes.integer("group", 1);
  problem.width = x[-1];
  problem.out_width = y[-1];
  problem.kernel_w = w[-1];
  set_horizontal(problem, window_axis(attributes, spatial - 1, spatial, x[-1], w[-1], y[-1]));
  problem.height = problem.out_height = problem.kernel_h = 1;
  if (spatial == 2) {
    problem.height = x[2];
    problem.out_height = y[2];
    problem.kernel_h = w[2];
    set_vertical(problem, window_axis(attributes, 0, spatial, x[2], w[2], y[2]));
  }
}

std::unique_ptr<kernels::Problem> lower_conv(const LowerContext& context, Operands& operands) {
  const auto region = match_region(context, "Conv");
  if (!region || !context.all_f32()) return nullptr;
  const ir::ValueId x = region->inputs[0], w = region->inputs[1];
  const int rank = context.shape(x).rank();
  if (rank != 3 && rank != 4) return nullptr;
  const bool has_bias = region->has_input(2);

  auto problem = std::make_unique<ConvProblem>();
  set_geometry(*problem, region->head->attributes, context.shape(x), context.shape(w),
               context.shape(region->output));
  problem->epilogue = region->epilogue;
  problem->epilogue.bias = has_bias;
  problem->constant_weights =
      context.is_constant(w) && (!has_bias || context.is_constant(region->inputs[2]));

  operands.in = {x};
  operands.out = {region->output};
  if (problem->constant_weights) {
    const WeightOperands weights = weight_operands(context, w, 0);
    problem->weights = weights.type;
    operands.constants = {weights.weights, weights.scales, {}};
    if (has_bias) operands.constants[2].value = region->inputs[2];
  } else {
    operands.in.push_back(w);
    if (has_bias) operands.in.push_back(region->inputs[2]);
  }
  if (region->epilogue.residual) operands.in.push_back(region->residual);
  return problem;
}

constexpr Lowering table[] = {{"Conv", lower_conv}, {"strata.Fused", lower_conv}};

}  // namespace

std::span<const Lowering> conv_lowerings() { return table; }

}  // namespace strata::runtime
