#include "strata/kernels/reduce/reduce.hpp"

#include <algorithm>

#include "strata/kernels/arg/arg.hpp"
#include "strata/kernels/norm/norm.hpp"
#include "strata/runtime/lowering.hpp"

namespace strata::runtime {
namespace {

using kernels::ArgProblem;
using kernels::LayerNormProblem;
using kernels::ReduceProblem;
using kernels::SoftmaxProblem;

/// Axes that lie next to each other reduce as one.
template <ReduceProblem::Function function>
std::unique_ptr<kernels::Problem> lower_reduce(const LowerContext& context, Operands& operands) {
  const ir::ValueId x = context.input(0);
  const auto axes = context.has_input(1) ? context.integers(1) : std::vector<std::int64_t>{};
  if (!axes || context.dtype(x) != DType::f32) return nullptr;
  const Shape& shape = context.shape(x);
  const int rank = shape.rank();
  if (axes->empty() && context.node().attributes.integer("noop_with_empty_axes", 0) != 0) {
    return nullptr;
  }
  std::uint32_t reduced = axes->empty() ? (1u << rank) - 1 : 0;
  for (std::int64_t axis : *axes) reduced |= 1u << (axis < 0 ? axis + rank : axis);

  int first = 0;
  while (first < rank && !(reduced >> first & 1)) ++first;
  int last = first;
  while (last < rank && (reduced >> last & 1)) ++last;
  if (reduced >> last) return nullptr;

  auto problem = std::make_unique<ReduceProblem>();
  problem->function = function;
  problem->outer = shape.elements(0, first);
  problem->size = shape.elements(first, last);
  problem->inner = shape.elements(last, rank);
  operands.in = {x};
  operands.out = {context.output()};
  return problem;
}

template <bool log>
std::unique_ptr<kernels::Problem> lower_softmax(const LowerContext& context, Operands& operands) {
  if (!context.all_f32()) return nullptr;
  const Shape& shape = context.shape(context.input(0));
  std::int64_t axis = context.node().attributes.integer("axis", -1);
  if (axis < 0) axis += shape.rank();
  auto problem = std::make_unique<SoftmaxProblem>();
  problem->log = log;
  problem->outer = shape.elements(0, int(axis));
  problem->size = shape[int(axis)];
  problem->inner = shape.elements(int(axis) + 1, shape.rank());
  operands.in = {context.input(0)};
  operands.out = {context.output()};
  return problem;
}

template <bool largest>
std::unique_ptr<kernels::Problem> lower_arg(const LowerContext& context, Operands& operands) {
  using Type = ArgProblem::Type;
  const DType type = context.dtype(context.input(0));
  if (type != DType::f32 && type != DType::i8 && type != DType::u8) return nullptr;
  const Shape& shape = context.shape(context.input(0));
  std::int64_t axis = context.node().attributes.integer("axis", 0);
  if (axis < 0) axis += shape.rank();
  auto problem = std::make_unique<ArgProblem>();
  problem->type = type == DType::f32 ? Type::f32 : type == DType::i8 ? Type::i8 : Type::u8;
  problem->largest = largest;
  problem->last = context.node().attributes.integer("select_last_index", 0) != 0;
  problem->channels = shape.rank() == 4 && axis == 1;
  problem->outer = shape.elements(0, int(axis));
  problem->extent = shape[int(axis)];
  problem->inner = shape.elements(int(axis) + 1, shape.rank());
  operands.in = {context.input(0)};
  operands.out = {context.output()};
  return problem;
}

/// Extents from an axis on, without ones before them.
std::span<const std::int64_t> extents_from(const Shape& shape, int axis) {
  while (axis < shape.rank() && shape[axis] == 1) ++axis;
  return shape.dims().subspan(std::size_t(axis));
}

/// What kernels keep in f32 may be asked for in f16 and bf16, not in f64.
bool is_stash_f32(std::int64_t type) {
  constexpr std::int64_t f32 = 1, f16 = 10, bf16 = 16;  // as ONNX numbers types
  return type == f32 || type == f16 || type == bf16;
}

/// Scales of the shape of what is normalised, one result.
template <bool centred>
std::unique_ptr<kernels::Problem> lower_norm(const LowerContext& context, Operands& operands) {
  const bool in_f32 = is_stash_f32(context.node().attributes.integer("stash_type", 1));
  if (!in_f32 || !context.all_f32()) return nullptr;
  const auto& outputs = context.node().outputs;
  for (std::size_t i = 1; i < outputs.size(); ++i) {
    if (outputs[i] != ir::no_value) return nullptr;
  }
  const Shape& shape = context.shape(context.input(0));
  std::int64_t axis = context.node().attributes.integer("axis", -1);
  if (axis < 0) axis += shape.rank();
  auto problem = std::make_unique<LayerNormProblem>();
  problem->rows = shape.elements(0, int(axis));
  problem->size = shape.elements(int(axis), shape.rank());
  problem->epsilon = float(context.node().attributes.real("epsilon", 1e-5f));
  problem->centred = centred;
  problem->bias = context.has_input(2);
  operands.in = {context.input(0), context.input(1)};
  if (problem->bias) operands.in.push_back(context.input(2));
  for (std::size_t i = 1; i < operands.in.size(); ++i) {
    const Shape& given = context.shape(operands.in[i]);
    if (!std::ranges::equal(extents_from(given, 0), extents_from(shape, int(axis)))) return nullptr;
  }
  operands.out = {context.output()};
  return problem;
}

constexpr Lowering table[] = {
    {"ReduceSum", lower_reduce<ReduceProblem::Function::sum>},
    {"ReduceMean", lower_reduce<ReduceProblem::Function::mean>},
    {"ReduceMax", lower_reduce<ReduceProblem::Function::max>},
    {"Softmax", lower_softmax<false>},
    {"LogSoftmax", lower_softmax<true>},
    {"ArgMax", lower_arg<true>},
    {"ArgMin", lower_arg<false>},
    {"LayerNormalization", lower_norm<true>},
    {"RMSNormalization", lower_norm<false>},
};

}  // namespace

std::span<const Lowering> reduce_lowerings() { return table; }

}  // namespace strata::runtime
