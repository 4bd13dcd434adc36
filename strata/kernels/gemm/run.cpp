#include <algorithm>

#include "strata/kernels/gemm/plan.hpp"

namespace strata::kernels {
namespace {

constexpr float no_bias[unpacked_vectors * 16] = {};  // for the widest vectors

/// The operands of one matrix of the batch.
struct Matrices {
  const float* a;          ///< tiles read from here
  std::int64_t first_row;  ///< of what `a` points at
  const std::byte* b;
  const float* bias;
  const float* scale;
  const float* residual;
  float* y;
};

TileShape shape_of(const GemmPlan& plan, const GemmProblem& p) {
  TileShape shape;
  shape.inner = shape.last_inner = int(plan.depth);
  shape.x_column = plan.a_row;
  shape.y_column = p.n;
  shape.y_vector = plan.vector.lanes;
  shape.epilogue = p.epilogue;
  return shape;
}

/// First row of tile i: heights differ by one at most.
std::int64_t tile_row(const GemmPlan& plan, const GemmProblem& p, std::int64_t tile) {
  return tile * p.m / plan.tiles;
}

/// Columns [begin, end) of few rows.
void run_few_rows(const GemmPlan& plan, const GemmProblem& p, const GemmKernels& kernels,
                  const Matrices& s, std::int64_t begin, std::int64_t end) {
  const int lanes = plan.vector.lanes;
  const auto rows = int(p.m);
  FewRows tile{};
  tile.a = s.a;
  tile.a_row = plan.a_row;
  tile.k = p.k;
  tile.y_row = p.n;
  tile.epilogue = &p.epilogue;
  int vectors = 0;
  for (std::int64_t column = begin; column < end; column += vectors * lanes) {
    FindFewRows* find = kernels.few_rows;
    if (plan.direct_b) {
      vectors = p.n - column >= unpacked_vectors * lanes ? unpacked_vectors : 1;
      find = kernels.unpacked_few_rows;
      tile.b = s.b + column * std::int64_t(sizeof(float));
      tile.b_row = p.stored_row_of_b();
    } else {
      vectors = plan.columns - column > lanes ? 2 : 1;
      tile.b = s.b + std::size_t(column * p.k) * kernels.element;
      tile.b_row = vectors * lanes;
    }
    tile.bias = s.bias ? s.bias + column : no_bias;
    tile.scale = s.scale ? s.scale + column : nullptr;
    tile.residual = s.residual ? s.residual + column : nullptr;
    tile.y = s.y + column;
    tile.last_lanes = int(std::min<std::int64_t>(lanes, p.n - column - (vectors - 1) * lanes));
    find(rows, vectors)(tile);
  }
}

/// Tiles [tile_begin, tile_end) with panels [panel_begin, panel_end).
void run_block(const GemmPlan& plan, const GemmProblem& p, const GemmKernels& kernels,
               const Matrices& s, std::int64_t tile_begin, std::int64_t tile_end,
               std::int64_t panel_begin, std::int64_t panel_end) {
  const TileShape shape = shape_of(plan, p);
  FindTile* find = kernels.pairs ? kernels.pairs->tile : kernels.tile;
  const std::int64_t panel = 2 * plan.vector.lanes;
  for (std::int64_t i = panel_begin; i < panel_end; ++i) {
    const bool last = i + 1 == plan.panels;
    const int vectors = last ? plan.last_vectors : 2;
    const std::int64_t column = i * panel;
    TileOperands tile{};
    tile.w = s.b + std::size_t(column * plan.depth) * kernels.element;
    tile.bias = s.bias ? s.bias + column : no_bias;
    tile.scale = s.scale ? s.scale + column : nullptr;
    tile.last_lanes = last ? plan.last_lanes : plan.vector.lanes;
    tile.prefetch =
        static_cast<const std::byte*>(tile.w) + std::size_t(panel * plan.depth) * kernels.element;
    for (std::int64_t t = tile_begin; t < tile_end; ++t) {
      const std::int64_t row = tile_row(plan, p, t);
      const int rows = int(tile_row(plan, p, t + 1) - row);
      tile.x = s.a + (row - s.first_row) * plan.a_row;
      tile.y = s.y + row * p.n + column;
      tile.residual = s.residual ? s.residual + row * p.n + column : nullptr;
      find(1, rows, (vectors - 1) * plan.vector.lanes + tile.last_lanes)(shape, tile);
    }
  }
}

/// Packed as a constant, packed in phase 0, or as it lies.
const std::byte* b_of(const GemmPlan& plan, const GemmProblem& p, const Args& args,
                      std::int64_t batch) {
  if (p.constant_b) return args.packed;
  const std::int64_t copy = p.shares_b() ? 0 : batch;
  const float* b = plan.direct_b ? static_cast<const float*>(args.in[1]) + p.b_offset(batch)
                                 : reinterpret_cast<const float*>(args.scratch) +
                                       copy * plan.depth * plan.columns;
  return reinterpret_cast<const std::byte*>(b);
}

}  // namespace

void run_gemm(const GemmPlan& plan, const GemmKernels& kernels, const Args& args, int phase,
              std::int64_t begin, std::int64_t end) {
  const auto& p = static_cast<const GemmProblem&>(*args.problem);
  auto* scratch = reinterpret_cast<float*>(args.scratch);
  if (plan.packs_b && phase == 0) {
    return pack_panels(plan, p, kernels, static_cast<const float*>(args.in[1]), scratch, begin,
                       end);
  }
  const auto* a = static_cast<const float*>(args.in[0]);
  const std::size_t residual = p.constant_b ? 1 : 2;
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t column_block = unit % plan.column_blocks;
    const std::int64_t row_block = unit / plan.column_blocks % plan.row_blocks;
    const std::int64_t batch = unit / plan.column_blocks / plan.row_blocks;
    const std::int64_t tile_begin = row_block * plan.tiles / plan.row_blocks;
    const std::int64_t tile_end = (row_block + 1) * plan.tiles / plan.row_blocks;
    Matrices s{};
    s.a = a + p.a_offset(batch);
    if (plan.copies_a) {
      s.first_row = tile_row(plan, p, tile_begin);
      auto* copy = reinterpret_cast<float*>(args.worker_scratch);
      const std::int64_t rows = tile_row(plan, p, tile_end) - s.first_row;
      if (kernels.pairs) {
        copy_rows_as_pairs(plan, p, *kernels.pairs, s.a, reinterpret_cast<Bf16Pair*>(copy),
                           s.first_row, rows);
      } else {
        copy_rows_of_a(plan, p, s.a, copy, s.first_row, rows);
      }
      s.a = copy;
    }
    s.b = b_of(plan, p, args, batch);
    if (p.constant_b || p.epilogue.bias) {
      s.bias =
          reinterpret_cast<const float*>(args.packed + gemm_bias_offset(plan, p, kernels.element));
      s.scale = s.bias + plan.columns;
    }
    if (p.epilogue.residual) {
      s.residual = static_cast<const float*>(args.in[residual]) + batch * p.m * p.n;
    }
    s.y = static_cast<float*>(args.out[0]) + batch * p.m * p.n;
    const std::int64_t panel_begin = column_block * plan.panels / plan.column_blocks;
    const std::int64_t panel_end = (column_block + 1) * plan.panels / plan.column_blocks;
    if (plan.few_rows) {
      const std::int64_t panel = 2 * plan.vector.lanes;
      run_few_rows(plan, p, kernels, s, panel_begin * panel, std::min(panel_end * panel, p.n));
      continue;
    }
    run_block(plan, p, kernels, s, tile_begin, tile_end, panel_begin, panel_end);
  }
}

}  // namespace strata::kernels
