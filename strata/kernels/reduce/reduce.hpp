#pragma once

#include <span>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Mean, sum or maximum over the middle axis of (outer, size, inner), f32, plain layout.
/// in: {X}; out: {Y (outer, inner)}.
struct ReduceProblem : Problem {
  ReduceProblem() : Problem(ProblemKind::reduce) {}
  enum class Function : std::uint8_t { sum, mean, max };
  Function function = Function::sum;
  std::int64_t outer = 1, size = 1, inner = 1;
};

std::span<const Row> reduce_rows();

}  // namespace strata::kernels
