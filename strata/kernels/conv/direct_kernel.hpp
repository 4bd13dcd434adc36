#pragma once

#include "strata/kernels/conv/direct.hpp"
#include "strata/kernels/conv/tile_kernel.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

constexpr VectorForm vector_form = Vec::size == 16  ? avx512_form
                                   : Vec::size == 8 ? avx2_form
                                                    : baseline_form;

/// Where the work units of a direct convolution find their operands.
template <class Weight>
struct DirectUnits {
  DirectPlan plan;
  const float* x;
  const float* residual;  // or null
  float* y;
  const Weight* weights;
  const float* bias;
  const float* scale;
  std::int64_t groups;

  /// All tiles of one block, for one panel of output channels.
  void run(std::int64_t image, std::int64_t group, int block, int panel) const {
    const bool last = panel + 1 == plan.panels;
    const int vectors = last ? plan.last_vectors : 2;
    const std::int64_t lane = group * (plan.bias_count / groups) + panel * plan.panel_lanes;
    const std::ptrdiff_t y_base =
        image * plan.y_image + group * plan.y_group + panel * plan.y_panel;
    TileOperands t;
    t.w = weights + lane * plan.reduction;
    t.bias = bias + lane;
    t.scale = scale + lane;
    t.last_lanes = last ? plan.last_lanes : Vec::size;
    // The next unit's weights: the next panel, or the first again.
    const char* ahead = reinterpret_cast<const char*>(
        last ? weights : weights + (lane + plan.panel_lanes) * plan.reduction);
    const std::ptrdiff_t share = std::ptrdiff_t(plan.reduction) * 32;
    const std::ptrdiff_t panel_bytes =
        std::ptrdiff_t(plan.reduction) * plan.panel_lanes * std::ptrdiff_t(sizeof(Weight));

    const int begin = int(std::int64_t(plan.tiles) * block / plan.blocks);
    const int end = int(std::int64_t(plan.tiles) * (block + 1) / plan.blocks);
    int row = begin / plan.column_tiles * plan.tile_rows;
    int column_tile = begin % plan.column_tiles;
    for (int tile = begin; tile < end; ++tile) {
      const std::int64_t width = plan.out_width;
      const int column = int(width * column_tile / plan.column_tiles);
      const int columns = int(width * (column_tile + 1) / plan.column_tiles) - column;
      const int rows = row + plan.tile_rows <= plan.out_height ? plan.tile_rows : 1;
      const std::ptrdiff_t at = y_base + row * plan.shape.y_row + column * plan.shape.y_column;
      t.x = x + image * plan.x_image + group * plan.x_group + row * plan.shape.x_row +
            column * plan.shape.x_column;
      t.y = y + at;
      t.residual = residual ? residual + at : nullptr;
      const std::ptrdiff_t done = (tile - begin) * share;
      t.prefetch = done < panel_bytes ? ahead + done : static_cast<const char*>(t.w) + 1024;
      tiles<Weight>.find(rows, columns, vectors)(plan.shape, t);
      if (++column_tile == plan.column_tiles) {
        column_tile = 0;
        row += plan.tile_rows;
      }
    }
  }
};

/// Runs work units of a direct convolution. Units count panels fastest, then blocks, groups,
/// images.
template <class Weight>
const char* run_direct(const Args& args, DirectForm form, int phase, std::int64_t begin,
                       std::int64_t end) {
  const ConvProblem& p = *static_cast<const ConvProblem*>(args.problem);
  const DirectPlan plan = plan_direct(p, form, vector_form);
  const float* x = static_cast<const float*>(args.in[0]);
  if (plan.padded) {
    float* padded = reinterpret_cast<float*>(args.scratch);
    if (phase == 0) {
      copy_padded(plan, p, x, padded, begin, end);
      return nullptr;
    }
    x = padded;
  }
  const std::size_t weight_bytes =
      (std::size_t(plan.bias_count) * std::size_t(plan.reduction) * sizeof(Weight) + 63) / 64 * 64;
  const float* bias = reinterpret_cast<const float*>(args.packed + weight_bytes);
  const DirectUnits<Weight> units{
      plan,
      x,
      p.epilogue.residual ? static_cast<const float*>(args.in[1]) : nullptr,
      static_cast<float*>(args.out[0]),
      reinterpret_cast<const Weight*>(args.packed),
      bias,
      bias + plan.bias_count,
      p.groups};
  int panel = int(begin % plan.panels);
  std::int64_t rest = begin / plan.panels;
  int block = int(rest % plan.blocks);
  rest /= plan.blocks;
  std::int64_t group = rest % p.groups;
  std::int64_t image = rest / p.groups;
  for (std::int64_t u = begin; u < end; ++u) {
    units.run(image, group, block, panel);
    if (++panel < plan.panels) continue;
    panel = 0;
    if (++block < plan.blocks) continue;
    block = 0;
    if (++group < p.groups) continue;
    group = 0;
    ++image;
  }
  return nullptr;
}

}  // namespace
}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
