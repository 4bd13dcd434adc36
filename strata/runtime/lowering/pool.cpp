#include "strata/kernels/pool/pool.hpp"

#include <algorithm>

#include "strata/kernels/bytes/bytes.hpp"
#include "strata/runtime/lowering.hpp"
#include "strata/runtime/lowering/grids.hpp"
#include "strata/runtime/lowering/window.hpp"

namespace strata::runtime {
namespace {

using kernels::BytePoolProblem;
using kernels::PoolProblem;

std::unique_ptr<PoolProblem> plane(const LowerContext& context, PoolProblem::Function function) {
  const Shape& x = context.shape(context.input(0));
  const DType type = context.dtype(context.input(0));
  const bool codes = type == DType::i8 || type == DType::u8;
  if (x.rank() != 4 || !(codes || context.all_f32())) return nullptr;
  std::unique_ptr<PoolProblem> problem;
  if (codes) {
    if (function != PoolProblem::Function::max) return nullptr;
    auto of_bytes = std::make_unique<BytePoolProblem>();
    of_bytes->is_signed = type == DType::i8;
    problem = std::move(of_bytes);
  } else {
    problem = std::make_unique<PoolProblem>();
  }
  problem->function = function;
  problem->batch = x[0];
  problem->channels = x[1];
  problem->height = x[2];
  problem->width = x[3];
  return problem;
}

std::unique_ptr<kernels::Problem> finish(const LowerContext& context, Operands& operands,
                                         std::unique_ptr<PoolProblem> problem) {
  operands.in = {context.input(0)};
  operands.out = {context.output()};
  return problem;
}

void set_window(const LowerContext& context, PoolProblem& problem) {
  const ir::Attributes& attributes = context.node().attributes;
  const Shape& y = context.shape(context.output());
  const auto kernel = attributes.integers("kernel_shape");
  problem.out_height = y[2];
  problem.out_width = y[3];
  problem.kernel_h = kernel[0];
  problem.kernel_w = kernel[1];
  const WindowAxis v = window_axis(attributes, 0, 2, problem.height, kernel[0], y[2]);
  const WindowAxis h = window_axis(attributes, 1, 2, problem.width, kernel[1], y[3]);
  problem.stride_h = v.stride;
  problem.dilation_h = v.dilation;
  problem.pad_top = v.pad_begin;
  problem.pad_bottom = v.pad_end;
  problem.stride_w = h.stride;
  problem.dilation_w = h.dilation;
  problem.pad_left = h.pad_begin;
  problem.pad_right = h.pad_end;
  problem.count_include_pad = attributes.integer("count_include_pad", 0) != 0;
}

template <PoolProblem::Function function>
std::unique_ptr<kernels::Problem> lower_window(const LowerContext& context, Operands& operands) {
  if (context.node().outputs.size() > 1 && context.output(1) != ir::no_value) return nullptr;
  auto problem = plane(context, function);
  if (!problem) return nullptr;
  set_window(context, *problem);
  return finish(context, operands, std::move(problem));
}

/// Sizes of the input and the grids of codes; null unless kernels know them.
std::unique_ptr<BytePoolProblem> code_average(const LowerContext& context) {
  const Shape& x = context.shape(context.input(0));
  const DType type = context.dtype(context.input(0));
  if (x.rank() != 4 || (type != DType::i8 && type != DType::u8)) return nullptr;
  const auto of_x = constant_grid(context, 1, 2), of_y = constant_grid(context, 3, 4);
  if (!of_x || !of_y) return nullptr;
  auto problem = std::make_unique<BytePoolProblem>();
  problem->function = PoolProblem::Function::average;
  problem->is_signed = type == DType::i8;
  problem->batch = x[0];
  problem->channels = x[1];
  problem->height = x[2];
  problem->width = x[3];
  problem->average.x = *of_x;
  problem->average.y = *of_y;
  problem->average.range = *quantized_range(type);
  return problem;
}

bool sums_fit(const BytePoolProblem& problem) {
  return std::min(problem.kernel_h, problem.height) * std::min(problem.kernel_w, problem.width) <=
         kernels::most_average_taps;
}

std::unique_ptr<kernels::Problem> lower_code_window(const LowerContext& context,
                                                    Operands& operands) {
  auto problem = code_average(context);
  if (!problem) return nullptr;
  set_window(context, *problem);
  if (!sums_fit(*problem)) return nullptr;
  const CodeAverage& grids = problem->average;
  problem->average = window_average_of(arithmetic_of(context), grids.x, grids.y, grids.range);
  return finish(context, operands, std::move(problem));
}

/// Means over height and width.
std::unique_ptr<kernels::Problem> lower_code_mean(const LowerContext& context, Operands& operands) {
  auto problem = code_average(context);
  if (!problem) return nullptr;
  std::vector<std::int64_t> axes = context.node().attributes.integers("axes");
  for (std::int64_t& axis : axes) axis += axis < 0 ? 4 : 0;
  std::ranges::sort(axes);
  if (axes != std::vector<std::int64_t>{2, 3}) return nullptr;
  problem->out_height = problem->out_width = 1;
  problem->kernel_h = problem->height;
  problem->kernel_w = problem->width;
  problem->flat_output = context.shape(context.output()).rank() != 4;
  if (!sums_fit(*problem)) return nullptr;
  const CodeAverage& grids = problem->average;
  problem->average = mean_average_of(arithmetic_of(context), grids.x,
                                     problem->height * problem->width, grids.y, grids.range);
  return finish(context, operands, std::move(problem));
}

std::unique_ptr<kernels::Problem> whole_plane(const LowerContext& context, Operands& operands,
                                              PoolProblem::Function function) {
  auto problem = plane(context, function);
  if (!problem) return nullptr;
  problem->out_height = problem->out_width = 1;
  problem->kernel_h = problem->height;
  problem->kernel_w = problem->width;
  return finish(context, operands, std::move(problem));
}

template <PoolProblem::Function function>
std::unique_ptr<kernels::Problem> lower_global(const LowerContext& context, Operands& operands) {
  return whole_plane(context, operands, function);
}

/// A mean over height and width that keeps both axes is a global average pool.
std::unique_ptr<kernels::Problem> lower_mean(const LowerContext& context, Operands& operands) {
  const Shape& x = context.shape(context.input(0));
  auto axes = context.has_input(1) ? context.integers(1) : std::nullopt;
  if (!axes || x.rank() != 4 || context.dtype(context.input(0)) != DType::f32 ||
      context.node().attributes.integer("keepdims", 1) == 0) {
    return nullptr;
  }
  for (std::int64_t& axis : *axes) axis += axis < 0 ? 4 : 0;
  std::ranges::sort(*axes);
  if (*axes != std::vector<std::int64_t>{2, 3}) return nullptr;
  auto problem = std::make_unique<PoolProblem>();
  problem->function = PoolProblem::Function::average;
  problem->batch = x[0];
  problem->channels = x[1];
  problem->height = problem->kernel_h = x[2];
  problem->width = problem->kernel_w = x[3];
  problem->out_height = problem->out_width = 1;
  return finish(context, operands, std::move(problem));
}

constexpr Lowering table[] = {
    {"MaxPool", lower_window<PoolProblem::Function::max>},
    {"AveragePool", lower_window<PoolProblem::Function::average>},
    {"GlobalMaxPool", lower_global<PoolProblem::Function::max>},
    {"GlobalAveragePool", lower_global<PoolProblem::Function::average>},
    {"ReduceMean", lower_mean},
    {"strata.QLinearAveragePool", lower_code_window},
    {"strata.QLinearReduceMean", lower_code_mean},
};

}  // namespace

std::span<const Lowering> pool_lowerings() { return table; }

}  // namespace strata::runtime
