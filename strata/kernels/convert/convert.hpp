#pragma once

#include <array>
#include <span>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// The same elements in another layout: what the planner inserts between regions.
/// in: {X in layouts.in[0]}; out: {Y in layouts.out[0]}; both are set before rejects is asked.
struct ReorderProblem : Problem {
  ReorderProblem() : Problem(ProblemKind::reorder) {}
  std::size_t element_size = 4;
  int rank = 4;
  std::array<std::int64_t, 8> dims{};
};

std::span<const Row> convert_rows();

}  // namespace strata::kernels
