#pragma once

#include <cstddef>
#include <cstdint>

#include "strata/kernels/integer/tile.hpp"

namespace strata::kernels {

/// Elements of one work unit.
constexpr std::int64_t byte_unit = 16384;

/// A run of elements with one scale and zero point; bytes.hpp has the rules.
struct QuantizeRun {
  enum class Rule : std::uint8_t { divide_even, divide_away, multiply_even };
  float scale;
  std::int32_t zero;
  bool is_signed;
  Rule rule;
  bool apart;
};

/// Numbers of a sum or product of codes; bytes.hpp has the forms.
struct ByteBinaryRun {
  enum class Form : std::uint8_t { float_sum, float_product, integer_sum, fixed_sum, product };
  struct Fixed {
    std::int32_t multiplier, word;
  };
  Form form;
  bool is_signed;
  float a_ratio, b_ratio, sum_constant;
  float scale, float_zero;
  std::int32_t a_zero, b_zero;
  std::int32_t a_factor, b_factor, constant, shift;
  int left_shift;
  Fixed a, b;
  Fixed y;  ///< of a fixed sum, or the words of a product's rule
  IntegerEpilogue epilogue;
};

/// A row of a broadcast operation: operands stream (1) or repeat one element (0).
struct ByteBinaryRow {
  const std::uint8_t *a, *b;
  std::uint8_t* y;
  std::int64_t count;
  bool stream_a, stream_b;
};

/// Pixels of `count` elements, so many elements apart, that are pooled into neighbours.
struct PixelRun {
  std::int64_t pixels, count;
  std::int64_t x_step, y_step;
  bool is_signed;
};

/// What one instruction set offers.
struct ByteKernels {
  void (*quantize)(const float* x, std::uint8_t* y, std::int64_t count,
                   const QuantizeRun& run) noexcept;
  void (*dequantize)(const std::uint8_t* x, float* y, std::int64_t count,
                     const QuantizeRun& run) noexcept;
  void (*binary)(const ByteBinaryRun& run, const ByteBinaryRow& row) noexcept;
  /// y = max(y, x), y += x.
  void (*maximum)(const std::uint8_t* x, std::uint8_t* y, const PixelRun& run) noexcept;
  void (*sum)(const std::uint8_t* x, std::int32_t* sums, const PixelRun& run) noexcept;
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
