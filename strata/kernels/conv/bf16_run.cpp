#include <algorithm>
#include <cstring>

#include "strata/kernels/conv/bf16.hpp"

namespace strata::kernels {
namespace {

void clear(Bf16Pair* to, std::ptrdiff_t words) {
  std::memset(to, 0, std::size_t(words) * sizeof(Bf16Pair));
}

/// A block of tiles of one group of an image.
struct Block {
  int first_tile, last_tile;
  int first_row;                  ///< of the output
  std::ptrdiff_t first_position;  ///< flat: of the output's plane
};

Block block_of(const Bf16Plan& plan, int index) {
  Block block{};
  if (plan.flat) {
    const auto tile = [&](int i) { return int(std::int64_t(plan.column_tiles) * i / plan.blocks); };
    block.first_tile = tile(index);
    block.last_tile = tile(index + 1);
    block.first_position = std::ptrdiff_t(plan.out_width) * block.first_tile / plan.column_tiles;
    return block;
  }
  const auto row = [&](int i) { return int(std::int64_t(plan.row_tiles) * i / plan.blocks); };
  block.first_tile = row(index) * plan.column_tiles;
  block.last_tile = row(index + 1) * plan.column_tiles;
  block.first_row = row(index) * plan.tile_rows;
  return block;
}

/// Copies inputs into scratch as tiles read them.
class Stager {
 public:
  Stager(const Bf16Plan& plan, const ConvProblem& p, const PairKernels& kernels, Bf16Pair* staged)
      : plan_(plan), p_(p), kernels_(kernels), staged_(staged) {}

  /// `x`: the group's first channel.
  void stage(const float* x, const Block& block) const {
    for (int plane = 0; plane < plan_.planes; ++plane) {
      const std::int64_t rest = plan_.group_channels - std::int64_t(plane) * plan_.plane_channels;
      const int channels = int(std::min<std::int64_t>(rest, plan_.plane_channels));
      Bf16Pair* to = staged_ + plane * plan_.shape.stride[0];
      plan_.flat ? positions(x, channels, block, to) : rows(x, channels, block, to);
      x += plan_.x_plane;
    }
  }

 private:
  /// `count` pixels that are `step` pixels apart (planar input: 1).
  void pixels(const float* x, int channels, std::ptrdiff_t step, Bf16Pair* to,
              std::ptrdiff_t count) const {
    if (plan_.unit > 1) {
      kernels_.along({x, step * plan_.x_pixel, to, plan_.unit, count, channels}, 1.0f);
      return;
    }
    const float* second = channels > 1 ? x + plan_.x_channel : nullptr;
    kernels_.across(x, second, to, count, 1.0f);
  }

  void positions(const float* x, int channels, const Block& block, Bf16Pair* to) const {
    const std::ptrdiff_t last =
        std::ptrdiff_t(plan_.out_width) * block.last_tile / plan_.column_tiles;
    const bool dense = p_.stride_w == 1 && p_.stride_h == 1 && p_.out_width == p_.width;
    const std::ptrdiff_t width = dense ? plan_.out_width : p_.out_width;
    for (std::ptrdiff_t at = block.first_position; at < last;) {
      const std::ptrdiff_t row = at / width, column = at % width;
      const std::ptrdiff_t count = std::min(width - column, last - at);
      const float* from =
          x + row * p_.stride_h * plan_.x_row + column * p_.stride_w * plan_.x_pixel;
      pixels(from, channels, p_.stride_w, to, count);
      to += count * plan_.unit;
      at += count;
    }
  }

  void rows(const float* x, int channels, const Block& block, Bf16Pair* to) const {
    const std::int64_t width = plan_.staged_width;
    const std::int64_t left = std::min<std::int64_t>(width, p_.pad_left);
    const std::int64_t copied = std::clamp<std::int64_t>(width - left, 0, p_.width);
    const std::int64_t first = block.first_row * p_.stride_h - p_.pad_top;
    const std::int64_t end_row = std::min<std::int64_t>(
        std::int64_t(block.last_tile / plan_.column_tiles) * plan_.tile_rows, p_.out_height);
    const std::int64_t count =
        (end_row - 1 - block.first_row) * p_.stride_h + (p_.kernel_h - 1) * p_.dilation_h + 1;
    for (std::int64_t i = 0; i < count; ++i, to += width * plan_.unit) {
      const std::int64_t row = first + i;
      if (row < 0 || row >= p_.height) {
        clear(to, width * plan_.unit);
        continue;
      }
      clear(to, left * plan_.unit);
      pixels(x + row * plan_.x_row, channels, 1, to + left * plan_.unit, copied);
      clear(to + (left + copied) * plan_.unit, (width - left - copied) * plan_.unit);
    }
  }

  const Bf16Plan& plan_;
  const ConvProblem& p_;
  const PairKernels& kernels_;
  Bf16Pair* staged_;
};

/// Where the work units find their operands.
struct Operands {
  const Bf16Pair* staged;
  const float* residual;  // or null; at the group's first channel, as y
  float* y;
  const std::byte* weights;
  const float* bias;
};

/// All tiles of one block, for one panel of output channels.
void run_unit(const Bf16Plan& plan, FindTile* find, const Operands& o, const Block& block,
              std::int64_t group, int panel) {
  constexpr int lanes = avx512_form.lanes;
  const bool last = panel + 1 == plan.panels;
  const int vectors = last ? plan.last_vectors : 2;
  const std::int64_t lane = group * (plan.lane_count / plan.groups) + panel * 2 * lanes;
  const auto slab = [&](std::int64_t first_lane) {
    return o.weights + std::size_t(first_lane) * std::size_t(plan.reduction) * sizeof(Bf16Pair);
  };
  TileOperands t{};
  t.w = slab(lane);
  t.bias = o.bias + lane;
  t.last_lanes = last ? plan.last_lanes : lanes;
  // Each tile fetches its share of the next unit's weights: the next panel's, or the first again.
  const std::byte* ahead = slab(last ? 0 : lane + 2 * lanes);
  const std::size_t ahead_bytes = std::size_t(slab(2 * lanes) - slab(0));
  const std::size_t share = std::size_t(plan.reduction) / 4 * tile_prefetch_bytes;

  const TileShape& s = plan.shape;
  const std::ptrdiff_t y = panel * plan.y_panel;
  int row = block.first_tile / plan.column_tiles * plan.tile_rows;
  int column_tile = block.first_tile % plan.column_tiles;
  std::size_t done = 0;
  for (int tile = block.first_tile; tile < block.last_tile; ++tile, done += share) {
    const std::int64_t width = plan.out_width;
    const int column = int(width * column_tile / plan.column_tiles);
    const int columns = int(width * (column_tile + 1) / plan.column_tiles) - column;
    const int rows = row + plan.tile_rows <= plan.out_height ? plan.tile_rows : 1;
    const std::ptrdiff_t at = y + row * s.y_row + column * s.y_column;
    const Bf16Pair* x =
        o.staged + (row - block.first_row) * s.x_row + (column - block.first_position) * s.x_column;
    t.x = reinterpret_cast<const float*>(x);
    t.y = o.y + at;
    t.residual = o.residual ? o.residual + at : nullptr;
    t.prefetch = done < ahead_bytes ? ahead + done : static_cast<const std::byte*>(t.w);
    find(rows, columns, vectors * lanes)(s, t);
    if (++column_tile == plan.column_tiles) {
      column_tile = 0;
      row += plan.tile_rows;
    }
  }
}

}  // namespace

void run_bf16(const Bf16Plan& plan, const PairKernels& kernels, const Args& args,
              std::int64_t begin, std::int64_t end) noexcept {
  const ConvProblem& p = *static_cast<const ConvProblem*>(args.problem);
  auto* staged = reinterpret_cast<Bf16Pair*>(args.worker_scratch);
  const Stager stager(plan, p, kernels, staged);
  Operands o{};
  o.staged = staged;
  o.weights = args.packed;
  o.bias = reinterpret_cast<const float*>(args.packed + bf16_weight_bytes(plan));
  Block block{};
  std::int64_t group = 0;
  std::int64_t latest = -1;
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t index = u / plan.panels;
    if (index != latest) {
      latest = index;
      block = block_of(plan, int(index % plan.blocks));
      group = index / plan.blocks % plan.groups;
      const std::int64_t image = index / plan.blocks / plan.groups;
      const std::ptrdiff_t y = image * plan.y_image + group * plan.y_group;
      o.y = static_cast<float*>(args.out[0]) + y;
      o.residual = p.epilogue.residual ? static_cast<const float*>(args.in[1]) + y : nullptr;
      stager.stage(
          static_cast<const float*>(args.in[0]) + image * plan.x_image + group * plan.x_group,
          block);
    }
    run_unit(plan, kernels.tile, o, block, group, int(u % plan.panels));
  }
}

}  // namespace strata::kernels
