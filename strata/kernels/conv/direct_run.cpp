#include <algorithm>
#include <cstring>

#include "strata/kernels/conv/direct.hpp"
#include "strata/kernels/fetch.hpp"

namespace strata::kernels {

void copy_padded(const DirectPlan& plan, const ConvProblem& p, const float* x, float* padded,
                 std::int64_t begin, std::int64_t end) {
  const std::int64_t unit = plan.copy_unit;
  const std::int64_t width = plan.padded_width * unit;
  const std::int64_t left = std::min(width, p.pad_left * unit);
  const std::int64_t copied = std::clamp<std::int64_t>(width - left, 0, p.width * unit);
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t plane = u / plan.padded_height;
    const std::int64_t row = u % plan.padded_height - p.pad_top;
    float* to = padded + u * width;
    if (row < 0 || row >= p.height) {
      std::memset(to, 0, std::size_t(width) * sizeof(float));
      continue;
    }
    const std::int64_t rows = p.in_plane_rows > 0 ? p.in_plane_rows : p.height;
    const float* from = x + (plane * rows + row) * p.width * unit;
    std::memset(to, 0, std::size_t(left) * sizeof(float));
    std::memcpy(to + left, from, std::size_t(copied) * sizeof(float));
    std::memset(to + left + copied, 0, std::size_t(width - left - copied) * sizeof(float));
  }
}

namespace {

/// All tiles of one block, for one panel of output channels.
void run_unit(const DirectPlan& plan, FindTile* find, std::size_t element, const DirectOperands& o,
              std::int64_t groups, std::int64_t image, std::int64_t group, int block, int panel) {
  const bool last = panel + 1 == plan.panels;
  const int vectors = last ? plan.last_vectors : 2;
  const std::int64_t lane = group * (plan.bias_count / groups) + panel * plan.panel_lanes;
  const auto slab = [&](std::int64_t first_lane) {
    return o.weights + std::size_t(first_lane) * std::size_t(plan.reduction) * element;
  };
  TileOperands t;
  t.w = slab(lane);
  t.bias = o.bias + lane;
  t.scale = element == 1 ? t.bias + plan.bias_count : nullptr;
  t.last_lanes = last ? plan.last_lanes : plan.vector.lanes;
  const int computed =
      (vectors - 1) * plan.vector.lanes + (last ? plan.last_channels : plan.vector.lanes);
  // Each tile fetches its share of the next unit's weights: the next panel's, or the first again.
  const std::byte* ahead = slab(last ? 0 : lane + plan.panel_lanes);
  const std::size_t ahead_bytes = std::size_t(slab(plan.panel_lanes) - slab(0));
  const std::size_t share = std::size_t(plan.reduction) / 4 * tile_prefetch_bytes;

  const TileShape& s = plan.shape;
  const std::ptrdiff_t x = image * plan.x_image + group * plan.x_group;
  const std::ptrdiff_t y = image * plan.y_image + group * plan.y_group + panel * plan.y_panel;
  const int begin = int(std::int64_t(plan.tiles) * block / plan.blocks);
  const int end = int(std::int64_t(plan.tiles) * (block + 1) / plan.blocks);
  struct Tile {
    int row, column, rows, columns;
  };
  const auto tile_at = [&](int i) {
    const int row = i / plan.column_tiles * plan.tile_rows;
    const std::int64_t width = plan.out_width, tile = i % plan.column_tiles;
    const int column = int(width * tile / plan.column_tiles);
    const int columns = int(width * (tile + 1) / plan.column_tiles) - column;
    return Tile{row, column, row + plan.tile_rows <= plan.out_height ? plan.tile_rows : 1, columns};
  };
  const auto results_of = [&](const Tile& tile) {
    return y + tile.row * s.y_row + tile.column * s.y_column;
  };
  Tile tile = tile_at(begin);
  for (int i = begin; i < end; ++i) {
    const std::ptrdiff_t at = results_of(tile);
    t.x = o.x + x + tile.row * s.x_row + tile.column * s.x_column;
    t.y = o.y + at;
    t.residual = o.residual ? o.residual + at : nullptr;
    const std::size_t done = std::size_t(i - begin) * share;
    t.prefetch = done < ahead_bytes ? ahead + done : static_cast<const std::byte*>(t.w);
    TileFunction* const run = find(tile.rows, tile.columns, computed);
    if (i + 1 < end) {
      tile = tile_at(i + 1);
      const std::ptrdiff_t next = results_of(tile);
      fetch_results({tile.rows, tile.columns, vectors, s.y_row, s.y_column, s.y_vector}, o.y + next,
                    o.residual ? o.residual + next : nullptr);
    }
    run(s, t);
  }
}

}  // namespace

void run_direct_tiles(const DirectPlan& plan, FindTile* find, std::size_t element,
                      const DirectOperands& operands, std::int64_t groups, std::int64_t begin,
                      std::int64_t end) noexcept {
  int panel = int(begin % plan.panels);
  std::int64_t rest = begin / plan.panels;
  int block = int(rest % plan.blocks);
  rest /= plan.blocks;
  std::int64_t group = rest % groups;
  std::int64_t image = rest / groups;
  for (std::int64_t u = begin; u < end; ++u) {
    run_unit(plan, find, element, operands, groups, image, group, block, panel);
    if (++panel < plan.panels) continue;
    panel = 0;
    if (++block < plan.blocks) continue;
    block = 0;
    if (++group < groups) continue;
    group = 0;
    ++image;
  }
}

void run_direct(const DirectPlan& plan, FindTile* find, std::size_t element, const Args& args,
                int phase, std::int64_t begin, std::int64_t end) noexcept {
  const ConvProblem& p = *static_cast<const ConvProblem*>(args.problem);
  const float* x = static_cast<const float*>(args.in[0]);
  if (plan.padded) {
    float* padded = reinterpret_cast<float*>(args.scratch);
    if (phase == 0) return copy_padded(plan, p, x, padded, begin, end);
    x = padded;
  }
  const DirectOperands operands{
      x, p.epilogue.residual ? static_cast<const float*>(args.in[1]) : nullptr,
      static_cast<float*>(args.out[0]), args.packed,
      reinterpret_cast<const float*>(args.packed + direct_weight_bytes(plan, element))};
  run_direct_tiles(plan, find, element, operands, p.groups, begin, end);
}

}  // namespace strata::kernels
