#pragma once

#include <array>
#include <span>

#include "strata/kernels/elementwise/elementwise.hpp"
#include "strata/kernels/pool/pool.hpp"
#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// out[i] = table[in[i]], bytes: any function of one code. in: {X}; out: {Y}, any layout (the same
/// for both).
struct ByteTableProblem : Problem {
  ByteTableProblem() : Problem(ProblemKind::byte_table) {}
  std::array<std::uint8_t, 256> table{};  ///< by the code's bits
  std::array<std::int64_t, 8> dims{};
  int rank = 0;
};

/// Between f32 and codes u8 or i8: code = clamp(R(x / scale) + zero), x = (code - zero) * scale
/// (tensor's onnx_arithmetic). Scales and zero points are single, or one for each place of the
/// middle axis of (outer, extent, inner). in: {X}; out: {Y}.
/// constants: {scales f32, zero points as codes, or null: all 0}.
struct QuantizeProblem : Problem {
  explicit QuantizeProblem(ProblemKind which) : Problem(which) {}  ///< quantize or dequantize
  bool is_signed = false;
  bool per_channel = false;
  std::int64_t outer = 1, extent = 1, inner = 1;  ///< per_channel: in place of dims
  std::array<std::int64_t, 8> dims{};
  int rank = 0;
};

/// Sums and products of codes on different grids, broadcast; both and the result have one type:
/// add: clamp(R(fma(a, a_ratio, fma(b, b_ratio, constant)))),
/// multiply: clamp(R(f32((a - a_zero) * (b - b_zero)) * scale + y_zero)).
/// in: {A, B}; out: {Y}.
struct ByteBinaryProblem : BinaryProblem {
  ByteBinaryProblem() { kind = ProblemKind::byte_binary; }
  bool is_signed = false;
  float a_ratio = 1, b_ratio = 1, constant = 0;
  std::int32_t a_zero = 0, b_zero = 0;
  float scale = 1, y_zero = 0;
};

/// Maxima of codes; the geometry is that of other pools. in: {X}; out: {Y}.
struct BytePoolProblem : PoolProblem {
  BytePoolProblem() { kind = ProblemKind::byte_pool; }
  bool is_signed = false;
};

std::span<const Row> byte_rows();

}  // namespace strata::kernels
