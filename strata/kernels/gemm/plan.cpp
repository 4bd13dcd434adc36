#include "strata/kernels/gemm/plan.hpp"

#include <algorithm>

#include "strata/kernels/movement/copy_2d.hpp"

namespace strata::kernels {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Tiles of a row block: their rows of A fill a good part of the second cache.
std::int64_t block_tiles(std::int64_t k, int tile_rows) {
  constexpr std::int64_t block_floats = 72 << 10, most = 8;
  return std::clamp<std::int64_t>(block_floats / (tile_rows * std::max<std::int64_t>(k, 1)), 1,
                                  most);
}

/// Rows of A that lie a multiple of 2 KB apart fall into few sets of the first cache.
bool rows_collide(std::int64_t stride) { return stride % 512 == 0; }

}  // namespace

GemmPlan plan_gemm(const GemmProblem& p, const VectorForm& vector, bool pairs) {
  GemmPlan plan;
  const int tile_rows = vector.positions;
  const int lanes = vector.lanes;
  plan.vector = vector;
  plan.depth = pairs ? divide_up(p.k, 2) : p.k;
  plan.columns = divide_up(p.n, lanes) * lanes;
  plan.panels = divide_up(plan.columns, 2 * lanes);
  plan.last_vectors = plan.columns % (2 * lanes) == 0 ? 2 : 1;
  plan.last_lanes = int(p.n - (plan.columns - lanes));
  plan.tiles = divide_up(p.m, tile_rows);
  plan.few_rows = p.m <= most_few_rows && !pairs;
  plan.direct_b = !p.constant_b && !p.transpose_b && plan.few_rows;
  plan.packs_b = !p.constant_b && !plan.direct_b;
  plan.b_copies = p.shares_b() ? 1 : p.batch;
  plan.copies_a = pairs || p.transpose_a || p.alpha != 1 ||
                  (!plan.few_rows && rows_collide(p.stored_row_of_a()));
  plan.a_row = plan.copies_a ? divide_up(plan.depth, 16) * 16 + 16 : p.stored_row_of_a();

  plan.row_blocks = divide_up(plan.tiles, block_tiles(plan.depth, tile_rows));
  plan.block_rows =
      std::min(p.m, divide_up(plan.tiles, std::max<std::int64_t>(plan.row_blocks, 1)) * tile_rows);
  // Enough units to share out, none too small, and no copy of A repeated for few columns.
  constexpr std::int64_t enough_units = 8, unit_products = 1 << 18, copied_panels = 16;
  const std::int64_t blocks = std::max<std::int64_t>(p.batch * plan.row_blocks, 1);
  const std::int64_t work = p.m * p.n * p.k / std::max<std::int64_t>(plan.row_blocks, 1);
  plan.column_blocks = std::clamp<std::int64_t>(
      std::min(divide_up(enough_units, blocks), work / unit_products), 1,
      std::max<std::int64_t>(plan.copies_a ? plan.panels / copied_panels : plan.panels, 1));
  return plan;
}

std::int64_t gemm_units(const GemmPlan& plan, const GemmProblem& p, int phase) {
  if (plan.packs_b && phase == 0) return plan.b_copies * plan.panels;
  return p.batch * plan.row_blocks * plan.column_blocks;
}

std::size_t gemm_scratch_bytes(const GemmPlan& plan) {
  return plan.packs_b ? std::size_t(plan.b_copies * plan.depth * plan.columns) * sizeof(float) : 0;
}

std::size_t gemm_worker_scratch_bytes(const GemmPlan& plan, const GemmProblem&) {
  return plan.copies_a ? std::size_t(plan.block_rows * plan.a_row) * sizeof(float) : 0;
}

void pack_panels(const GemmPlan& plan, const GemmProblem& p, const GemmKernels& kernels,
                 const float* b, float* packed, std::int64_t begin, std::int64_t end) {
  const std::int64_t panel = 2 * plan.vector.lanes;
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t copy = i / plan.panels;
    const std::int64_t column = i % plan.panels * panel;
    const std::int64_t width = std::min(panel, plan.columns - column);
    const std::int64_t valid = std::min(width, p.n - column);
    float* to = packed + (copy * plan.columns + column) * plan.depth;
    if (kernels.pairs) {
      pack_panel_pairs(p, *kernels.pairs, b + p.b_offset(copy), column, valid, width,
                       reinterpret_cast<Bf16Pair*>(to));
      continue;
    }
    if (valid < width) std::fill_n(to, p.k * width, 0.0f);
    const Copy2d move{.rows = valid,
                      .columns = p.k,
                      .in_row = p.transpose_b ? p.stored_row_of_b() : 1,
                      .in_column = p.transpose_b ? 1 : p.stored_row_of_b(),
                      .out_row = 1,
                      .out_column = width};
    const float* from = b + p.b_offset(copy) + column * move.in_row;
    copy_2d(move, sizeof(float), reinterpret_cast<const std::byte*>(from),
            reinterpret_cast<std::byte*>(to));
  }
}

void copy_rows_of_a(const GemmPlan& plan, const GemmProblem& p, const float* a, float* copy,
                    std::int64_t first, std::int64_t count) {
  const Copy2d move{.rows = count,
                    .columns = p.k,
                    .in_row = p.transpose_a ? 1 : p.stored_row_of_a(),
                    .in_column = p.transpose_a ? p.stored_row_of_a() : 1,
                    .out_row = plan.a_row,
                    .out_column = 1};
  copy_2d(move, sizeof(float), reinterpret_cast<const std::byte*>(a + first * move.in_row),
          reinterpret_cast<std::byte*>(copy));
  if (p.alpha == 1) return;
  for (std::int64_t r = 0; r < count; ++r) {
    for (std::int64_t k = 0; k < p.k; ++k) copy[r * plan.a_row + k] *= p.alpha;
  }
}

}  // namespace strata::kernels
