#pragma once

#include <span>

#include "strata/kernels/epilogue.hpp"
#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Batched matrix product on f32: for each b: out[b] = act(alpha * A[b] x B[b] + bias + residual).
/// A is (m, k), or stored (k, m) if transpose_a; B is (k, n), or stored (n, k) if transpose_b.
/// in: {A, B unless constant_b, residual (batch, m, n) if epilogue.residual}; out: {Y (batch,m,n)}.
/// constants: {B as stored, in WeightType (channel = n), scales or null, bias f32 [n] or null}.
/// All plain layouts. Operand b of A starts at b * a_stride elements (0: the same for all), and
/// likewise B.
struct GemmProblem : Problem {
  GemmProblem() : Problem(ProblemKind::gemm) {}

  std::int64_t batch = 1;
  std::int64_t m = 0, n = 0, k = 0;
  std::int64_t a_stride = 0, b_stride = 0;
  bool transpose_a = false, transpose_b = false;
  bool constant_b = true;
  WeightType weights = WeightType::f32;
  float alpha = 1;
  Epilogue epilogue;
};

std::span<const Row> gemm_rows();

}  // namespace strata::kernels
