#pragma once

#include "strata/kernels/conv/direct.hpp"
#include "strata/kernels/integer/integer_conv.hpp"
#include "strata/kernels/integer/tile.hpp"

namespace strata::kernels {

/// How an integer convolution runs; worked out at each call, from sizes only. Output channels go in
/// panels of two vectors (the last of a group may have one).
/// Phases: prepare (a copy of the input as tiles read it, where the input is not that already),
/// pack (where weights are no constants), tiles, transpose (where the output is planar). Packed:
/// per group and panel the weights (reduction, panel lanes) in words; then for all panels' lanes
/// the biases, the words of the rule and the zero points of weights, i32.
struct IntegerPlan {
  IntegerTileShape shape;
  int lanes = 0, word_elements = 0;
  /// Those of the problem, or as many as fill a vector taken together: 16 channels in and out.
  std::int64_t groups = 1;
  bool shared = false;  ///< several groups in one
  bool x_planar = false, y_planar = false;
  bool prepared = false, transposed = false;
  int out_size = 1;     ///< bytes of an output element
  bool vector = false;  ///< is_vector_product

  int group_elements = 0;  ///< of a pixel and group as tiles read them
  int prepared_height = 0, prepared_width = 0;
  int reduction = 0;  ///< words per output channel
  int panels = 0;     ///< per group
  int last_vectors = 0, last_lanes = 0;
  std::int64_t lane_count = 0;  ///< of all groups' panels
  bool window_sums = false;     ///< the window's bytes are summed: weights may have zero points

  int out_height = 0, out_width = 0;  ///< a pointwise convolution sees its plane as one row
  int tile_rows = 1, column_tiles = 0, tiles = 0;
  int blocks = 0;  ///< runs of tiles; a work unit is a block with one panel of weights
  std::ptrdiff_t x_image = 0, x_group = 0;              ///< bytes
  std::ptrdiff_t y_image = 0, y_row = 0, y_column = 0;  ///< elements
  std::size_t prepared_bytes = 0, transposed_bytes = 0;
  bool packs = false;              ///< weights while running
  std::size_t matrix_bytes = 0;    ///< of one matrix packed so, its biases behind the weights
  std::size_t matrices_bytes = 0;  ///< of all

  int phases() const { return 1 + prepared + packs + transposed; }
};

/// One position times a matrix, which has a way of its own, without a copy of the input.
bool is_vector_product(const IntegerConvProblem& p, const IntegerKernels& kernels);
/// Panels [begin, end), counted over all images.
void run_vector_product(const IntegerConvProblem& p, const IntegerKernels& kernels,
                        const Args& args, std::int64_t begin, std::int64_t end);

/// A work unit of the tiles.
struct IntegerUnit {
  std::int64_t image, group;
  int block, panel;
};
IntegerUnit integer_unit(const IntegerPlan& plan, std::int64_t unit);
/// The first lane of a unit's panel, among those of all groups.
std::int64_t panel_lane(const IntegerPlan& plan, const IntegerUnit& unit);

/// The tile of a unit, and what tiles of groups that share a vector read of IntegerTile.
IntegerTileFunction* find_tile(const IntegerPlan& plan, const IntegerKernels& kernels, int rows,
                               int columns, int vectors);
const std::int32_t* lane_words(const IntegerConvProblem& p);

/// Calls f(row, column, rows, columns) for the tiles of a block.
template <class F>
void for_each_tile(const IntegerPlan& plan, int block, F&& f) {
  const int begin = int(std::int64_t(plan.tiles) * block / plan.blocks);
  const int end = int(std::int64_t(plan.tiles) * (block + 1) / plan.blocks);
  if (begin == end) return;
  // Tile i of a row starts at width * i / tiles, of which `over` is the remainder.
  const int tiles = plan.column_tiles;
  const int least = plan.out_width / tiles, rest = plan.out_width % tiles;
  int row = begin / tiles * plan.tile_rows;
  int column = int(std::int64_t(plan.out_width) * (begin % tiles) / tiles);
  int over = int(std::int64_t(plan.out_width) * (begin % tiles) % tiles);
  for (int i = begin; i < end; ++i) {
    over += rest;
    const int columns = least + (over >= tiles ? 1 : 0);
    if (over >= tiles) over -= tiles;
    f(row, column, row + plan.tile_rows <= plan.out_height ? plan.tile_rows : 1, columns);
    column += columns;
    if (column == plan.out_width) {
      column = 0;
      row += plan.tile_rows;
    }
  }
}

enum class IntegerPhase : std::uint8_t { prepare, pack, tiles, transpose };
IntegerPhase integer_phase(const IntegerPlan& plan, int phase);

/// Output channels that a unit of the last phase moves.
constexpr std::int64_t transpose_channels = 16;

IntegerPlan plan_integer(const IntegerConvProblem& p, const IntegerKernels& kernels);
/// Where the input is prepared elsewhere and the output a part of a larger plane, channels last.
IntegerPlan plan_integer_part(const IntegerConvProblem& p, const IntegerKernels& kernels,
                              const OutputGrid& grid);
/// Expected seconds on one core.
double integer_seconds(const IntegerPlan& plan, const IntegerConvProblem& p);
std::int64_t integer_units(const IntegerPlan& plan, const IntegerConvProblem& p, int phase);

std::size_t integer_weight_bytes(const IntegerPlan& plan);
std::size_t integer_packed_bytes(const IntegerPlan& plan);
void pack_integer(const IntegerPlan& plan, const IntegerConvProblem& p, const Constants& constants,
                  std::byte* packed);
/// Packs panels [begin, end) of weights that are no constants, counted over all matrices.
void pack_integer_panels(const IntegerPlan& plan, const IntegerConvProblem& p,
                         const std::uint8_t* w, const std::byte* packed, std::byte* to,
                         std::int64_t begin, std::int64_t end) noexcept;
/// Rows [begin, end) of the input as tiles read it, into `to`.
void prepare_integer(const IntegerPlan& plan, const IntegerKernels& kernels,
                     const IntegerConvProblem& p, const std::uint8_t* x, std::uint8_t* to,
                     std::int64_t begin, std::int64_t end);
/// Where the work units find their operands.
struct IntegerOperands {
  const std::uint8_t* x;
  std::uint8_t* y;
  const std::byte* weights;
  const std::byte* bias;  ///< i32, of all lanes
  std::size_t matrix;     ///< bytes between the weights, and the biases, of images
  const std::int32_t* words;
};
/// Units [begin, end) of the phase of tiles.
void run_integer_tiles(const IntegerPlan& plan, const IntegerKernels& kernels,
                       const IntegerConvProblem& p, const IntegerOperands& operands,
                       std::int64_t begin, std::int64_t end);
/// Units [begin, end) of the last phase: from (position, channel) to (channel, position).
void transpose_integer(const IntegerPlan& plan, const IntegerConvProblem& p, const std::byte* from,
                       std::byte* to, std::int64_t begin, std::int64_t end);
void run_integer(const IntegerPlan& plan, const IntegerKernels& kernels, const Args& args,
                 int phase, std::int64_t begin, std::int64_t end) noexcept;

/// With codes made on the fly. Phases: grids (unless each pixel has its own), codes, tiles. Packed:
/// the weights as above; then for all panels' lanes the sums of weights, their scales, the biases.
/// Scratch: the codes as tiles read them, then the grids.
int dynamic_phases(const DynamicConvProblem& p);
std::int64_t dynamic_units(const IntegerPlan& plan, const DynamicConvProblem& p, int phase);
std::size_t dynamic_scratch_bytes(const IntegerPlan& plan, const DynamicConvProblem& p);
void pack_dynamic(const IntegerPlan& plan, const DynamicConvProblem& p, const Constants& constants,
                  std::byte* packed);
void run_dynamic(const IntegerPlan& plan, const IntegerKernels& kernels, const Args& args,
                 int phase, std::int64_t begin, std::int64_t end) noexcept;

/// Depthwise: packed are per vector of channels the pairs of weights i16, then all biases and the
/// words of the rule, in the order in which shorts are interleaved.
std::size_t depthwise_integer_packed_bytes(const IntegerConvProblem& p,
                                           const IntegerKernels& kernels);
void pack_depthwise_integer(const IntegerConvProblem& p, const IntegerKernels& kernels,
                            const Constants& constants, std::byte* packed);
std::int64_t depthwise_integer_units(const IntegerConvProblem& p);
void run_depthwise_integer(const IntegerConvProblem& p, const IntegerKernels& kernels,
                           const Args& args, std::int64_t begin, std::int64_t end) noexcept;

/// What all depthwise tiles of a problem share.
IntegerDepthwise depthwise_geometry(const IntegerConvProblem& p);

/// Depthwise 3x3 by products of words: packed are per 32 or 64 channels the weights, then all
/// biases and scales.
std::size_t depthwise3_packed_bytes(const IntegerConvProblem& p);
void pack_depthwise3(const IntegerConvProblem& p, const Constants& constants, std::byte* packed);
void run_depthwise3(const IntegerConvProblem& p, const IntegerKernels& kernels, const Args& args,
                    std::int64_t begin, std::int64_t end) noexcept;

IntegerEpilogue integer_epilogue(const IntegerConvProblem& p);

}  // namespace strata::kernels
