#pragma once

#include "strata/kernels/conv/conv.hpp"
#include "strata/kernels/tile.hpp"

namespace strata::kernels {

/// What a direct convolution reads: channels in blocks (NCHW16c, NCHW8c), channels last, few planar
/// channels (the first layer of a network), from which it writes blocks, or input in the order of
/// windows (see im2win.hpp), from which it writes channels last.
enum class DirectForm { blocked, channels_last, stem, windows };

/// How a direct convolution runs; worked out at each call, from sizes only. Output channels
/// go in panels of two vectors (the last of a group may have one).
/// Packed constants: per group and panel the weights (reduction, panel lanes); from the next
/// 64-byte boundary the bias of all panels' lanes; then, for integer weights, their scales.
struct DirectPlan {
  TileShape shape;
  VectorForm vector{};
  int reduction = 0;  ///< weights per output channel
  int panel_lanes = 0;
  int panels = 0;         ///< per group
  int last_vectors = 0;   ///< vectors of a group's last panel
  int last_lanes = 0;     ///< lanes to write of a group's last vector
  int last_channels = 0;  ///< lanes of it that are channels; blocks have others, too
  std::int64_t bias_count = 0;
  int out_height = 0, out_width = 0;  ///< a pointwise convolution sees its plane as one row
  int tile_rows = 1;
  int column_tiles = 0;  ///< per row, of balanced widths
  int tiles = 0;         ///< per plane
  int blocks = 0;        ///< runs of tiles; a work unit is a block with one panel of weights
  std::ptrdiff_t x_position_row = 0, x_position_column = 0;  ///< floats per output row, column
  std::ptrdiff_t x_image = 0, x_group = 0;
  std::ptrdiff_t y_image = 0, y_group = 0, y_panel = 0;

  // Phase 0 makes a zero-padded copy: `copies` planes whose pixels have `copy_unit` floats.
  bool padded = false;
  int copies = 0;
  int copy_unit = 0;
  int padded_height = 0, padded_width = 0;
};

/// One tap and no padding: every position of the output is made of the same one of the input.
bool is_pointwise(const ConvProblem& p);

DirectPlan plan_direct(const ConvProblem& p, DirectForm form, VectorForm vector);
DirectPlan plan_direct(const ConvProblem& p, DirectForm form, VectorForm vector,
                       const OutputGrid& grid);

/// Bytes of the padded copy; 0 if none is needed.
std::size_t direct_scratch_bytes(const DirectPlan& plan);
std::int64_t direct_units(const DirectPlan& plan, const ConvProblem& p, int phase);
/// Bytes of the packed weights up to the bias, for weights of `element` bytes.
std::size_t direct_weight_bytes(const DirectPlan& plan, std::size_t element);
/// Packed constants with weights of `element` bytes: 4 is f32, else as they are stored (f16, i8).
std::size_t direct_packed_bytes(const DirectPlan& plan, std::size_t element);
void pack_direct(const DirectPlan& plan, const ConvProblem& p, DirectForm form,
                 const Constants& constants, std::size_t element, std::byte* packed);

/// Rows [begin, end) of the zero-padded copy.
void copy_padded(const DirectPlan& plan, const ConvProblem& p, const float* x, float* padded,
                 std::int64_t begin, std::int64_t end);

/// Where tiles find their operands.
struct DirectOperands {
  const float* x;
  const float* residual;  ///< or null
  float* y;
  const std::byte* weights;
  const float* bias;
};
/// Runs units [begin, end) of the phase that computes.
void run_direct_tiles(const DirectPlan& plan, FindTile* find, std::size_t element,
                      const DirectOperands& operands, std::int64_t groups, std::int64_t begin,
                      std::int64_t end) noexcept;

/// Runs units [begin, end) of a phase with tiles for weights of `element` bytes.
/// Units of phase 0, if padded, are rows of the copy; then panels fastest, blocks, groups, images.
void run_direct(const DirectPlan& plan, FindTile* find, std::size_t element, const Args& args,
                int phase, std::int64_t begin, std::int64_t end) noexcept;

}  // namespace strata::kernels
