#pragma once

#include "strata/kernels/elementwise/runs.hpp"

namespace strata::kernels {

/// How a binary operation walks memory: the axes of the output as stored (those that walk together
/// are merged), innermost first, with the strides of both operands; the output is contiguous.
/// A work unit is a run of rows (axis 1) of axis 0, or of one such row, at one place of the rest.
struct BinaryPlan {
  struct Axis {
    std::int64_t extent = 1, a = 0, b = 0;
  };
  Axis axes[9];
  int rank = 2;              ///< at least 2
  std::int64_t rows = 1;     ///< of axis 1 in a unit
  std::int64_t columns = 1;  ///< of axis 0 in a unit
  std::int64_t row_units = 1, column_units = 1;
  std::int64_t outer = 1;  ///< places of the other axes
};

BinaryPlan plan_binary(const BinaryProblem& problem);

}  // namespace strata::kernels
