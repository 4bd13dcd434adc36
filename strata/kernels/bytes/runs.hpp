#pragma once

#include <cstddef>
#include <cstdint>

#include "strata/kernels/integer/tile.hpp"
#include "strata/tensor/tflite_resize.hpp"

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

/// Rows of codes that become rows of codes; y may be x.
struct CodeRows {
  const std::uint8_t* x;
  std::uint8_t* y;
  std::int64_t count, rows;
  std::ptrdiff_t x_row, y_row;
};

/// Pixels of `count` elements, so many elements apart, that are pooled into neighbours.
struct PixelRun {
  std::int64_t pixels, count;
  std::int64_t x_step, y_step;
  bool is_signed;
};

/// The rows that a row of windows reads, and where their columns lie. Padding is left out.
struct WindowRow {
  const std::uint8_t* x;  ///< the first row that exists
  std::ptrdiff_t row;     ///< bytes between rows
  std::int64_t rows;      ///< that exist
  std::int64_t width, channels;
  std::int64_t kernel, stride, dilation, pad;  ///< of columns
  std::int64_t out_width;
  bool is_signed;
};

/// Where each column of the output lies between pixels of the input.
struct ResizeColumns {
  const ResizeTap* taps;
  std::int64_t count, channels;
};

/// Two rows of pixels with mixed columns that make one of the output: its codes, whose weights have
/// `shift` bits; `away` says how halves are rounded.
struct ResizeMix {
  const std::int32_t *upper, *lower;
  std::uint8_t* y;
  std::int64_t count;
  std::int32_t weight;
  int shift;
  bool away;
};

/// What one instruction set offers.
struct ByteKernels {
  void (*quantize)(const float* x, std::uint8_t* y, std::int64_t count,
                   const QuantizeRun& run) noexcept;
  void (*dequantize)(const std::uint8_t* x, float* y, std::int64_t count,
                     const QuantizeRun& run) noexcept;
  void (*binary)(const ByteBinaryRun& run, const ByteBinaryRow& row) noexcept;
  /// Codes through a table of 256.
  void (*translate)(const std::uint8_t* table, const CodeRows& rows) noexcept;
  /// y = max(y, x), y += x.
  void (*maximum)(const std::uint8_t* x, std::uint8_t* y, const PixelRun& run) noexcept;
  /// The largest codes of each window of a row; channels last.
  void (*maximum_row)(const WindowRow& row, std::uint8_t* y) noexcept;
  void (*sum)(const std::uint8_t* x, std::int32_t* sums, const PixelRun& run) noexcept;
  /// Columns of a row of pixels, mixed by whole weights of `shift` bits.
  void (*mix_columns)(const std::uint8_t* x, std::int32_t* y, const ResizeColumns& columns,
                      int shift, bool is_signed) noexcept;
  void (*mix_rows)(const ResizeMix& mix) noexcept;
  /// A row of the output from two rows of pixels u8, by weights in f32.
  void (*mix_real)(const std::uint8_t* upper, const std::uint8_t* lower, std::uint8_t* y,
                   const ResizeColumns& columns, float weight) noexcept;
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
