#include "strata/kernels/movement/movement.hpp"

#include <algorithm>
#include <cstring>

#include "strata/runtime/lowering.hpp"

namespace strata::runtime {
namespace {

using kernels::ConcatProblem;
using kernels::PadProblem;
using kernels::StridedCopyProblem;
using Dims = std::array<std::int64_t, 8>;

Dims row_major_strides(const Shape& shape) {
  Dims strides{};
  std::int64_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    strides[std::size_t(axis)] = stride;
    stride *= shape[axis];
  }
  return strides;
}

std::unique_ptr<StridedCopyProblem> copy_problem(const LowerContext& context, Operands& operands) {
  const ir::ValueId x = context.input(0);
  const Shape& y = context.shape(context.output());
  auto problem = std::make_unique<StridedCopyProblem>();
  problem->element_size = size_of(context.dtype(x));
  problem->rank = y.rank();
  std::ranges::copy(y, problem->out_dims.begin());
  operands.in = {x};
  operands.out = {context.output()};
  return problem;
}

std::unique_ptr<kernels::Problem> lower_transpose(const LowerContext& context, Operands& operands) {
  auto problem = copy_problem(context, operands);
  const Dims strides = row_major_strides(context.shape(context.input(0)));
  const auto perm = context.node().attributes.integers("perm");
  for (int i = 0; i < problem->rank; ++i) {
    const std::int64_t from = perm.empty() ? problem->rank - 1 - i : perm[std::size_t(i)];
    problem->in_strides[std::size_t(i)] = strides[std::size_t(from)];
  }
  return problem;
}

std::unique_ptr<kernels::Problem> lower_slice(const LowerContext& context, Operands& operands) {
  const Shape& x = context.shape(context.input(0));
  const auto starts = context.integers(1);
  if (!starts || !context.integers(2)) return nullptr;
  const auto given_axes = context.integers(3);
  const auto given_steps = context.integers(4);
  if ((context.has_input(3) && !given_axes) || (context.has_input(4) && !given_steps)) {
    return nullptr;
  }
  auto problem = copy_problem(context, operands);
  problem->in_strides = row_major_strides(x);
  if (context.shape(context.output()).elements() == 0) return problem;
  for (std::size_t i = 0; i < starts->size(); ++i) {
    std::int64_t axis = given_axes ? (*given_axes)[i] : std::int64_t(i);
    if (axis < 0) axis += x.rank();
    const std::int64_t step = given_steps ? (*given_steps)[i] : 1;
    const std::int64_t extent = x[int(axis)];
    std::int64_t start = (*starts)[i] < 0 ? (*starts)[i] + extent : (*starts)[i];
    start = std::clamp<std::int64_t>(start, 0, step < 0 ? extent - 1 : extent);
    problem->in_offset += start * problem->in_strides[std::size_t(axis)];
    problem->in_strides[std::size_t(axis)] *= step;
  }
  return problem;
}

std::unique_ptr<kernels::Problem> lower_expand(const LowerContext& context, Operands& operands) {
  const Shape& x = context.shape(context.input(0));
  auto problem = copy_problem(context, operands);
  const Dims strides = row_major_strides(x);
  const int lead = problem->rank - x.rank();
  for (int i = 0; i < x.rank(); ++i) {
    problem->in_strides[std::size_t(i + lead)] = x[i] == 1 ? 0 : strides[std::size_t(i)];
  }
  return problem;
}

std::unique_ptr<kernels::Problem> lower_concat(const LowerContext& context, Operands& operands) {
  const Shape& y = context.shape(context.output());
  auto problem = std::make_unique<ConcatProblem>();
  problem->element_size = size_of(context.dtype(context.output()));
  problem->rank = y.rank();
  const std::int64_t axis = context.node().attributes.integer("axis", 0);
  problem->axis = int(axis < 0 ? axis + y.rank() : axis);
  std::ranges::copy(y, problem->out_dims.begin());
  for (ir::ValueId id : context.node().inputs) {
    std::ranges::copy(context.shape(id), problem->in_dims.emplace_back().begin());
    operands.in.push_back(id);
  }
  operands.out = {context.output()};
  return problem;
}

std::unique_ptr<kernels::Problem> lower_pad(const LowerContext& context, Operands& operands) {
  const ir::ValueId x = context.input(0);
  const auto pads = context.integers(1);
  if (!pads || context.node().attributes.string("mode", "constant") != "constant" ||
      (context.has_input(2) && !context.is_constant(context.input(2))) || context.has_input(3)) {
    return nullptr;
  }
  auto problem = std::make_unique<PadProblem>();
  problem->element_size = size_of(context.dtype(x));
  problem->rank = context.shape(x).rank();
  std::ranges::copy(context.shape(x), problem->in_dims.begin());
  std::ranges::copy(context.shape(context.output()), problem->out_dims.begin());
  std::copy_n(pads->begin(), problem->rank, problem->begin.begin());
  if (context.has_input(2)) {
    const Tensor value = context.graph().value(context.input(2)).constant->decode();
    std::memcpy(problem->value.data(), value.raw(), problem->element_size);
  }
  operands.in = {x};
  operands.out = {context.output()};
  return problem;
}

constexpr Lowering table[] = {
    {"Transpose", lower_transpose}, {"Slice", lower_slice}, {"Expand", lower_expand},
    {"Concat", lower_concat},       {"Pad", lower_pad},
};

}  // namespace

std::span<const Lowering> movement_lowerings() { return table; }

}  // namespace strata::runtime
