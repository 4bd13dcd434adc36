#pragma once

#include <span>

#include "strata/kernels/epilogue.hpp"
#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// 2-D convolution on f32 activations (1-D is height 1):
/// out[n,o,y,x] = act(bias[o] + residual + sum over c,i,j of
///   in[n, g*C/G + c, y*stride_h - pad_top + i*dilation_h, ...] * w[o,c,i,j]).
/// in: {X (N,C,H,W), residual (N,O,OH,OW) if epilogue.residual}; out: {Y (N,O,OH,OW)}.
/// constants: {weights (O, C/G, KH, KW) row-major, scales f32 or null, bias f32 [O] or null}.
struct ConvProblem : Problem {
  ConvProblem() : Problem(ProblemKind::conv) {}

  std::int64_t batch = 1;
  std::int64_t channels = 0, height = 0, width = 0;
  std::int64_t out_channels = 0, out_height = 0, out_width = 0;
  std::int64_t groups = 1;
  std::int64_t kernel_h = 1, kernel_w = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  /// Rows from one plane of X and Y to the next, where operands are some rows of larger tensors;
  /// 0: as many as there are. Only rows of kernels that say so take others.
  std::int64_t in_plane_rows = 0, out_plane_rows = 0;
  WeightType weights = WeightType::f32;
  bool constant_weights = true;  ///< else the weights are in[1], f32, and the bias is in[2]
  Epilogue epilogue;
};

/// The plane of an output of which a convolution writes every step_h-th row and step_w-th column.
struct OutputGrid {
  std::int64_t height, width;
  std::int64_t step_h = 1, step_w = 1;
};

/// Whether operands are some rows of larger tensors.
inline bool is_part(const ConvProblem& p) { return p.in_plane_rows > 0 || p.out_plane_rows > 0; }

/// Row::in_place of kernels that read a residual once only, right before they write its place.
inline std::uint32_t residual_in_place(const ConvProblem& p) {
  return p.constant_weights && p.epilogue.residual ? 1u << 1 : 0;
}

/// Whether all that is counted in ints stays below 2^31: elements of operands, and of padded ones.
bool fits_int(const ConvProblem& p);

std::span<const Row> conv_rows();

}  // namespace strata::kernels
