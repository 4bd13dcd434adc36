// Products of f32 activations, quantized on the fly, and 8-bit weights.
#include <algorithm>

#include "strata/kernels/integer/integer_conv.hpp"
#include "strata/runtime/lowering.hpp"
#include "strata/runtime/lowering/conv_geometry.hpp"
#include "strata/runtime/lowering/grids.hpp"

namespace strata::runtime {
namespace {

using kernels::DynamicConvProblem;

enum { x_at, w_at, w_scale_at, bias_at };

/// Everything but the geometry; null if an operand is not constant that kernels want so.
std::unique_ptr<DynamicConvProblem> quantization(const LowerContext& context, Operands& operands) {
  for (const std::size_t i : {w_at, w_scale_at, bias_at}) {
    if (context.has_input(i) && !context.is_constant(context.input(i))) return nullptr;
  }
  auto problem = std::make_unique<DynamicConvProblem>();
  problem->arithmetic = arithmetic_of(context);
  problem->w_scale_per_channel = context.shape(context.input(w_scale_at)).elements() > 1;
  const ConstantOperand bias{context.has_input(bias_at) ? context.input(bias_at) : ir::no_value};
  operands.in = {context.input(x_at)};
  operands.out = {context.output()};
  operands.constants = {{context.input(w_at)}, {}, {context.input(w_scale_at)}, {}, {}, {}, bias};
  return problem;
}

/// As the op has it: a window of one tap that moves by one, without padding, over all channels.
bool is_pointwise(const DynamicConvProblem& p) {
  return p.groups == 1 && (p.channels > 1 || p.out_channels > 1) && p.kernel_h == 1 &&
         p.kernel_w == 1 && p.stride_h == 1 && p.stride_w == 1 && p.pad_top == 0 &&
         p.pad_left == 0 && p.pad_bottom == 0 && p.pad_right == 0;
}

std::unique_ptr<kernels::Problem> lower_conv(const LowerContext& context, Operands& operands) {
  const Shape& x = context.shape(context.input(x_at));
  if (x.rank() != 4) return nullptr;
  auto problem = quantization(context, operands);
  if (!problem) return nullptr;
  set_geometry(*problem, context.node().attributes, x, context.shape(context.input(w_at)),
               context.shape(context.output()));
  problem->grid_per_pixel =
      problem->arithmetic == Arithmetic::tflite_xnnpack && is_pointwise(*problem);
  return problem;
}

std::unique_ptr<kernels::Problem> lower_gemm(const LowerContext& context, Operands& operands) {
  auto problem = quantization(context, operands);
  if (!problem) return nullptr;
  const Shape& y = context.shape(context.output());
  problem->matrix = problem->grid_per_pixel = true;
  problem->width = problem->out_width = y[0];
  problem->channels = context.shape(context.input(x_at))[1];
  problem->out_channels = y[1];
  return problem;
}

constexpr Lowering table[] = {{"strata.DynamicQuantConv", lower_conv},
                              {"strata.DynamicQuantGemm", lower_gemm}};

}  // namespace

std::span<const Lowering> dynamic_lowerings() { return table; }

}  // namespace strata::runtime
