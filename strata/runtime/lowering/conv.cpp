#include "strata/kernels/conv/conv.hpp"

#include "strata/runtime/lowering.hpp"
#include "strata/runtime/lowering/conv_geometry.hpp"
#include "strata/runtime/lowering/region.hpp"

namespace strata::runtime {
namespace {

using kernels::ConvProblem;

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
