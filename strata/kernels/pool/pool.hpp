#pragma once

#include <span>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// 2-D pooling on f32. in: {X (N,C,H,W)}; out: {Y (N,C,OH,OW)}. Global pooling is a window of the
/// whole plane. Bottom and right padding follow from the output's extent (ceil mode).
struct PoolProblem : Problem {
  PoolProblem() : Problem(ProblemKind::pool) {}

  enum class Function : std::uint8_t { max, average };
  Function function = Function::max;
  std::int64_t batch = 1, channels = 0, height = 0, width = 0;
  std::int64_t out_height = 0, out_width = 0;
  std::int64_t kernel_h = 1, kernel_w = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  bool count_include_pad = false;  ///< average: padding counts in the divisor
};

std::span<const Row> pool_rows();

}  // namespace strata::kernels
