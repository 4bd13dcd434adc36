#pragma once

#include <cstddef>
#include <cstdint>

#include "strata/kernels/epilogue.hpp"

namespace strata::kernels {

/// What all tiles of a product or convolution share. A tile is a few positions (rows x columns)
/// times a panel of one or two vectors of lanes; its whole reduction runs in registers, for r over
/// rows and columns and l over lanes:
///   acc[r][l] = sum over a, b, c < count and i < inner of
///     x[r strides + a, b, c strides + i] * w[next][l].
/// Strides make every form one case. With x the activations and w packed weights (lanes: output
/// channels), NCHWc reduces over (block, kh, kw, channel in block), NHWC over (1, kh, kw, channel),
/// planar input over (channel, kh, 1, kw). With x the weights (positions: output channels) and w
/// gathered columns (lanes: output positions) it is the product behind im2col.
/// Strides are in floats.
struct TileShape {
  int count[3] = {1, 1, 1};
  std::ptrdiff_t stride[3] = {0, 0, 0};
  int inner = 1;       ///< consecutive floats of x
  int last_inner = 1;  ///< in the last round of a: what follows may be padding
  std::ptrdiff_t x_column = 1, x_row = 0;
  std::ptrdiff_t y_column = 1, y_row = 0, y_vector = 0;
  bool bias_per_lane = true;  ///< else per position
  Epilogue epilogue;
};

/// A word of x and w for tiles on bf16: two neighbours of the reduction, the first in the low half.
/// Each step takes one word of each, so that whatever counts floats of x counts words.
struct Bf16Pair {
  std::uint32_t bits;
};

/// One tile.
struct TileOperands {
  const float* x;         ///< at the first position and tap
  const void* w;          ///< (reduction, panel), in the kernel's weight type
  const float* bias;      ///< per lane or per position
  const float* scale;     ///< per lane, for integer weights
  const float* residual;  ///< placed as y, or null
  float* y;
  int last_lanes;             ///< lanes that exist in the panel's last vector
  const std::byte* prefetch;  ///< a later tile's weights: two lines of them per four steps
};
constexpr std::size_t tile_prefetch_bytes = 128;

/// Runs one tile; made for its count of rows, columns and vectors.
using TileFunction = void(const TileShape& shape, const TileOperands& tile) noexcept;
/// The function for a tile of 1 or 2 rows, their columns, and as many lanes as have results: one
/// vector or two, of which the last may be computed as half of one.
using FindTile = TileFunction*(int rows, int columns, int lanes) noexcept;

namespace avx512 {
FindTile f32_tile, f16_tile, i8_tile;  // by weight type
}
namespace avx2 {
FindTile f32_tile, f16_tile, i8_tile;
}
namespace baseline {
FindTile f32_tile;
}

/// Lanes of a vector, the channel block of the layouts that go with it, and the positions of a full
/// tile (those of two rows together): 14 x 2 accumulators of AVX-512, 6 x 2 of AVX2, 4 x 2 of the
/// baseline, with weights and a broadcast, fill the registers.
struct VectorForm {
  int lanes;
  int block;
  int positions;
};
constexpr VectorForm avx512_form{16, 16, 14};
constexpr VectorForm avx2_form{8, 8, 6};
constexpr VectorForm baseline_form{4, 8, 4};

}  // namespace strata::kernels
