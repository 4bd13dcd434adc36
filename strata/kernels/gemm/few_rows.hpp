#pragma once

#include <cstddef>

#include "strata/kernels/epilogue.hpp"

namespace strata::kernels {

/// One to three rows times a few vectors of columns: bound by reading B, so the reduction runs in
/// several chains, joined at the end.
struct FewRows {
  const float* a;  ///< rows a_row floats apart
  std::ptrdiff_t a_row;
  std::ptrdiff_t k;
  const void* b;          ///< k rows of the columns, in the kernel's weight type
  std::ptrdiff_t b_row;   ///< elements between them
  const float* bias;      ///< per column
  const float* scale;     ///< per column, for integer weights
  const float* residual;  ///< placed as y, or null
  float* y;
  std::ptrdiff_t y_row;
  int last_lanes;  ///< columns that exist in the last vector
  const Epilogue* epilogue;
};
constexpr int most_few_rows = 3;

using FewRowsFunction = void(const FewRows&) noexcept;
/// The function for `rows` rows and 1 or 2 vectors of packed columns.
using FindFewRows = FewRowsFunction*(int rows, int vectors) noexcept;

/// Vectors of columns of B as it lies in memory, of which the unpacked functions take that many or
/// (reading last_lanes of it) one.
constexpr int unpacked_vectors = 4;

namespace avx512 {
FindFewRows f32_few_rows, f16_few_rows, i8_few_rows, unpacked_few_rows;
}
namespace avx2 {
FindFewRows f32_few_rows, f16_few_rows, i8_few_rows, unpacked_few_rows;
}
namespace baseline {
FindFewRows f32_few_rows, unpacked_few_rows;
}

}  // namespace strata::kernels
