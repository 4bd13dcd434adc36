#pragma once

#include <span>

#include "strata/kernels/conv/transposed.hpp"
#include "strata/kernels/row.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"

namespace strata::kernels {

/// 2-D convolution (or product of matrices) of bytes, each u8 or i8, with sums modulo 2^32:
///   sum[n,o,y,x] = B[o] + sum over c,i,j of (in[n, g*C/G + c, ...] - x_zero) * (w[o,c,i,j] -
///   w_zero[o])
/// Padding stands for x_zero. out = sum (i32), or the code that tensor's Rescale gives for the
/// scales, the arithmetic and the kind of sum. A matrix of M rows is an image of height 1 and width
/// M whose plain layout has channels last. in: {X (N,C,H,W)}; out: {Y (N,O,OH,OW)}. constants: {w,
/// w_zero or null, w_scale f32 or null, B i32 or null, x_scale f32, y_scale f32}; x_scale and
/// y_scale have one element, w_zero and w_scale one or one per output channel. Weights of matrices
/// may be an activation instead, in[1]: (C, O), or one such matrix for each image; then the first
/// constant is null.
struct IntegerConvProblem : Problem {
  IntegerConvProblem() : Problem(ProblemKind::integer_conv) {}

  enum class Output : std::uint8_t { i8, u8, i32 };
  std::int64_t batch = 1;
  std::int64_t channels = 0, height = 1, width = 1;
  std::int64_t out_channels = 0, out_height = 1, out_width = 1;
  std::int64_t groups = 1;
  std::int64_t kernel_h = 1, kernel_w = 1;
  std::int64_t stride_h = 1, stride_w = 1;
  std::int64_t dilation_h = 1, dilation_w = 1;
  std::int64_t pad_top = 0, pad_left = 0, pad_bottom = 0, pad_right = 0;
  bool matrix = false;              ///< X is (M, C), Y is (M, O)
  bool transposed_weights = false;  ///< of a matrix: w is (C, O), else (O, C/G, KH, KW)
  bool constant_weights = true;
  std::int64_t weight_matrices = 1;  ///< that are no constants: 1, or `batch`
  bool x_signed = false, w_signed = false;
  bool w_zero_per_channel = false, w_scale_per_channel = false;
  std::int32_t x_zero = 0, y_zero = 0;
  bool w_zeros = false;  ///< a zero point of the weights is another than 0 (i8) or 128 (u8)
  Output output = Output::u8;
  Arithmetic arithmetic = Arithmetic::onnx;
  SumOf sum = SumOf::convolution;
};

/// The same of f32 X, which becomes codes i8 on the fly: on a grid for each image, or for each
/// pixel (and each row of a matrix); tensor's DynamicGrid has the rules. Y is f32. Weights are
/// constants i8 with the zero point 0. constants: {w, null, w_scale f32, null, null, null,
/// B f32 or null}.
struct DynamicConvProblem : IntegerConvProblem {
  DynamicConvProblem() {
    kind = ProblemKind::dynamic_conv;
    output = Output::i32;
    x_signed = w_signed = true;
  }
  bool grid_per_pixel = false;  ///< of a window of one tap that moves by one
};

/// Transposed convolution of bytes: sums as those of ConvTransposeProblem, the rest as above; w is
/// (C, O/G, KH, KW) and constant. Of the geometry, only batch, channels, out_channels and groups
/// count beside the axes.
struct IntegerConvTransposeProblem : IntegerConvProblem {
  IntegerConvTransposeProblem() { kind = ProblemKind::integer_conv_transpose; }

  TransposedAxis h, w;
};

std::span<const Row> integer_conv_rows();
std::span<const Row> dynamic_conv_rows();
std::span<const Row> integer_conv_transpose_rows();

}  // namespace strata::kernels
