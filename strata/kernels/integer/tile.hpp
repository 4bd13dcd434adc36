#pragma once

#include <cstddef>
#include <cstdint>

namespace strata::kernels {

/// What all tiles of an integer convolution share. A tile is a few positions (rows x columns) times
/// a panel of one or two vectors of output channels; its whole reduction runs in registers, over
/// words of 32 bits: four u8 (against four i8 weights) or two i16 (against two i16).
/// Strides are in bytes.
struct IntegerTileShape {
  int rows = 1, columns = 1;  ///< of the window
  std::ptrdiff_t row_stride = 0, column_stride = 0;
  int words = 1;  ///< consecutive, in each row and column of the window
  std::ptrdiff_t x_column = 0, x_row = 0;
};

/// One tile. Sums are (position, vector, lane).
struct IntegerTile {
  const std::uint8_t* x;
  const std::uint8_t* w;  ///< (reduction, panel) in words
  std::int32_t* sums;
  std::int32_t* window_sums;  ///< the sum of what each position reads, in bytes; or null
  /// Of groups that share a vector: for each of the `words` of a group which of the four words that
  /// a position reads at once is the turn of each lane.
  const std::int32_t* lane_words;
};
using IntegerTileFunction = void(const IntegerTileShape& shape, const IntegerTile& tile) noexcept;

/// What becomes of a sum; the rules of tensor's Rescale. Each takes two words per channel.
enum class IntegerRule : std::uint8_t {
  sums,        ///< stays as it is, i32; no words
  float_even,  ///< clamp(R(f32(sum) * scale) + zero); the scale, f32
  real_away,   ///< clamp(A(f64(sum) * scale) + zero); the scale, f64: its lower and upper half
  fixed,  ///< multiplied by fixed point; the multiplier, and fixed_word of how the rest is rounded
};
/// Shifts to the left before and to the right after the product, and whether the latter rounds half
/// away from zero (else up).
constexpr std::int32_t fixed_word(int left, int right, bool away) {
  return left | right << 8 | (away ? 1 << 16 : 0);
}
struct IntegerEpilogue {
  IntegerRule rule = IntegerRule::sums;
  std::int32_t low = 0, high = 0;  ///< bounds before the zero point is added
  std::int32_t zero = 0;
};
/// Two words per lane of the rule, one after the other.
struct IntegerWords {
  const std::int32_t *first, *second;
};

/// sum + bias, less w_zero times the sum of the window where there is one, goes through the rule.
struct IntegerFinish {
  IntegerEpilogue epilogue;
  const std::int32_t* sums;
  const std::int32_t* window_sums;  ///< per position, or null
  const std::int32_t* bias;         ///< per lane, as the following
  IntegerWords words;
  const std::int32_t* w_zero;
  std::uint8_t* y;
  std::ptrdiff_t y_column, y_row;  ///< elements
  int columns, positions, vectors;
  int last_lanes;  ///< lanes that exist in the panel's last vector
};

/// A tile whose sums become codes while they are in registers: the rule float_even, no zero points
/// of weights.
using IntegerFusedFunction = void(const IntegerTileShape& shape, const IntegerTile& tile,
                                  const IntegerFinish& finish) noexcept;

/// Makes a row of the input ready for tiles: as u8 (i8 with the sign bit flipped), or as i16
/// without the zero point; padded, channels last, each group in whole words.
struct IntegerPrepare {
  const std::uint8_t* x;  ///< the row, or null: padding alone
  std::uint8_t* to;
  std::ptrdiff_t x_pixel, x_channel;  ///< bytes between pixels and channels
  int channels, groups;
  int group_elements;       ///< of a group in the copy
  int left, pixels, width;  ///< padding, pixels that exist, pixels of the copy
  std::int32_t zero;
  bool is_signed;
};

/// One position times panels of weights, the rule float_even.
struct IntegerVectorProduct {
  const std::uint8_t* x;
  std::int32_t flip;      ///< of each word: the sign bits, where x is signed
  int words;              ///< of the reduction
  const std::uint8_t* w;  ///< the first panel
  const std::int32_t* bias;
  const float* scale;
  std::uint8_t* y;
  std::int64_t lanes;  ///< output channels; whole vectors, unless the panels end there
  IntegerEpilogue epilogue;
};

/// A vector of channels of a depthwise convolution, rows [begin, end) of the output.
struct IntegerDepthwise {
  const std::uint8_t* x;
  /// Per pair of window rows and column low and high interleaved pairs, i16; of depthwise3 per
  /// column four vectors of words, each of a channel's three rows and 0.
  const void* w;
  const std::int32_t* bias;  ///< in the order of w's lanes; so are the words
  IntegerWords words;
  std::uint8_t* y;
  std::ptrdiff_t x_row, x_column, y_row, y_column;
  int lanes;  ///< channels that exist
  int height, width, out_width;
  int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  std::int32_t zero;
  bool is_signed;
  IntegerEpilogue epilogue;
};

/// A run of numbers: vectors of lanes, so many numbers apart.
struct DynamicRun {
  const float* x;
  std::ptrdiff_t x_vector;
  std::ptrdiff_t count;
};

/// How numbers become codes i8, and sums of them numbers: tensor's DynamicGrid.
struct DynamicCodes {
  float inverse;
  std::int32_t zero, low;
  bool even;  ///< R(x * inverse) + zero, else A(zero + x * inverse)
};
struct DynamicScale {
  float scale, inverse;
  std::int32_t zero;
  std::int32_t correction;  ///< times the sum of the weights: what sums are too large by
};

/// Sums of a tile become numbers.
struct DynamicFinish {
  enum class Form : std::uint8_t {
    fused,    ///< fma(sum * scale, w_scale, bias)
    at_once,  ///< bias + sum * (scale * w_scale)
    in_turn   ///< sum * w_scale * scale + bias
  };
  Form form;
  const std::int32_t* sums;
  const std::int32_t* weight_sums;  ///< per lane, as the following
  const float *w_scale, *bias;
  const DynamicScale* scales;  ///< per position, or one for all
  bool scale_per_position;
  float* y;
  std::ptrdiff_t y_column, y_row, y_vector;  ///< elements
  int columns, positions, vectors;
  int last_lanes;
};

/// What one instruction set offers.
struct IntegerKernels {
  int lanes;          ///< of a vector of 32 bits
  int positions;      ///< of a full tile, both rows together
  int word_elements;  ///< 4 u8 or 2 i16
  IntegerTileFunction* (*find_tile)(int rows, int columns, int vectors) noexcept;
  /// Tiles of one vector whose lanes belong to several groups, or null.
  IntegerTileFunction* (*find_grouped)(int rows, int columns) noexcept;
  /// Or null.
  IntegerFusedFunction* (*find_fused)(int rows, int columns, int vectors) noexcept;
  void (*finish)(const IntegerFinish&) noexcept;
  void (*prepare)(const IntegerPrepare&) noexcept;
  /// Or null.
  void (*multiply_vector)(const IntegerVectorProduct&) noexcept;
  void (*depthwise)(const IntegerDepthwise&, int begin, int end) noexcept;
  /// A row of the output of a window of 3x3 that moves by 1 or 2 columns, the rule float_even, 32
  /// or 64 lanes (32 of as many channels or fewer). Or null.
  void (*depthwise3)(const IntegerDepthwise&, int row) noexcept;
  /// Widens the bounds to what a run holds.
  void (*range)(const DynamicRun&, float* least, float* most) noexcept;
  /// The grids of XNNPACK for ranges.
  void (*find_grids)(const float* least, const float* most, int count, DynamicScale*) noexcept;
  /// Codes as tiles read them.
  void (*encode)(const DynamicRun&, const DynamicCodes&, std::uint8_t* to) noexcept;
  void (*finish_numbers)(const DynamicFinish&) noexcept;
};

namespace avx512_vnni {
extern const IntegerKernels integer_kernels;
}
namespace avx512 {
extern const IntegerKernels integer_kernels;
}
namespace avx2 {
extern const IntegerKernels integer_kernels;
}
namespace baseline {
extern const IntegerKernels integer_kernels;
}

}  // namespace strata::kernels
