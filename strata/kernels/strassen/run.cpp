#include "strata/kernels/fetch.hpp"
#include "strata/kernels/strassen/strassen.hpp"

namespace strata::kernels {
namespace {

constexpr int products = 7;

/// First row of tile i of a half: heights differ by one at most.
std::int64_t tile_row(const StrassenPlan& plan, std::int64_t tile) {
  return tile * plan.rows / plan.tiles;
}

/// Tiles [begin, end) of both halves, with what their products read at the first of them.
struct Block {
  std::int64_t begin, end;
  StrassenFactor factors[products];
};

/// Makes the sums of a block.
Block add_quarters(const StrassenPlan& plan, const StrassenKernels& kernels, const float* x,
                   std::int64_t begin, std::int64_t end, float* scratch) {
  const std::int64_t first = tile_row(plan, begin), rows = tile_row(plan, end) - first;
  const float* x11 = x + first * plan.x_row;
  const std::ptrdiff_t lower = plan.second * plan.x_row;
  const std::ptrdiff_t sum_round = plan.block_rows * plan.sum_row;
  const bool flat = plan.x_row == plan.inner && plan.sum_row == plan.inner;  // rows end to end
  const std::int64_t steps = flat ? 1 : rows;
  for (int round = 0; round < plan.rounds; ++round) {
    for (std::int64_t step = 0; step < steps; ++step) {
      const float* from = x11 + round * plan.x_round + step * plan.x_row;
      float* const to = scratch + round * sum_round + step * plan.sum_row;
      StrassenSums sums{from, from + plan.x_k, from + lower, from + lower + plan.x_k, {}, {}, 0};
      sums.count = flat ? rows * plan.inner : plan.inner;
      for (int i = 0; i < 4; ++i) sums.s[i] = to + i * plan.sum_floats;
      for (int i = 0; i < 3 && plan.copies; ++i) sums.copies[i] = to + (4 + i) * plan.sum_floats;
      kernels.sums(sums);
    }
  }
  const auto made = [&](int i) {
    return StrassenFactor{scratch + i * plan.sum_floats, plan.sum_row, sum_round};
  };
  const auto given = [&](std::ptrdiff_t floats, int copy) {
    return plan.copies ? made(4 + copy) : StrassenFactor{x11 + floats, plan.x_row, plan.x_round};
  };
  return {begin,
          end,
          {given(0, 0), made(1), made(2), given(lower + plan.x_k, 2), made(0), made(3),
           given(plan.x_k, 1)}};
}

struct Output {
  const float* residual;  ///< or null
  float* y;
  const float* weights;
  const float* bias;
};

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
  const std::int64_t first_row = tile_row(plan, block.begin);
  for (std::int64_t t = block.begin; t < block.end; ++t) {
    const std::int64_t row = tile_row(plan, t);
    const std::ptrdiff_t at = row * plan.y_row + panel * plan.y_panel;
    tile.y = o.y + at;
    tile.residual = o.residual ? o.residual + at : nullptr;
    for (int i = 0; i < products; ++i) {
      tile.factors[i] = block.factors[i];
      tile.factors[i].x += (row - first_row) * tile.factors[i].row;
    }
    if (t + 1 < block.end) {
      const std::int64_t next = tile_row(plan, t + 1);
      const int rows = int(tile_row(plan, t + 2) - next);
      const TilePlaces places{1, rows, vectors, 0, plan.y_row, plan.y_vector};
      for (const std::ptrdiff_t quarter : {std::ptrdiff_t(0), tile.y12, tile.y21, tile.y22}) {
        const std::ptrdiff_t to = quarter + (next - row) * plan.y_row;
        fetch_results(places, tile.y + to, tile.residual ? tile.residual + to : nullptr);
      }
    }
    kernels.tile(int(tile_row(plan, t + 1) - row), vectors)(tile);
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
      block = add_quarters(plan, kernels, x, part * plan.tiles / plan.blocks,
                           (part + 1) * plan.tiles / plan.blocks, scratch);
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
