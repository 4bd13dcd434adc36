#pragma once

#include <cstddef>

#include "strata/kernels/tile.hpp"

namespace strata::kernels {

/// f32 in memory, to be rounded to bf16 and laid out as tiles read it.
struct PairRows {
  const float* from;
  std::ptrdiff_t from_step;  ///< floats between one row and the next
  Bf16Pair* to;
  std::ptrdiff_t to_step;  ///< words between them
  std::ptrdiff_t count;    ///< of rows
  std::ptrdiff_t length;   ///< floats of a row; an odd one is followed by 0
};

/// What an instruction set offers for bf16 with sums in f32.
struct PairKernels {
  FindTile* tile;
  /// Neighbours in a row become a word: to[r][i] = (from[r][2i], from[r][2i + 1]) * factor.
  void (*along)(const PairRows& rows, float factor) noexcept;
  /// Two rows become a row of words: to[i] = (first[i], second[i]) * factor; a null row is 0.
  void (*across)(const float* first, const float* second, Bf16Pair* to, std::ptrdiff_t count,
                 float factor) noexcept;
};

namespace avx512_bf16 {
extern const PairKernels pair_kernels;
}

}  // namespace strata::kernels
