// Convolutions and products of quantized numbers.
#include <algorithm>

#include "strata/kernels/integer/integer_conv.hpp"
#include "strata/runtime/lowering.hpp"
#include "strata/runtime/lowering/conv_geometry.hpp"
#include "strata/runtime/lowering/transposed_geometry.hpp"

namespace strata::runtime {
namespace {

using kernels::IntegerConvProblem;
using Output = IntegerConvProblem::Output;

/// Where an op has its operands; -1: nowhere.
struct Places {
  std::size_t x, x_zero, w, w_zero;
  int x_scale = -1, w_scale = -1, y_scale = -1, y_zero = -1, bias = -1;
};

bool is_byte(DType type) { return type == DType::i8 || type == DType::u8; }

/// Which operands, at these places, are constants or omitted.
bool all_constant(const LowerContext& context, std::initializer_list<int> places) {
  return std::ranges::all_of(places, [&](int i) {
    return i < 0 || !context.has_input(std::size_t(i)) ||
           context.is_constant(context.input(std::size_t(i)));
  });
}

std::int32_t zero_point(const LowerContext& context, int place) {
  if (place < 0 || !context.has_input(std::size_t(place))) return 0;
  return std::int32_t(context.integers(std::size_t(place))->front());
}

ConstantOperand constant(const LowerContext& context, int place) {
  if (place < 0 || !context.has_input(std::size_t(place))) return {};
  return {context.input(std::size_t(place))};
}

/// Everything but the geometry; null if an operand is not constant that kernels want so.
template <class Problem = IntegerConvProblem>
std::unique_ptr<Problem> quantization(const LowerContext& context, const Places& at,
                                      Operands& operands) {
  const ir::ValueId x = context.input(at.x), w = context.input(at.w);
  if (!is_byte(context.dtype(x)) || !is_byte(context.dtype(w))) return nullptr;
  if (!all_constant(context, {int(at.x_zero), int(at.w_zero), at.x_scale, at.w_scale, at.y_scale,
                              at.y_zero, at.bias})) {
    return nullptr;
  }
  const auto arithmetic = arithmetic_named(context.node().attributes.string("arithmetic", "onnx"));
  if (!arithmetic) return nullptr;
  auto problem = std::make_unique<Problem>();
  problem->constant_weights = context.is_constant(w);
  problem->arithmetic = *arithmetic;
  problem->x_signed = context.dtype(x) == DType::i8;
  problem->w_signed = context.dtype(w) == DType::i8;
  problem->x_zero = zero_point(context, int(at.x_zero));
  if (at.y_scale >= 0) {
    const DType type = context.dtype(context.output());
    if (!is_byte(type)) return nullptr;
    problem->output = type == DType::i8 ? Output::i8 : Output::u8;
    problem->y_zero = zero_point(context, at.y_zero);
    problem->w_scale_per_channel =
        context.shape(context.input(std::size_t(at.w_scale))).elements() > 1;
  } else {
    problem->output = Output::i32;
  }
  const std::int64_t neutral = problem->w_signed ? 0 : 128;
  problem->w_zeros = neutral != 0;
  if (context.has_input(at.w_zero)) {
    const auto zeros = *context.integers(at.w_zero);
    problem->w_zero_per_channel = zeros.size() > 1;
    problem->w_zeros =
        std::ranges::any_of(zeros, [&](std::int64_t zero) { return zero != neutral; });
  }
  operands.in = {x};
  if (!problem->constant_weights) operands.in.push_back(w);
  operands.out = {context.output()};
  operands.constants = {
      problem->constant_weights ? constant(context, int(at.w)) : ConstantOperand{},
      constant(context, int(at.w_zero)),
      constant(context, at.w_scale),
      constant(context, at.bias),
      constant(context, at.x_scale),
      constant(context, at.y_scale)};
  return problem;
}

std::unique_ptr<kernels::Problem> lower_conv(const LowerContext& context, Operands& operands,
                                             const Places& at) {
  const Shape& x = context.shape(context.input(at.x));
  if ((x.rank() != 3 && x.rank() != 4)) return nullptr;
  auto problem = quantization(context, at, operands);
  if (!problem || !problem->constant_weights) return nullptr;
  set_geometry(*problem, context.node().attributes, x, context.shape(context.input(at.w)),
               context.shape(context.output()));
  if (problem->groups == problem->channels && problem->channels > 1) {
    problem->sum = SumOf::depthwise;
  }
  return problem;
}

constexpr Places linear_conv{.x = 0,
                             .x_zero = 2,
                             .w = 3,
                             .w_zero = 5,
                             .x_scale = 1,
                             .w_scale = 4,
                             .y_scale = 6,
                             .y_zero = 7,
                             .bias = 8};

std::unique_ptr<kernels::Problem> lower_linear_conv(const LowerContext& context,
                                                    Operands& operands) {
  return lower_conv(context, operands, linear_conv);
}

std::unique_ptr<kernels::Problem> lower_linear_conv_transpose(const LowerContext& context,
                                                              Operands& operands) {
  const Shape& x = context.shape(context.input(linear_conv.x));
  if (x.rank() != 3 && x.rank() != 4) return nullptr;
  auto problem = quantization<kernels::IntegerConvTransposeProblem>(context, linear_conv, operands);
  if (!problem || !problem->constant_weights) return nullptr;
  const ir::Attributes& attributes = context.node().attributes;
  const TransposedGeometry geometry(attributes, x, context.shape(context.input(linear_conv.w)),
                                    context.shape(context.output()));
  problem->h = geometry.h;
  problem->w = geometry.w;
  problem->batch = x[0];
  problem->channels = x[1];
  problem->out_channels = context.shape(context.output())[1];
  problem->groups = attributes.integer("group", 1);
  problem->sum = SumOf::transposed;
  return problem;
}

std::unique_ptr<kernels::Problem> lower_conv_integer(const LowerContext& context,
                                                     Operands& operands) {
  return lower_conv(context, operands, {.x = 0, .x_zero = 2, .w = 1, .w_zero = 3});
}

/// One matrix of weights for all rows of x, or one for each matrix of x.
bool set_matrices(IntegerConvProblem& problem, const Shape& x, const Shape& w) {
  if (w.elements(0, w.rank() - 2) == 1) {
    problem.width = problem.out_width = x.elements(0, x.rank() - 1);
    return true;
  }
  if (problem.constant_weights || x.rank() != w.rank()) return false;
  for (int axis = 0; axis < x.rank() - 2; ++axis) {
    if (x[axis] != w[axis]) return false;
  }
  problem.width = problem.out_width = x[-2];
  problem.batch = problem.weight_matrices = x.elements(0, x.rank() - 2);
  return true;
}

std::unique_ptr<kernels::Problem> lower_product(const LowerContext& context, Operands& operands,
                                                const Places& at, SumOf sum) {
  const Shape& x = context.shape(context.input(at.x));
  const Shape& w = context.shape(context.input(at.w));
  if (x.rank() < 1 || w.rank() < 2 || w.elements() == 0) return nullptr;
  // One zero point and scale for all rows, those of columns as vectors.
  const auto elements = [&](int i) {
    return i >= 0 && context.has_input(std::size_t(i))
               ? context.shape(context.input(std::size_t(i))).elements()
               : 1;
  };
  if (elements(int(at.x_zero)) != 1 || elements(at.x_scale) != 1) return nullptr;
  auto problem = quantization(context, at, operands);
  if (!problem) return nullptr;
  problem->matrix = true;
  problem->sum = sum;
  problem->transposed_weights = sum == SumOf::matmul;
  problem->channels = x[-1];
  problem->out_channels = problem->transposed_weights ? w[-1] : w[0];
  for (const int i : {int(at.w_zero), at.w_scale}) {
    if (elements(i) != 1 && elements(i) != problem->out_channels) return nullptr;
  }
  if (!set_matrices(*problem, x, w)) return nullptr;
  return problem;
}

std::unique_ptr<kernels::Problem> lower_matmul_integer(const LowerContext& context,
                                                       Operands& operands) {
  return lower_product(context, operands, {.x = 0, .x_zero = 2, .w = 1, .w_zero = 3},
                       SumOf::matmul);
}

constexpr Places linear_product{.x = 0,
                                .x_zero = 2,
                                .w = 3,
                                .w_zero = 5,
                                .x_scale = 1,
                                .w_scale = 4,
                                .y_scale = 6,
                                .y_zero = 7};

std::unique_ptr<kernels::Problem> lower_linear_matmul(const LowerContext& context,
                                                      Operands& operands) {
  for (const std::size_t scale : {1u, 4u, 6u}) {
    if (context.dtype(context.input(scale)) != DType::f32) return nullptr;
  }
  return lower_product(context, operands, linear_product, SumOf::matmul);
}

std::unique_ptr<kernels::Problem> lower_linear_gemm(const LowerContext& context,
                                                    Operands& operands) {
  Places at = linear_product;
  at.bias = 8;
  if (context.has_input(8) && context.dtype(context.input(8)) != DType::i32) return nullptr;
  return lower_product(context, operands, at, SumOf::fully_connected);
}

constexpr Lowering table[] = {
    {"QLinearConv", lower_linear_conv},
    {"ConvInteger", lower_conv_integer},
    {"MatMulInteger", lower_matmul_integer},
    {"QLinearMatMul", lower_linear_matmul},
    {"strata.QLinearConvTranspose", lower_linear_conv_transpose},
    {"strata.QLinearGemm", lower_linear_gemm},
};

}  // namespace

std::span<const Lowering> integer_lowerings() { return table; }

}  // namespace strata::runtime
