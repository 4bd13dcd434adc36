#include "strata/kernels/conv/direct.hpp"

#include <algorithm>
#include <cstring>

#include "strata/kernels/conv/weights.hpp"

namespace strata::kernels {
namespace {

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::size_t align_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

bool is_pointwise(const ConvProblem& p) {
  return p.kernel_h == 1 && p.kernel_w == 1 && p.stride_h == 1 && p.stride_w == 1 &&
         p.out_height == p.height && p.out_width == p.width && p.pad_top == 0 && p.pad_left == 0;
}

/// Input rows and columns, padding included, that the output reads.
void plan_padding(DirectPlan& plan, const ConvProblem& p) {
  const std::int64_t rows = (p.out_height - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1;
  const std::int64_t columns = (p.out_width - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1;
  plan.padded = p.pad_top > 0 || p.pad_left > 0 || rows > p.height || columns > p.width;
  plan.padded_height = int(plan.padded ? rows : p.height);
  plan.padded_width = int(plan.padded ? columns : p.width);
}

/// Strides of x and the order of the reduction.
void plan_input(DirectPlan& plan, const ConvProblem& p, DirectForm form) {
  TileShape& s = plan.shape;
  const std::int64_t channels = p.channels / p.groups;
  const int block = form == DirectForm::blocked ? plan.vector.block : 1;
  const std::int64_t pixel = form == DirectForm::channels_last ? p.channels : block;
  const std::int64_t row = plan.padded_width * pixel;
  const std::int64_t plane = plan.padded_height * row;
  plan.copy_unit = int(pixel);
  plan.x_position_column = p.stride_w * pixel;
  plan.x_position_row = p.stride_h * row;
  s.count[1] = int(p.kernel_h);
  s.stride[1] = p.dilation_h * row;
  s.count[2] = int(p.kernel_w);
  s.stride[2] = p.dilation_w * pixel;
  if (form == DirectForm::channels_last) {
    plan.copies = int(p.batch);
    plan.x_image = plane;
    plan.x_group = channels;
    s.inner = s.last_inner = int(channels);
    if (p.groups == 1 && p.dilation_w == 1) {  // the taps of a row lie one after the other
      s.inner = s.last_inner = int(channels * p.kernel_w);
      s.count[2] = 1;
    }
    return;
  }
  s.stride[0] = plane;
  s.count[0] = int(divide_up(channels, block));
  plan.copies = int(p.batch * divide_up(p.channels, block));
  plan.x_image = divide_up(p.channels, block) * plane;
  plan.x_group = channels / block * plane;
  s.inner = block;
  s.last_inner = int(channels - std::int64_t(s.count[0] - 1) * block);
  if (form == DirectForm::stem && p.dilation_w == 1) {
    s.inner = s.last_inner = int(p.kernel_w);
    s.count[2] = 1;
  }
}

/// Strides of y and the panels of output channels.
void plan_output(DirectPlan& plan, const ConvProblem& p, DirectForm form) {
  TileShape& s = plan.shape;
  const std::int64_t channels = p.out_channels / p.groups;
  const int lanes = plan.vector.lanes;
  const int block = plan.vector.block;
  const int vectors = int(divide_up(channels, lanes));
  plan.panel_lanes = 2 * lanes;
  plan.panels = (vectors + 1) / 2;
  plan.last_vectors = vectors - 2 * (plan.panels - 1);
  plan.bias_count = p.groups * vectors * lanes;
  const std::int64_t pixels = p.out_height * p.out_width;
  if (form == DirectForm::channels_last) {
    s.y_column = p.out_channels;
    s.y_vector = lanes;
    plan.y_panel = 2 * lanes;
    plan.y_group = channels;
    plan.y_image = pixels * p.out_channels;
    plan.last_lanes = int(channels - std::int64_t(vectors - 1) * lanes);
  } else {
    s.y_column = block;
    s.y_vector = block > lanes ? lanes : pixels * block;
    plan.y_panel = 2 * lanes / block * pixels * block;
    plan.y_group = channels / block * pixels * block;
    plan.y_image = divide_up(p.out_channels, block) * pixels * block;
    plan.last_lanes = lanes;
  }
}

/// Tiles, and how many of them share a unit: enough to use weights often, few enough that their
/// input stays in the second-level cache.
void plan_tiles(DirectPlan& plan, const ConvProblem& p) {
  const bool flat = is_pointwise(p) && !plan.padded;
  plan.out_height = flat ? 1 : int(p.out_height);
  plan.out_width = int(flat ? p.out_height * p.out_width : p.out_width);
  const int most = plan.vector.positions;
  plan.tile_rows = plan.out_width <= most / 2 && plan.out_height > 1 ? 2 : 1;
  plan.column_tiles = int(divide_up(plan.out_width, most));
  plan.tiles = int(divide_up(plan.out_height, plan.tile_rows)) * plan.column_tiles;
  const bool window = p.kernel_h > 1;
  const int wanted = window ? std::max(16, 8 / plan.tile_rows * plan.column_tiles) : 16;
  constexpr std::int64_t enough_units = 16;
  const std::int64_t others = std::max<std::int64_t>(1, p.batch * p.groups * plan.panels);
  const std::int64_t blocks =
      std::max(divide_up(plan.tiles, wanted),
               std::min(divide_up(enough_units, others), divide_up(plan.tiles, 4)));
  plan.blocks = int(std::max<std::int64_t>(1, blocks));
  plan.shape.x_column = plan.x_position_column;
  plan.shape.x_row = plan.x_position_row;
  plan.shape.y_row = plan.shape.y_column * plan.out_width;
}

struct Tap {
  std::int64_t channel, row, column;
};

Tap tap_at(const TileShape& s, const ConvProblem& p, DirectForm form, int block,
           const int (&loop)[3], int i) {
  const std::int64_t channels = p.channels / p.groups;
  switch (form) {
    case DirectForm::blocked:
      return {std::int64_t(loop[0]) * block + i, loop[1], loop[2]};
    case DirectForm::channels_last:
      return {i % channels, loop[1], loop[2] + i / channels};
    case DirectForm::stem:
      break;
  }
  return {loop[0], loop[1], s.count[2] == 1 ? i : loop[2]};
}

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
    const float* from = x + (plane * p.height + row) * p.width * unit;
    std::memset(to, 0, std::size_t(left) * sizeof(float));
    std::memcpy(to + left, from, std::size_t(copied) * sizeof(float));
    std::memset(to + left + copied, 0, std::size_t(width - left - copied) * sizeof(float));
  }
}

/// Where the work units find their operands.
struct Operands {
  const float* x;
  const float* residual;  // or null
  float* y;
  const std::byte* weights;
  const float* bias;
};

/// All tiles of one block, for one panel of output channels.
void run_unit(const DirectPlan& plan, FindTile* find, std::size_t element, const Operands& o,
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
  // Each tile fetches its share of the next unit's weights: the next panel's, or the first again.
  const std::byte* ahead = slab(last ? 0 : lane + plan.panel_lanes);
  const std::size_t ahead_bytes = std::size_t(slab(plan.panel_lanes) - slab(0));
  const std::size_t share = std::size_t(plan.reduction) / 4 * tile_prefetch_bytes;

  const TileShape& s = plan.shape;
  const std::ptrdiff_t x = image * plan.x_image + group * plan.x_group;
  const std::ptrdiff_t y = image * plan.y_image + group * plan.y_group + panel * plan.y_panel;
  const int begin = int(std::int64_t(plan.tiles) * block / plan.blocks);
  const int end = int(std::int64_t(plan.tiles) * (block + 1) / plan.blocks);
  int row = begin / plan.column_tiles * plan.tile_rows;
  int column_tile = begin % plan.column_tiles;
  for (int tile = begin; tile < end; ++tile) {
    const std::int64_t width = plan.out_width;
    const int column = int(width * column_tile / plan.column_tiles);
    const int columns = int(width * (column_tile + 1) / plan.column_tiles) - column;
    const int rows = row + plan.tile_rows <= plan.out_height ? plan.tile_rows : 1;
    const std::ptrdiff_t at = y + row * s.y_row + column * s.y_column;
    t.x = o.x + x + row * s.x_row + column * s.x_column;
    t.y = o.y + at;
    t.residual = o.residual ? o.residual + at : nullptr;
    const std::size_t done = std::size_t(tile - begin) * share;
    t.prefetch = done < ahead_bytes ? ahead + done : static_cast<const std::byte*>(t.w);
    find(rows, columns, vectors)(s, t);
    if (++column_tile == plan.column_tiles) {
      column_tile = 0;
      row += plan.tile_rows;
    }
  }
}

}  // namespace

DirectPlan plan_direct(const ConvProblem& p, DirectForm form, VectorForm vector) {
  DirectPlan plan;
  plan.vector = vector;
  plan.reduction = int(p.channels / p.groups * p.kernel_h * p.kernel_w);
  plan.shape.epilogue = p.epilogue;
  plan_padding(plan, p);
  plan_input(plan, p, form);
  plan_output(plan, p, form);
  plan_tiles(plan, p);
  return plan;
}

std::size_t direct_scratch_bytes(const DirectPlan& plan) {
  if (!plan.padded) return 0;
  return std::size_t(plan.copies) * std::size_t(plan.padded_height) *
         std::size_t(plan.padded_width) * std::size_t(plan.copy_unit) * sizeof(float);
}

std::int64_t direct_units(const DirectPlan& plan, const ConvProblem& p, int phase) {
  if (plan.padded && phase == 0) return std::int64_t(plan.copies) * plan.padded_height;
  return p.batch * p.groups * plan.blocks * plan.panels;
}

std::size_t direct_packed_bytes(const DirectPlan& plan, std::size_t element) {
  const std::size_t lanes = std::size_t(plan.bias_count);
  const std::size_t weights = align_up(lanes * std::size_t(plan.reduction) * element);
  return weights + (element == 1 ? 2 : 1) * lanes * sizeof(float);
}

void pack_direct(const DirectPlan& plan, const ConvProblem& p, DirectForm form,
                 const Constants& constants, std::size_t element, std::byte* packed) {
  const WeightReader weights(p, constants);
  const std::byte* stored = static_cast<const std::byte*>(constants.data[0]);
  const TileShape& s = plan.shape;
  const std::int64_t channels = p.out_channels / p.groups;
  const std::size_t lanes_total = std::size_t(plan.bias_count);
  const std::size_t weight_bytes = align_up(lanes_total * std::size_t(plan.reduction) * element);
  std::memset(packed, 0, direct_packed_bytes(plan, element));
  float* bias = reinterpret_cast<float*>(packed + weight_bytes);
  float* scale = bias + lanes_total;
  std::byte* to = packed;
  for (std::int64_t g = 0; g < p.groups; ++g) {
    for (int panel = 0; panel < plan.panels; ++panel) {
      const int lanes = (panel + 1 < plan.panels ? 2 : plan.last_vectors) * plan.vector.lanes;
      const std::int64_t first = std::int64_t(panel) * plan.panel_lanes;
      const int valid = int(std::min<std::int64_t>(lanes, channels - first));
      const std::int64_t o = g * channels + first;
      int loop[3];
      for (loop[0] = 0; loop[0] < s.count[0]; ++loop[0]) {
        const int inner = loop[0] + 1 < s.count[0] ? s.inner : s.last_inner;
        for (loop[1] = 0; loop[1] < s.count[1]; ++loop[1]) {
          for (loop[2] = 0; loop[2] < s.count[2]; ++loop[2]) {
            for (int i = 0; i < inner; ++i, to += std::size_t(lanes) * element) {
              const Tap tap = tap_at(s, p, form, plan.vector.block, loop, i);
              const std::int64_t at =
                  (tap.channel * p.kernel_h + tap.row) * p.kernel_w + tap.column;
              for (int lane = 0; lane < valid; ++lane) {
                const std::int64_t index = (o + lane) * plan.reduction + at;
                if (element == sizeof(float)) {
                  reinterpret_cast<float*>(to)[lane] = weights[index];
                } else {
                  std::memcpy(to + std::size_t(lane) * element,
                              stored + std::size_t(index) * element, element);
                }
              }
            }
          }
        }
      }
      for (int lane = 0; lane < valid; ++lane) {
        if (constants.data[2]) bias[lane] = WeightReader::at<float>(constants.data[2], o + lane);
        if (element == 1) scale[lane] = weights.scale(o + lane);
      }
      bias += lanes;
      scale += lanes;
    }
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
  const std::size_t weight_bytes =
      align_up(std::size_t(plan.bias_count) * std::size_t(plan.reduction) * element);
  const Operands operands{x, p.epilogue.residual ? static_cast<const float*>(args.in[1]) : nullptr,
                          static_cast<float*>(args.out[0]), args.packed,
                          reinterpret_cast<const float*>(args.packed + weight_bytes)};
  int panel = int(begin % plan.panels);
  std::int64_t rest = begin / plan.panels;
  int block = int(rest % plan.blocks);
  rest /= plan.blocks;
  std::int64_t group = rest % p.groups;
  std::int64_t image = rest / p.groups;
  for (std::int64_t u = begin; u < end; ++u) {
    run_unit(plan, find, element, operands, p.groups, image, group, block, panel);
    if (++panel < plan.panels) continue;
    panel = 0;
    if (++block < plan.blocks) continue;
    block = 0;
    if (++group < p.groups) continue;
    group = 0;
    ++image;
  }
}

}  // namespace strata::kernels
