#pragma once

#include <span>

#include "strata/kernels/epilogue.hpp"
#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Batched matrix product on f32: for each b: out[b] = act(alpha * A[b] x B[b] + bias + residual).
/// A is (m, k), or stored (k, m) if transpose_a; B is (k, n), or stored (n, k) if transpose_b.
/// in: {A, B unless constant_b, residual (batch, m, n) if epilogue.residual}; out: {Y (batch,m,n)}.
/// constants: {B as stored, in WeightType (channel = n), scales or null, bias f32 [n] or null}.
/// All plain layouts. Operand b of A starts at a_offset(b) elements, and likewise B; strides of 0
/// let matrices share an operand. The batch may have two axes, so that both operands may be what
/// transposed heads of attention leave in place.
struct GemmProblem : Problem {
  GemmProblem() : Problem(ProblemKind::gemm) {}

  std::int64_t batch = 1;
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t batch_inner = 1;             ///< matrices along the inner axis of the batch
  std::int64_t a_stride = 0, b_stride = 0;  ///< along the outer axis, in elements
  std::int64_t a_inner_stride = 0, b_inner_stride = 0;
  std::int64_t a_row = 0, b_row = 0;  ///< elements between stored rows; 0: they lie end to end
  /// Rows that belong together: what is in others must not change their results, not even by
  /// rounding. 0: all of a matrix.
  std::int64_t sample_rows = 0;
  bool transpose_a = false, transpose_b = false;
  bool constant_b = true;
  WeightType weights = WeightType::f32;
  float alpha = 1;
  Epilogue epilogue;

  std::int64_t a_offset(std::int64_t b) const {
    return b / batch_inner * a_stride + b % batch_inner * a_inner_stride;
  }
  std::int64_t b_offset(std::int64_t b) const {
    return b / batch_inner * b_stride + b % batch_inner * b_inner_stride;
  }
  bool shares_b() const { return b_stride == 0 && b_inner_stride == 0; }
  std::int64_t stored_row_of_a() const { return a_row != 0 ? a_row : transpose_a ? m : k; }
  std::int64_t stored_row_of_b() const { return b_row != 0 ? b_row : transpose_b ? k : n; }
};

std::span<const Row> gemm_rows();

}  // namespace strata::kernels
