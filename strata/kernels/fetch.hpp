#pragma once

#include <cstddef>

namespace strata::kernels {

/// Where a tile of vectors of 64 bytes or less lies: strides in floats.
struct TilePlaces {
  int rows, columns, vectors;
  std::ptrdiff_t row, column, vector;
};

/// Fetches the lines of a later tile's results, and of what is added to them, into the second
/// cache. Results go to as many streams as a tile has vectors and rows, among those of weights and
/// inputs: too many for the processor to foresee, and stores then wait for each line.
inline void fetch_results(const TilePlaces& at, const float* y, const float* residual) {
  for (int v = 0; v < at.vectors; ++v) {
    for (int r = 0; r < at.rows; ++r) {
      const std::ptrdiff_t first = v * at.vector + r * at.row;
      for (int c = 0; c < at.columns; ++c) {
        __builtin_prefetch(y + first + c * at.column, 1, 2);
        if (residual) __builtin_prefetch(residual + first + c * at.column, 0, 2);
      }
    }
  }
}

}  // namespace strata::kernels
