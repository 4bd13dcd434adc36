#pragma once

#include "strata/kernels/bytes/bytes.hpp"

namespace strata::kernels {

/// Elements of one work unit.
constexpr std::int64_t byte_unit = 16384;

/// A run of elements with one scale and zero point.
struct QuantizeRun {
  float scale;
  std::int32_t zero;
  bool is_signed;
};

/// A row of a broadcast operation: operands stream (1) or repeat one element (0).
struct ByteBinaryRow {
  const std::uint8_t *a, *b;
  std::uint8_t* y;
  std::int64_t count;
  bool stream_a, stream_b;
};

/// What one instruction set offers.
struct ByteKernels {
  void (*quantize)(const float* x, std::uint8_t* y, std::int64_t count,
                   const QuantizeRun& run) noexcept;
  void (*dequantize)(const std::uint8_t* x, float* y, std::int64_t count,
                     const QuantizeRun& run) noexcept;
  void (*binary)(const ByteBinaryProblem& problem, const ByteBinaryRow& row) noexcept;
  /// y[i] = max(y[i], x[i * x_step]).
  void (*maximum)(const std::uint8_t* x, std::int64_t x_step, std::uint8_t* y, std::int64_t count,
                  bool is_signed) noexcept;
};

namespace avx512 {
extern const ByteKernels byte_kernels;
}
namespace avx2 {
extern const ByteKernels byte_kernels;
}
namespace baseline {
extern const ByteKernels byte_kernels;
}

}  // namespace strata::kernels
