#include "strata/kernels/gemm/gemm.hpp"

#include <algorithm>

#include "strata/runtime/lowering.hpp"
#include "strata/runtime/lowering/region.hpp"
#include "strata/runtime/lowering/transposed.hpp"

namespace strata::runtime {
namespace {

using kernels::GemmProblem;

/// B as a constant that is packed, or as an activation.
void set_second(const LowerContext& context, ir::ValueId b, bool constant, GemmProblem& problem,
                Operands& operands) {
  problem.constant_b = constant;
  if (!constant) {
    operands.in.push_back(b);
    return;
  }
  const WeightOperands weights = weight_operands(context, b, problem.transpose_b ? 0 : 1);
  problem.weights = weights.type;
  operands.constants = {weights.weights, weights.scales, {}};
}

/// One number for each of n columns.
bool is_row(const Shape& shape, std::int64_t n) {
  return shape.rank() >= 1 && shape[-1] == n && shape.elements() == n;
}

/// A bias that kernels take: constant, beta 1, one number per column.
bool is_column_bias(const LowerContext& context, const Region& region, std::int64_t n) {
  const ir::ValueId bias = region.inputs[2];
  const Shape& shape = context.shape(bias);
  return context.is_constant(bias) && region.head->attributes.real("beta", 1) == 1 &&
         is_row(shape, n);
}

std::unique_ptr<kernels::Problem> lower_gemm(const LowerContext& context, Operands& operands) {
  const auto region = match_region(context, "Gemm");
  if (!region || !context.all_f32()) return nullptr;
  const ir::Attributes& attributes = region->head->attributes;
  const Shape& y = context.shape(region->output);
  const Shape& a = context.shape(region->inputs[0]);

  auto problem = std::make_unique<GemmProblem>();
  problem->transpose_a = attributes.integer("transA", 0) != 0;
  problem->transpose_b = attributes.integer("transB", 0) != 0;
  problem->alpha = attributes.real("alpha", 1);
  problem->m = y[0];
  problem->n = y[1];
  problem->sample_rows = 1;  // nothing says that rows are of one sample
  problem->k = problem->transpose_a ? a[0] : a[1];
  problem->epilogue = region->epilogue;
  problem->epilogue.bias = region->has_input(2);
  if (problem->epilogue.bias && !is_column_bias(context, *region, problem->n)) return nullptr;

  operands.in = {region->inputs[0]};
  operands.out = {region->output};
  // The bias travels with packed weights, so both are constant or neither is packed.
  const bool constant_b = context.is_constant(region->inputs[1]);
  if (!constant_b && problem->epilogue.bias) return nullptr;
  set_second(context, region->inputs[1], constant_b, *problem, operands);
  if (problem->epilogue.bias) operands.constants[2].value = region->inputs[2];
  if (region->epilogue.residual) operands.in.push_back(region->residual);
  return problem;
}

/// Batch sizes of a MatMul whose operands broadcast only as a whole: the batch, and how far apart
/// the matrices of each operand lie. False if they broadcast axis by axis.
bool set_batch(const Shape& a, const Shape& b, GemmProblem& problem) {
  const std::int64_t a_batch = a.elements(0, a.rank() - 2);
  const std::int64_t b_batch = b.elements(0, b.rank() - 2);
  if (b.rank() == 2 || b_batch == 1) {  // one B for all rows of A
    problem.m *= a_batch;
    return true;
  }
  problem.batch = a_batch == 1 ? b_batch : a_batch;
  problem.b_stride = problem.k * problem.n;
  if (a_batch == 1) return true;
  problem.a_stride = problem.m * problem.k;
  if (a.rank() != b.rank()) return false;
  for (int axis = 0; axis < a.rank() - 2; ++axis) {
    if (a[axis] != b[axis]) return false;
  }
  return true;
}

/// Whether set_strides can say where the operands lie.
bool has_strides(const Transposed& a, const Transposed& b) {
  const int rank = a.shape.rank();
  if (rank < 3 || rank > 4 || b.shape.rank() != rank) return false;
  for (int axis = 0; axis < rank - 2; ++axis) {
    const std::int64_t x = a.shape[axis], y = b.shape[axis];
    if (x != y && x != 1 && y != 1) return false;
  }
  return a.has_dense_axis() && b.has_dense_axis();
}

/// Batch and strides of operands of rank 3 or 4 that lie as they were before they were transposed.
void set_strides(const Transposed& a, const Transposed& b, GemmProblem& problem) {
  const auto extent = [&](int axis) {  // where one of them is repeated, that of the other
    return a.shape[axis] == 1 ? b.shape[axis] : a.shape[axis];
  };
  problem.batch_inner = std::max<std::int64_t>(extent(-3), 1);
  problem.batch = extent(-3) * (a.shape.rank() == 4 ? extent(-4) : 1);
  problem.a_stride = a.stride(-4);
  problem.b_stride = b.stride(-4);
  problem.a_inner_stride = a.stride(-3);
  problem.b_inner_stride = b.stride(-3);
  problem.transpose_a = a.is_transposed();
  problem.transpose_b = b.is_transposed();
  problem.a_row = a.stored_row();
  problem.b_row = b.stored_row();
}

std::unique_ptr<kernels::Problem> lower_matmul(const LowerContext& context, Operands& operands) {
  const auto region = match_region(context, "MatMul");
  if (!region || !context.all_f32()) return nullptr;
  const Transposed a(context.shape(region->inputs[0]), region->transposed[0]);
  const Transposed b(context.shape(region->inputs[1]), region->transposed[1]);
  if (a.shape.rank() < 2 || b.shape.rank() < 2) return nullptr;

  auto problem = std::make_unique<GemmProblem>();
  problem->m = a.shape[-2];
  problem->k = a.shape[-1];
  problem->n = b.shape[-1];
  problem->sample_rows = a.shape.rank() > 2 ? problem->m : 1;
  if (b.shape[-2] != problem->k) return nullptr;
  if (!region->transposed[0].empty() || !region->transposed[1].empty()) {
    if (!has_strides(a, b)) return nullptr;
    set_strides(a, b, *problem);
  } else if (!set_batch(a.shape, b.shape, *problem)) {
    return nullptr;
  }
  const Shape& y = context.shape(region->output);
  if (y.elements() != problem->batch * problem->m * problem->n) return nullptr;
  problem->alpha = region->factor;
  problem->epilogue = region->epilogue;
  operands.in = {region->inputs[0]};
  operands.out = {region->output};
  const bool constant_b = context.is_constant(region->inputs[1]) && problem->shares_b();
  problem->epilogue.bias = region->bias != ir::no_value;
  if (problem->epilogue.bias && (!constant_b || !is_row(context.shape(region->bias), problem->n))) {
    return nullptr;
  }
  set_second(context, region->inputs[1], constant_b, *problem, operands);
  if (problem->epilogue.bias) operands.constants[2].value = region->bias;
  if (region->epilogue.residual) operands.in.push_back(region->residual);
  return problem;
}

constexpr Lowering table[] = {{"Gemm", lower_gemm},
                              {"strata.Fused", lower_gemm},
                              {"MatMul", lower_matmul},
                              {"strata.Fused", lower_matmul}};

}  // namespace

std::span<const Lowering> gemm_lowerings() { return table; }

}  // namespace strata::runtime
