#include "strata/kernels/conv/winograd.hpp"

#include <algorithm>

namespace strata::kernels {
namespace {

constexpr int divide_up(std::int64_t a, std::int64_t b) { return int((a + b - 1) / b); }

/// `a` rounded up to an odd number of cache lines: products a power of two apart would share sets.
constexpr std::ptrdiff_t odd_lines(std::ptrdiff_t floats) {
  const std::ptrdiff_t lines = (floats + 15) / 16;
  return (lines | 1) * 16;
}

/// Where tile `index` lies.
struct TilePlace {
  int image, row, column;  // of tiles
};

TilePlace place_of(const WinogradPlan& plan, int index) {
  const int per_image = plan.tile_rows * plan.tile_columns;
  const int rest = index % per_image;
  return {index / per_image, rest / plan.tile_columns, rest % plan.tile_columns};
}

struct Operands {
  const WinogradPlan& plan;
  const ConvProblem& p;
  const WinogradKernels& kernels;
  FindTile* find;
  const float* x;
  const float* residual;  // or null
  float* y;
  const float* weights;
  const float* bias;
  const float* zeros;

  Operands(const WinogradPlan& n, const WinogradOperands& o)
      : plan(n), p(o.p), kernels(o.kernels), find(o.tile), x(o.x), residual(o.residual), y(o.y) {
    const std::ptrdiff_t lanes = std::ptrdiff_t(n.out_blocks) * n.vector.lanes;
    weights = reinterpret_cast<const float*>(o.packed);
    bias = weights + n.products * n.channels * lanes;
    zeros = bias + lanes;
  }
};

/// Transforms one block of channels of tiles [begin, end) into v.
void transform_input(const Operands& o, int channel_block, int begin, int end, float* v) {
  const WinogradPlan& plan = o.plan;
  const ConvProblem& p = o.p;
  const int lanes = plan.vector.lanes;
  WinogradInput t;
  t.x_row = p.width * lanes;
  t.v_product = plan.v_product;
  v += channel_block * plan.v_block;
  for (int index = begin; index < end; ++index, v += lanes) {
    const TilePlace at = place_of(plan, index);
    const std::int64_t row = std::int64_t(at.row) * plan.m - p.pad_top;
    const std::int64_t column = std::int64_t(at.column) * plan.m - p.pad_left;
    const std::int64_t plane = std::int64_t(at.image) * plan.in_blocks + channel_block;
    const auto inside = [&](std::int64_t extent) {
      return int(std::clamp<std::int64_t>(extent, 0, plan.side));
    };
    t.row_begin = inside(-row);
    t.row_end = inside(p.height - row);
    t.column_begin = inside(-column);
    t.column_end = inside(p.width - column);
    t.x = o.x + ((plane * p.height + row) * p.width + column) * lanes;
    t.v = v;
    o.kernels.input(t);
  }
}

/// One product for one panel of output channels and the first `count` tiles of a block.
void multiply(const Operands& o, int product, int panel, int count, const float* v, float* sums) {
  const WinogradPlan& plan = o.plan;
  const int lanes = plan.vector.lanes;
  const int vectors = panel + 1 < plan.panels ? 2 : plan.last_vectors;
  const std::ptrdiff_t all_lanes = std::ptrdiff_t(plan.out_blocks) * lanes;
  TileOperands t;
  t.w = o.weights + (product * all_lanes + panel * 2 * lanes) * plan.channels;
  t.bias = o.zeros;
  t.scale = nullptr;
  t.residual = nullptr;
  t.last_lanes = lanes;
  const std::byte* ahead = reinterpret_cast<const std::byte*>(
      static_cast<const float*>(t.w) + std::ptrdiff_t(vectors) * lanes * plan.channels);
  const std::ptrdiff_t share = plan.channels / 4 * std::ptrdiff_t(tile_prefetch_bytes);
  const std::ptrdiff_t slab = std::ptrdiff_t(vectors) * lanes * plan.channels * 4;
  v += product * plan.v_product;
  sums += product * plan.sums_product + panel * 2 * plan.sums_block;
  const int parts = divide_up(count, plan.vector.positions);
  for (int part = 0; part < parts; ++part) {
    const int first = count * part / parts;
    const int columns = count * (part + 1) / parts - first;
    t.x = v + first * lanes;
    t.y = sums + first * lanes;
    t.prefetch = part * share < slab ? ahead + part * share : static_cast<const std::byte*>(t.w);
    o.find(1, columns, vectors * lanes)(plan.shape, t);
  }
}

/// Results of one block of output channels of tiles [begin, end).
void transform_output(const Operands& o, int channel_block, int begin, int end, const float* sums) {
  const WinogradPlan& plan = o.plan;
  const ConvProblem& p = o.p;
  const int lanes = plan.vector.lanes;
  WinogradOutput t;
  t.sums_product = plan.sums_product;
  t.bias = o.bias + channel_block * lanes;
  t.y_column = plan.grid.step_w * lanes;
  t.y_row = plan.grid.step_h * plan.grid.width * lanes;
  t.epilogue = p.epilogue;
  sums += channel_block * plan.sums_block;
  for (int index = begin; index < end; ++index, sums += lanes) {
    const TilePlace at = place_of(plan, index);
    const std::int64_t row = std::int64_t(at.row) * plan.m;
    const std::int64_t column = std::int64_t(at.column) * plan.m;
    const std::int64_t plane = std::int64_t(at.image) * plan.out_blocks + channel_block;
    const std::ptrdiff_t to =
        plane * plan.grid.height * plan.grid.width * lanes + row * t.y_row + column * t.y_column;
    t.sums = sums;
    t.residual = o.residual ? o.residual + to : nullptr;
    t.y = o.y + to;
    t.rows = int(std::min<std::int64_t>(plan.m, p.out_height - row));
    t.columns = int(std::min<std::int64_t>(plan.m, p.out_width - column));
    o.kernels.output(t);
  }
}

/// Everything for one block of tiles.
void run_block(const Operands& o, int block, float* v, float* sums) {
  const WinogradPlan& plan = o.plan;
  const int begin = int(std::int64_t(plan.tiles) * block / plan.blocks);
  const int end = int(std::int64_t(plan.tiles) * (block + 1) / plan.blocks);
  for (int c = 0; c < plan.in_blocks; ++c) transform_input(o, c, begin, end, v);
  for (int product = 0; product < plan.products; ++product) {
    for (int panel = 0; panel < plan.panels; ++panel) {
      multiply(o, product, panel, end - begin, v, sums);
    }
  }
  for (int c = 0; c < plan.out_blocks; ++c) transform_output(o, c, begin, end, sums);
}

}  // namespace

WinogradPlan plan_winograd(const ConvProblem& p, int m, VectorForm vector) {
  return plan_winograd(p, m, vector, {p.out_height, p.out_width});
}

WinogradPlan plan_winograd(const ConvProblem& p, int m, VectorForm vector, const OutputGrid& grid) {
  WinogradPlan plan;
  plan.vector = vector;
  plan.grid = grid;
  plan.m = m;
  plan.taps = int(p.kernel_h);
  plan.side = m + plan.taps - 1;
  plan.products = plan.side * plan.side;
  plan.tile_rows = divide_up(p.out_height, m);
  plan.tile_columns = divide_up(p.out_width, m);
  plan.tiles = int(p.batch) * plan.tile_rows * plan.tile_columns;
  plan.channels = int(p.channels);
  plan.in_blocks = divide_up(p.channels, vector.lanes);
  plan.out_blocks = divide_up(p.out_channels, vector.lanes);
  plan.panels = divide_up(plan.out_blocks, 2);
  plan.last_vectors = plan.out_blocks - 2 * (plan.panels - 1);

  // Weights that stay in the second-level cache leave room for few tiles; others are read from
  // further away once for each block.
  constexpr std::int64_t cache_bytes = 640 << 10, most = 56;
  const std::int64_t product_bytes = std::int64_t(plan.products) * vector.lanes * 4;
  const std::int64_t weight_bytes = product_bytes * plan.out_blocks * p.channels;
  const std::int64_t tile_bytes = product_bytes * (plan.in_blocks + plan.out_blocks);
  const std::int64_t wanted =
      weight_bytes > cache_bytes
          ? most
          : std::clamp<std::int64_t>(cache_bytes / tile_bytes / vector.positions * vector.positions,
                                     vector.positions, most);
  plan.phased = plan.tiles <= most;
  plan.blocks = plan.phased ? 1 : divide_up(plan.tiles, wanted);
  plan.block_tiles = divide_up(plan.tiles, plan.blocks);
  plan.v_block = plan.sums_block = std::ptrdiff_t(plan.block_tiles) * vector.lanes;
  plan.v_product = odd_lines(plan.in_blocks * plan.v_block);
  plan.sums_product = odd_lines(plan.out_blocks * plan.sums_block);

  TileShape& s = plan.shape;
  s.count[0] = plan.in_blocks;
  s.stride[0] = plan.v_block;
  s.inner = vector.lanes;
  s.last_inner = plan.channels - (plan.in_blocks - 1) * vector.lanes;
  s.x_column = s.y_column = vector.lanes;
  s.y_vector = plan.sums_block;
  return plan;
}

std::size_t winograd_block_bytes(const WinogradPlan& plan) {
  return std::size_t(plan.products) * std::size_t(plan.v_product + plan.sums_product) *
         sizeof(float);
}

std::int64_t winograd_units(const WinogradPlan& plan, int phase) {
  if (plan.tiles == 0) return 0;
  if (!plan.phased) return plan.blocks;
  if (phase == 1) return plan.products;
  return phase == 0 ? plan.in_blocks : plan.out_blocks;
}

void run_winograd_blocks(const WinogradPlan& plan, const WinogradOperands& operands, float* scratch,
                         int begin, int end) noexcept {
  const Operands o(plan, operands);
  for (int block = begin; block < end; ++block) {
    run_block(o, block, scratch, scratch + plan.products * plan.v_product);
  }
}

void run_winograd(const WinogradPlan& plan, const WinogradKernels& kernels, FindTile* find,
                  const Args& args, int phase, std::int64_t begin, std::int64_t end) noexcept {
  const ConvProblem& p = *static_cast<const ConvProblem*>(args.problem);
  const WinogradOperands given{
      p,
      kernels,
      find,
      static_cast<const float*>(args.in[0]),
      p.epilogue.residual ? static_cast<const float*>(args.in[1]) : nullptr,
      static_cast<float*>(args.out[0]),
      args.packed};
  if (!plan.phased) {
    float* scratch = reinterpret_cast<float*>(args.worker_scratch);
    return run_winograd_blocks(plan, given, scratch, int(begin), int(end));
  }
  const Operands operands(plan, given);
  float* v = reinterpret_cast<float*>(args.scratch);
  float* sums = v + plan.products * plan.v_product;
  for (std::int64_t u = begin; u < end; ++u) {
    if (phase == 0) {
      transform_input(operands, int(u), 0, plan.tiles, v);
    } else if (phase == 2) {
      transform_output(operands, int(u), 0, plan.tiles, sums);
    } else {
      for (int panel = 0; panel < plan.panels; ++panel) {
        multiply(operands, int(u), panel, plan.tiles, v, sums);
      }
    }
  }
}

}  // namespace strata::kernels
