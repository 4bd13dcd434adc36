#pragma once

#include "strata/kernels/conv/conv.hpp"
#include "strata/kernels/tile.hpp"

namespace strata::kernels {

/// How a convolution runs whose groups have one channel in and out (depthwise), or several that
/// share a vector with other groups: vectors of channels, each a plane. A lane takes the channels
/// of its group one after the other, from a permutation of the vector that it lies in (the packing
/// of groups into vectors of Gibson et al., "Optimizing Grouped Convolutions on Edge Devices",
/// 2020). Packed constants: per vector the weights (kh, channel of the group, kw, lane), then per
/// vector the bias. Strides are in floats.
struct DepthwisePlan {
  int group = 1;    ///< channels of a group
  int lanes = 0;    ///< of a vector
  int vectors = 0;  ///< with channels last, the last overlaps the one before it where it can
  int height = 0, width = 0, out_height = 0, out_width = 0;
  int kernel_h = 0, kernel_w = 0, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  int pad_top = 0, pad_left = 0;
  std::ptrdiff_t x_row = 0, x_column = 0, x_plane = 0, x_image = 0;
  std::ptrdiff_t y_row = 0, y_column = 0, y_plane = 0, y_image = 0;
  bool channels_last = false;
  int blocks = 1;  ///< of rows; a work unit is one, with channels last for all vectors
  Epilogue epilogue;
};

/// Operands of one vector of one image.
struct DepthwiseOperands {
  const float* x;
  const float* w;
  const float* bias;
  const float* residual;  ///< placed as y, or null
  float* y;
  int lanes;  ///< channels that exist
};

/// Computes output rows [begin, end).
using DepthwiseFunction = void(const DepthwisePlan& plan, const DepthwiseOperands& operands,
                               int begin, int end) noexcept;
namespace avx512 {
DepthwiseFunction depthwise_rows;
}
namespace avx2 {
DepthwiseFunction depthwise_rows;
}
namespace baseline {
DepthwiseFunction depthwise_rows;
}

DepthwisePlan plan_depthwise(const ConvProblem& p, bool channels_last, VectorForm vector);
std::int64_t depthwise_units(const DepthwisePlan& plan, const ConvProblem& p);
std::size_t depthwise_packed_bytes(const DepthwisePlan& plan);
void pack_depthwise(const DepthwisePlan& plan, const ConvProblem& p, const Constants& constants,
                    std::byte* packed);
void run_depthwise(const DepthwisePlan& plan, VectorForm vector, DepthwiseFunction* rows,
                   const Args& args, std::int64_t begin, std::int64_t end) noexcept;

}  // namespace strata::kernels
