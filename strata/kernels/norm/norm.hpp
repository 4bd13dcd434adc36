#pragma once

#include <span>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Softmax or log-softmax over the middle axis of (outer, size, inner), f32, plain layout.
/// in: {X}; out: {Y}.
struct SoftmaxProblem : Problem {
  SoftmaxProblem() : Problem(ProblemKind::softmax) {}
  std::int64_t outer = 1, size = 1, inner = 1;
  bool log = false;
};

std::span<const Row> norm_rows();

}  // namespace strata::kernels
