#pragma once

#include "strata/kernels/bf16/bf16.hpp"
#include "strata/kernels/conv/conv.hpp"
#include "strata/kernels/row_of.hpp"

namespace strata::kernels {

/// How a convolution runs on bf16. A work unit is a block of tiles of the output with one panel of
/// output channels. Before the first unit of a block its input is staged in the worker's scratch:
/// rounded to bf16 and padded, as (pair plane, row, column, word), where a pair plane has 16
/// channels in 8 words (planar input: 2 in one), while it is read from any layout.
/// Packed constants: per group and panel the weights (reduction, panel lanes) in words; from the
/// next 64-byte boundary the bias of all panels' lanes.
struct Bf16Plan {
  TileShape shape;         ///< x in words, y in floats
  int planes = 0;          ///< of pairs, per group
  int plane_channels = 0;  ///< 16 or 2
  int merged = 1;          ///< groups of the problem that are computed as one, zeros between them
  std::int64_t groups = 1, group_channels = 0, group_outputs = 0;  ///< after merging
  int reduction = 0;                                               ///< words per output channel
  int panels = 0;                                                  ///< per group
  int last_vectors = 0;  ///< vectors of a group's last panel
  int last_lanes = 0;    ///< lanes to write of a group's last vector
  std::int64_t lane_count = 0;
  std::ptrdiff_t y_image = 0, y_group = 0, y_panel = 0;

  bool flat = false;  ///< 1x1 without padding: the output's plane is one row, staged by positions
  int out_height = 0, out_width = 0;
  int tile_rows = 1;
  int column_tiles = 0;  ///< per row, of balanced widths
  int row_tiles = 0;
  int blocks = 0;

  std::ptrdiff_t unit = 0;                    ///< words of a staged pixel
  int staged_rows = 0;                        ///< of the largest block
  int staged_width = 0;                       ///< pixels of a row; flat: of the largest block
  std::ptrdiff_t x_row = 0, x_pixel = 0;      ///< floats of the input
  std::ptrdiff_t x_plane = 0, x_channel = 0;  ///< floats between pair planes, between channels
  std::ptrdiff_t x_group = 0, x_image = 0;
};

/// For p.layouts.
Bf16Plan plan_bf16(const ConvProblem& p);
const char* bf16_rejects(const ConvProblem& p);
void bf16_layouts(const ConvProblem& p, std::vector<OperandLayouts>& options);
CostEstimate bf16_cost(const ConvProblem& p);
std::int64_t bf16_units(const Bf16Plan& plan, const ConvProblem& p);
std::size_t bf16_staged_bytes(const Bf16Plan& plan);
std::size_t bf16_weight_bytes(const Bf16Plan& plan);
std::size_t bf16_packed_bytes(const Bf16Plan& plan);
void pack_bf16(const Bf16Plan& plan, const ConvProblem& p, const Constants& constants,
               std::byte* packed);
/// Runs units [begin, end): panels fastest, then blocks, groups, images.
void run_bf16(const Bf16Plan& plan, const PairKernels& kernels, const Args& args,
              std::int64_t begin, std::int64_t end) noexcept;

/// The row of one instruction set.
template <const PairKernels& Kernels>
struct Bf16Conv {
  static const ConvProblem& conv(const Problem& problem) {
    return static_cast<const ConvProblem&>(problem);
  }
  static const char* rejects(const Problem& problem) { return bf16_rejects(conv(problem)); }
  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    bf16_layouts(conv(problem), options);
  }
  static CostEstimate cost(const Problem& problem, const Machine&) {
    return bf16_cost(conv(problem));
  }
  static std::size_t packed_bytes(const Problem& problem) {
    return bf16_packed_bytes(plan_bf16(conv(problem)));
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_bf16(plan_bf16(conv(problem)), conv(problem), constants, packed);
  }
  /// One constant may be the weights of convolutions with other groups, and read in other layouts.
  static std::uint64_t packed_form(const Problem& problem) {
    return 2 * std::uint64_t(conv(problem).groups) + problem.layouts.in[0].is_plain();
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) {
    return bf16_staged_bytes(plan_bf16(conv(problem)));
  }
  static std::uint32_t in_place(const Problem& problem) { return residual_in_place(conv(problem)); }
  static std::int64_t units(const Problem& problem, int) {
    return bf16_units(plan_bf16(conv(problem)), conv(problem));
  }
  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_bf16(plan_bf16(conv(*args.problem)), Kernels, args, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Bf16Conv>(name, ProblemKind::conv, isa);
    row.precision = Precision::bf16;
    return row;
  }
};

}  // namespace strata::kernels
