#pragma once

#include <array>
#include <span>
#include <vector>

#include "strata/kernels/elementwise/elementwise.hpp"
#include "strata/kernels/pool/pool.hpp"
#include "strata/kernels/row.hpp"
#include "strata/tensor/tflite_arithmetic.hpp"
#include "strata/tensor/tflite_resize.hpp"

namespace strata::kernels {

/// out[i] = table[in[i]], bytes: any function of one code. in: {X}; out: {Y}, any layout (the same
/// for both).
struct ByteTableProblem : Problem {
  ByteTableProblem() : Problem(ProblemKind::byte_table) {}
  std::array<std::uint8_t, 256> table{};  ///< by the code's bits
  std::array<std::int64_t, 8> dims{};
  int rank = 0;
};

/// How numbers are divided by their scale and rounded: R(x / scale), A(x / scale) or
/// R(x * (1 / scale)); R rounds half to even, A half away from zero.
enum class QuantizeRule : std::uint8_t { divide_even, divide_away, multiply_even };

/// Between f32 and codes u8 or i8: code = clamp(rule + zero), x = (code - zero) * scale, or
/// code * scale - zero * scale where `apart`. Scales and zero points are single, or one for each
/// place of the middle axis of (outer, extent, inner). in: {X}; out: {Y}.
/// constants: {scales f32, zero points as codes, or null: all 0}.
struct QuantizeProblem : Problem {
  explicit QuantizeProblem(ProblemKind which) : Problem(which) {}  ///< quantize or dequantize
  bool is_signed = false;
  bool per_channel = false;
  QuantizeRule rule = QuantizeRule::divide_even;
  bool apart = false;
  std::int64_t outer = 1, extent = 1, inner = 1;  ///< per_channel: in place of dims
  std::array<std::int64_t, 8> dims{};
  int rank = 0;
};

/// Sums and products of codes on different grids, broadcast; both and the result have one type.
/// in: {A, B}; out: {Y}.
struct ByteBinaryProblem : BinaryProblem {
  using AddRatios = onnx_arithmetic::AddRatios;
  ByteBinaryProblem() { kind = ProblemKind::byte_binary; }

  enum class Form : std::uint8_t {
    float_sum,      ///< onnx_arithmetic::add
    float_product,  ///< onnx_arithmetic::multiply
    integer_sum,    ///< FixedSum of XNNPACK: ((constant + a * a_factor + b * b_factor) >> shift) +
                    ///< y_zero
    fixed_sum,      ///< FixedSum of the other modes
    product,        ///< product_of: a Rescale of the products
  };
  Form form = Form::float_sum;
  bool is_signed = false;
  AddRatios ratios{};
  float scale = 1;
  FixedSum sum{};
  Rescale rescale{};
  std::int32_t a_zero = 0, b_zero = 0, y_zero = 0;
};

/// Averages are of at most as many codes: their sums have 32 bits.
constexpr std::int64_t most_average_taps = INT32_MAX / 256;

/// Maxima and averages of codes; the geometry is that of other pools, and padding counts for
/// nothing. in: {X}; out: {Y}.
struct BytePoolProblem : PoolProblem {
  BytePoolProblem() { kind = ProblemKind::byte_pool; }
  bool is_signed = false;
  bool flat_output = false;  ///< Y is (N,C), for windows of the whole plane
  CodeAverage average{};     ///< of windows of at most most_average_taps
};

/// Bilinear resizing of codes; the taps of each row and column of the output say from where.
/// in: {X}; out: {Y}.
struct ByteResizeProblem : Problem {
  ByteResizeProblem() : Problem(ProblemKind::byte_resize) {}
  std::int64_t batch = 1, channels = 1, height = 1, width = 1;
  bool is_signed = false;  ///< not where the rule is `real`
  ResizeRule rule = ResizeRule::in_2048ths;
  std::vector<ResizeTap> rows, columns;
};

std::span<const Row> byte_rows();

}  // namespace strata::kernels
