#include "strata/kernels/fetch.hpp"
#include "strata/kernels/strassen/strassen.hpp"

namespace strata::kernels {
namespace {

constexpr int products = 7;

/// First row of tile i of a half: heights differ by one at most.
std::int64_t tile_row(const StrassenPlan& plan, std::int64_t tile) {
  return tile * plan.rows / plan.tiles;
}

/// Tiles in the order in which blocks take them: where halves share a row, the two tiles that have
/// it come first, so that one worker computes both.
std::int64_t tile_at(const StrassenPlan& plan, std::int64_t place) {
  return plan.shares_row ? (place + plan.tiles - 1) % plan.tiles : place;
}

/// Places [begin, end) of tiles of both halves, with the sums that their products read.
struct Block {
  std::int64_t begin, end;
  const float* x;
  float* scratch;
};

std::int64_t rows_of(const StrassenPlan& plan, std::int64_t tile) {
  return tile_row(plan, tile + 1) - tile_row(plan, tile);
}

/// Makes the sums for rows [first, first + rows) of both halves, the first in row `to` of scratch.
void add_quarters(const StrassenPlan& plan, const StrassenKernels& kernels, const Block& block,
                  std::int64_t first, std::int64_t rows, std::int64_t to) {
  const float* x11 = block.x + first * plan.x_row;
  const std::ptrdiff_t lower = plan.second * plan.x_row;
  const std::ptrdiff_t sum_round = plan.block_rows * plan.sum_row;
  const bool flat = plan.x_row == plan.inner && plan.sum_row == plan.inner;  // rows end to end
  const std::int64_t steps = flat ? 1 : rows;
  for (int round = 0; round < plan.rounds; ++round) {
    for (std::int64_t step = 0; step < steps; ++step) {
      const float* from = x11 + round * plan.x_round + step * plan.x_row;
      float* const into = block.scratch + round * sum_round + (to + step) * plan.sum_row;
      StrassenSums sums{from, from + plan.x_k, from + lower, from + lower + plan.x_k, {}, {}, 0};
      sums.count = flat ? rows * plan.inner : plan.inner;
      for (int i = 0; i < 4; ++i) sums.s[i] = into + i * plan.sum_floats;
      for (int i = 0; i < 3 && plan.copies; ++i) sums.copies[i] = into + (4 + i) * plan.sum_floats;
      kernels.sums(sums);
    }
  }
}

/// Makes the sums of a block: its tiles lie one after the other but for the first.
void add_quarters(const StrassenPlan& plan, const StrassenKernels& kernels, const Block& block) {
  const std::int64_t first = tile_at(plan, block.begin);
  const std::int64_t rows = rows_of(plan, first);
  add_quarters(plan, kernels, block, tile_row(plan, first), rows, 0);
  if (block.begin + 1 == block.end) return;
  const std::int64_t second = tile_row(plan, tile_at(plan, block.begin + 1));
  const std::int64_t end = tile_row(plan, tile_at(plan, block.end - 1) + 1);
  add_quarters(plan, kernels, block, second, end - second, rows);
}

/// What the seven products of a tile read, whose first row is `row`, in scratch row `to`.
void set_factors(const StrassenPlan& plan, const Block& block, std::int64_t row, std::int64_t to,
                 StrassenFactor (&factors)[products]) {
  const auto made = [&](int i) {
    return StrassenFactor{block.scratch + i * plan.sum_floats + to * plan.sum_row, plan.sum_row,
                          plan.block_rows * plan.sum_row};
  };
  const auto given = [&](std::ptrdiff_t floats, int copy) {
    return plan.copies
               ? made(4 + copy)
               : StrassenFactor{block.x + row * plan.x_row + floats, plan.x_row, plan.x_round};
  };
  const std::ptrdiff_t lower = plan.second * plan.x_row;
  factors[0] = given(0, 0);
  factors[1] = made(1);
  factors[2] = made(2);
  factors[3] = given(lower + plan.x_k, 2);
  factors[4] = made(0);
  factors[5] = made(3);
  factors[6] = given(plan.x_k, 1);
}

struct Output {
  const float* residual;  ///< or null
  float* y;
  const float* weights;
  const float* bias;
};

/// Fetches where results of tile `next` go; `tile` is that of the row.
void fetch_next(const StrassenPlan& plan, const StrassenTile& tile, std::int64_t next,
                std::int64_t row, int vectors) {
  const std::ptrdiff_t ahead = (tile_row(plan, next) - row) * plan.y_row;
  const TilePlaces places{1, int(rows_of(plan, next)), vectors, 0, plan.y_row, plan.y_vector};
  for (const std::ptrdiff_t quarter : {std::ptrdiff_t(0), tile.y12, tile.y21, tile.y22}) {
    const std::ptrdiff_t to = quarter + ahead;
    fetch_results(places, tile.y + to, tile.residual ? tile.residual + to : nullptr);
  }
}

/// The tiles of a block with one panel of both halves.
void run_panel(const StrassenPlan& plan, const StrassenKernels& kernels, const Block& block,
               const Output& o, std::int64_t panel) {
  const int vectors = panel + 1 < plan.panels ? 2 : plan.last_vectors;
  const std::int64_t column = panel * 2 * plan.vector.lanes;
  StrassenTile tile{};
  tile.rounds = plan.rounds;
  tile.inner = plan.inner;
  tile.weights = o.weights + products * plan.k * column;
  tile.left_bias = o.bias + column;
  tile.right_bias = tile.left_bias + plan.n;
  tile.y12 = plan.y_n;
  tile.y21 = plan.second * plan.y_row;
  tile.y22 = tile.y12 + tile.y21;
  tile.y_row = plan.y_row;
  tile.y_vector = plan.y_vector;
  tile.epilogue = &plan.epilogue;
  std::int64_t to = 0;
  for (std::int64_t place = block.begin; place < block.end; ++place) {
    const std::int64_t t = tile_at(plan, place);
    const std::int64_t row = tile_row(plan, t), rows = rows_of(plan, t);
    const std::ptrdiff_t at = row * plan.y_row + panel * plan.y_panel;
    tile.y = o.y + at;
    tile.residual = o.residual ? o.residual + at : nullptr;
    set_factors(plan, block, row, to, tile.factors);
    to += rows;
    if (place + 1 < block.end) fetch_next(plan, tile, tile_at(plan, place + 1), row, vectors);
    kernels.tile(int(rows), vectors)(tile);
  }
}

}  // namespace

void run_strassen(const StrassenPlan& plan, const StrassenKernels& kernels, const Args& args,
                  std::int64_t begin, std::int64_t end) noexcept {
  auto* scratch = reinterpret_cast<float*>(args.worker_scratch);
  const auto* weights = reinterpret_cast<const float*>(args.packed);
  std::int64_t made = -1;  // the block whose sums are in scratch
  Block block{};
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t wanted = unit / plan.column_blocks;
    const std::int64_t image = wanted / plan.blocks, part = wanted % plan.blocks;
    if (wanted != made) {
      const float* x = static_cast<const float*>(args.in[0]) + image * plan.x_image;
      block = {part * plan.tiles / plan.blocks, (part + 1) * plan.tiles / plan.blocks, x, scratch};
      add_quarters(plan, kernels, block);
      made = wanted;
    }
    const std::ptrdiff_t y = image * plan.y_image;
    const Output output{
        plan.epilogue.residual ? static_cast<const float*>(args.in[1]) + y : nullptr,
        static_cast<float*>(args.out[0]) + y, weights, weights + products * plan.k * plan.n};
    const std::int64_t columns = unit % plan.column_blocks;
    const std::int64_t panel_end = (columns + 1) * plan.panels / plan.column_blocks;
    for (std::int64_t i = columns * plan.panels / plan.column_blocks; i < panel_end; ++i) {
      run_panel(plan, kernels, block, output, i);
    }
  }
}

}  // namespace strata::kernels
