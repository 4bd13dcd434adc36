#pragma once

#include <cstddef>

#include "strata/kernels/conv/conv.hpp"
#include "strata/kernels/tile.hpp"

namespace strata::kernels {

/// One tile of one block of channels on its way in: side^2 pixels become as many values, one for
/// each product of Winograd's algorithm. Pixels outside [row_begin, row_end) x [column_begin,
/// column_end) of the tile are padding.
struct WinogradInput {
  const float* x;  ///< at the tile's first pixel, which may lie outside of the plane
  std::ptrdiff_t x_row;
  int row_begin, row_end, column_begin, column_end;
  float* v;
  std::ptrdiff_t v_product;  ///< floats from one value to the next
};

/// And on its way out: side^2 sums become rows x columns <= m x m results.
struct WinogradOutput {
  const float* sums;
  std::ptrdiff_t sums_product;
  const float* bias;
  const float* residual;  ///< placed as y, or null
  float* y;
  std::ptrdiff_t y_row, y_column;
  int rows, columns;
  Epilogue epilogue;
};

/// The transforms of F(m x m, r x r) for one vector of channels. Weights: g[tap][lane] of r^2 taps
/// to side^2 values, `to_product` floats apart.
struct WinogradKernels {
  void (*weights)(const float* g, float* to, std::ptrdiff_t to_product) noexcept;
  void (*input)(const WinogradInput&) noexcept;
  void (*output)(const WinogradOutput&) noexcept;
};

namespace avx512 {
extern const WinogradKernels winograd2, winograd4;              // of 3 x 3 taps
extern const WinogradKernels winograd2_taps2, winograd4_taps2;  // of 2 x 2
}  // namespace avx512
namespace avx2 {
extern const WinogradKernels winograd2, winograd4;              // of 3 x 3 taps
extern const WinogradKernels winograd2_taps2, winograd4_taps2;  // of 2 x 2
}  // namespace avx2

/// Winograd's minimal filtering F(m x m, r x r) on blocked channels (Lavin and Gray, "Fast
/// Algorithms for Convolutional Neural Networks", 2016): tiles of the input are transformed, each
/// of the (m + r - 1)^2 products is a matrix product over the channels on the register tile, and
/// sums are transformed back. Tiles of all images are numbered together and go in blocks. Few
/// blocks: three phases over one block of all tiles, each with units of its own. Many: a block is a
/// unit and passes through all steps while it lies in the second-level cache. Packed constants: per
/// product and panel of two vectors of output channels the transformed weights (channels, lanes);
/// then the bias of all lanes and a panel of zeros.
struct WinogradPlan {
  VectorForm vector{};
  OutputGrid grid{};
  int m = 0, taps = 0;         ///< r
  int side = 0, products = 0;  ///< side = m + taps - 1, products = side^2
  int tile_rows = 0, tile_columns = 0;
  int tiles = 0;        ///< of all images
  int blocks = 0;       ///< of tiles, balanced
  int block_tiles = 0;  ///< of the largest
  bool phased = false;
  int channels = 0;
  int in_blocks = 0, out_blocks = 0;  ///< vectors of channels
  int panels = 0, last_vectors = 0;
  std::ptrdiff_t v_block = 0, v_product = 0;  ///< floats: between blocks of channels, products
  std::ptrdiff_t sums_block = 0, sums_product = 0;
  TileShape shape;  ///< of the products
};

/// How many times the rounding of a plain sum a result of F(m x m, r x r) may have: the square of
/// what |A^T| (|G| 1 * |B^T| 1) is at most, over the r^2 products that a plain sum has instead.
constexpr double winograd_rounding(int m, int taps) {
  const double most = taps == 3 ? (m == 4 ? 48 : 8) : (m == 4 ? 20 : 4);
  return most * most / (taps * taps);
}

/// m is 2 or 4; the window 3 x 3, or 2 x 2.
WinogradPlan plan_winograd(const ConvProblem& p, int m, VectorForm vector);
WinogradPlan plan_winograd(const ConvProblem& p, int m, VectorForm vector, const OutputGrid& grid);

/// Bytes of the transformed tiles and sums of one block.
std::size_t winograd_block_bytes(const WinogradPlan& plan);
std::size_t winograd_packed_bytes(const WinogradPlan& plan);
void pack_winograd(const WinogradPlan& plan, const WinogradKernels& kernels, const ConvProblem& p,
                   const Constants& constants, std::byte* packed);

/// Where it finds its operands.
struct WinogradOperands {
  const ConvProblem& p;
  const WinogradKernels& kernels;
  FindTile* tile;
  const float* x;
  const float* residual;  ///< or null
  float* y;
  const std::byte* packed;
};
/// All steps for blocks [begin, end) of tiles; `scratch` holds one.
void run_winograd_blocks(const WinogradPlan& plan, const WinogradOperands& operands, float* scratch,
                         int begin, int end) noexcept;

std::int64_t winograd_units(const WinogradPlan& plan, int phase);
void run_winograd(const WinogradPlan& plan, const WinogradKernels& kernels, FindTile* find,
                  const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept;

}  // namespace strata::kernels
