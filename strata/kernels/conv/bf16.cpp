#include "strata/kernels/conv/bf16.hpp"

#include <algorithm>

namespace strata::kernels {
namespace {

constexpr int lanes = avx512_form.lanes;
constexpr int block_channels = avx512_form.block;

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

const Layout blocked_layout = channel_blocked_layout(block_channels);

/// Groups of few channels that together have a block of input channels are computed as one.
int merged_groups(const ConvProblem& p) {
  const std::int64_t channels = p.channels / p.groups;
  if (p.groups == 1 || channels >= block_channels || block_channels % channels != 0) return 1;
  const std::int64_t merged = block_channels / channels;
  return p.groups % merged == 0 ? int(merged) : 1;
}

void plan_groups(Bf16Plan& plan, const ConvProblem& p) {
  plan.merged = merged_groups(p);
  plan.groups = p.groups / plan.merged;
  plan.group_channels = p.channels / plan.groups;
  plan.group_outputs = p.out_channels / plan.groups;
}

/// Output channels in panels of two vectors, and where they are written.
void plan_output(Bf16Plan& plan, const ConvProblem& p) {
  TileShape& s = plan.shape;
  const int vectors = int(divide_up(plan.group_outputs, lanes));
  plan.panels = (vectors + 1) / 2;
  plan.last_vectors = vectors - 2 * (plan.panels - 1);
  plan.lane_count = plan.groups * vectors * lanes;
  plan.last_lanes = lanes;
  const std::int64_t pixels = p.out_height * p.out_width;
  if (p.layouts.out[0] == channels_last_layout) {
    s.y_column = p.out_channels;
    s.y_vector = lanes;
    plan.y_group = plan.group_outputs;
    plan.y_image = pixels * p.out_channels;
    plan.last_lanes = int(plan.group_outputs - std::int64_t(vectors - 1) * lanes);
  } else {
    s.y_column = block_channels;
    s.y_vector = pixels * block_channels;
    plan.y_group = plan.group_outputs / block_channels * s.y_vector;
    plan.y_image = divide_up(p.out_channels, block_channels) * s.y_vector;
  }
  plan.y_panel = 2 * s.y_vector;
}

/// Floats of the input.
void plan_input(Bf16Plan& plan, const ConvProblem& p) {
  const Layout& layout = p.layouts.in[0];
  const std::int64_t pixels = p.height * p.width;
  plan.plane_channels = layout.is_plain() ? 2 : block_channels;
  plan.unit = plan.plane_channels / 2;
  plan.planes = int(divide_up(plan.group_channels, plan.plane_channels));
  plan.x_channel = layout.is_plain() ? pixels : 1;
  plan.x_image = p.channels * pixels;
  plan.x_pixel = 1;
  plan.x_plane = plan.plane_channels * plan.x_channel;
  plan.x_group = plan.group_channels * plan.x_channel;
  if (layout == channels_last_layout) {
    plan.x_pixel = p.channels;
  } else if (!layout.is_plain()) {
    plan.x_pixel = block_channels;
    plan.x_plane = pixels * block_channels;
    plan.x_group = plan.group_channels / block_channels * plan.x_plane;
    plan.x_image = divide_up(p.channels, block_channels) * plan.x_plane;
  }
  plan.x_row = p.width * plan.x_pixel;
}

/// Tiles, and how many share a block: enough to use weights often, few enough that what is staged
/// stays in the second cache, and enough blocks for several threads.
void plan_tiles(Bf16Plan& plan, const ConvProblem& p) {
  constexpr int most = avx512_form.positions;
  plan.out_height = plan.flat ? 1 : int(p.out_height);
  plan.out_width = int(plan.flat ? p.out_height * p.out_width : p.out_width);
  plan.tile_rows = plan.out_width <= most / 2 && plan.out_height > 1 ? 2 : 1;
  plan.column_tiles = int(divide_up(plan.out_width, most));
  plan.row_tiles = int(divide_up(plan.out_height, plan.tile_rows));
  constexpr std::int64_t staged_bytes = 256 << 10, enough_units = 16, enough_tiles = 4;
  const std::int64_t tiles = std::int64_t(plan.row_tiles) * plan.column_tiles;
  const std::int64_t tile_bytes = 4 * most * plan.unit * plan.planes * p.stride_h * p.stride_w;
  const std::int64_t wanted =
      plan.flat ? std::clamp<std::int64_t>(staged_bytes / tile_bytes, enough_tiles, 16)
                : std::max(16, 8 / plan.tile_rows * plan.column_tiles);
  const std::int64_t others = std::max<std::int64_t>(1, p.batch * plan.groups * plan.panels);
  const std::int64_t blocks =
      std::max(divide_up(tiles, wanted),
               std::min(divide_up(enough_units, others), divide_up(tiles, enough_tiles)));
  plan.blocks = int(
      std::clamp<std::int64_t>(blocks, 1, std::max(1, plan.flat ? int(tiles) : plan.row_tiles)));
}

/// The staged copy, and how tiles go over it.
void plan_staged(Bf16Plan& plan, const ConvProblem& p) {
  TileShape& s = plan.shape;
  if (plan.flat) {
    plan.staged_rows = 1;
    plan.staged_width = int(std::min<std::int64_t>(
        divide_up(plan.column_tiles, plan.blocks) * avx512_form.positions, plan.out_width));
  } else {
    const std::int64_t rows = divide_up(plan.row_tiles, plan.blocks) * plan.tile_rows;
    const std::int64_t exist = std::min<std::int64_t>(rows, p.out_height);
    plan.staged_rows = int((exist - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1);
    plan.staged_width = int((p.out_width - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1);
  }
  const std::ptrdiff_t row = plan.staged_width * plan.unit;
  s.count[0] = plan.planes;
  s.stride[0] = plan.staged_rows * row;
  s.count[1] = int(p.kernel_h);
  s.stride[1] = p.dilation_h * row;
  s.count[2] = int(p.kernel_w);
  s.stride[2] = p.dilation_w * plan.unit;
  s.inner = int(plan.unit);
  const std::int64_t rest =
      plan.group_channels - std::int64_t(plan.planes - 1) * plan.plane_channels;
  s.last_inner = int(divide_up(rest, 2));
  if (p.dilation_w == 1 && s.last_inner == s.inner) {  // the taps of a row lie side by side
    s.inner = s.last_inner = int(plan.unit * p.kernel_w);
    s.count[2] = 1;
  }
  plan.reduction =
      int(p.kernel_h * p.kernel_w) * ((plan.planes - 1) * int(plan.unit) + int(divide_up(rest, 2)));
  s.x_column = plan.flat ? plan.unit : p.stride_w * plan.unit;
  s.x_row = p.stride_h * row;
  s.y_row = s.y_column * plan.out_width;
  s.epilogue = p.epilogue;
}

bool is_flat(const ConvProblem& p) {
  const bool strided = p.stride_h != 1 || p.stride_w != 1;
  if (p.layouts.in[0].is_plain() && strided) return false;
  return p.kernel_h == 1 && p.kernel_w == 1 && p.pad_top == 0 && p.pad_left == 0 &&
         (p.out_height - 1) * p.stride_h < p.height && (p.out_width - 1) * p.stride_w < p.width;
}

}  // namespace

const char* bf16_rejects(const ConvProblem& p) {
  if (!p.constant_weights) return "weights are not constant";
  if (!fits_int(p)) return "a size beyond 2^31";
  if (p.pad_top < 0 || p.pad_left < 0) return "negative padding";
  if (is_part(p)) return "a part";
  if (p.channels == p.groups) return "one input channel per group";
  if (p.out_height <= 0 || p.out_width <= 0) return "no output";
  return nullptr;
}

void bf16_layouts(const ConvProblem& p, std::vector<OperandLayouts>& options) {
  const auto add = [&](const Layout& in, const Layout& out) {
    options.push_back({{in}, {out}});
    if (p.epilogue.residual) options.back().in.push_back(out);
  };
  Bf16Plan plan;
  plan_groups(plan, p);
  const bool whole_blocks = plan.groups == 1 || (plan.group_channels % block_channels == 0 &&
                                                 plan.group_outputs % block_channels == 0);
  if (whole_blocks) {
    add(blocked_layout, blocked_layout);
    if (plan.groups == 1) add(plain_layout, blocked_layout);
  }
  add(channels_last_layout, channels_last_layout);
}

Bf16Plan plan_bf16(const ConvProblem& p) {
  Bf16Plan plan;
  plan.flat = is_flat(p);
  plan_groups(plan, p);
  plan_output(plan, p);
  plan_input(plan, p);
  plan_tiles(plan, p);
  plan_staged(plan, p);
  return plan;
}

std::int64_t bf16_units(const Bf16Plan& plan, const ConvProblem& p) {
  return p.batch * plan.groups * plan.blocks * plan.panels;
}

std::size_t bf16_staged_bytes(const Bf16Plan& plan) {
  return std::size_t(plan.planes) * std::size_t(plan.shape.stride[0]) * sizeof(Bf16Pair);
}

std::size_t bf16_weight_bytes(const Bf16Plan& plan) {
  return std::size_t(plan.lane_count) * std::size_t(plan.reduction) * sizeof(Bf16Pair);
}

std::size_t bf16_packed_bytes(const Bf16Plan& plan) {
  return bf16_weight_bytes(plan) + std::size_t(plan.lane_count) * sizeof(float);
}

/// As direct_cost, and what staging takes.
CostEstimate bf16_cost(const ConvProblem& p) {
  constexpr double cycles_per_second = 3.5e9, bytes_per_second = 60e9, call_seconds = 2e-7;
  constexpr double loads_per_cycle = 2, latency = 6, round_cycles = 8, tile_cycles = 60;
  constexpr double word_cycles = 0.2;
  const Bf16Plan plan = plan_bf16(p);
  const TileShape& s = plan.shape;
  const double rounds = double(s.count[0]) * s.count[1] * s.count[2];
  const double positions = double(plan.tile_rows) * plan.out_width / std::max(1, plan.column_tiles);
  double cycles = 0;
  for (const bool last : {false, true}) {
    const double panels = last ? 1 : plan.panels - 1;
    const double vectors = last ? plan.last_vectors : 2;
    const double step =
        std::max({positions * vectors, (positions + vectors) / loads_per_cycle, latency});
    const double store = positions * vectors * (last && plan.last_lanes < lanes ? 8 : 2);
    cycles += panels * (step * plan.reduction + round_cycles * rounds + tile_cycles + store);
  }
  cycles *= double(plan.row_tiles) * plan.column_tiles;
  cycles += word_cycles * plan.blocks * double(bf16_staged_bytes(plan)) / sizeof(Bf16Pair);
  cycles *= double(p.batch * plan.groups);
  const double x = double(p.batch * p.channels) * double(p.height * p.width);
  const double y = double(p.batch * p.out_channels) * double(p.out_height * p.out_width);
  const double bytes =
      4 * (x + (p.epilogue.residual ? 2 : 1) * y) + double(bf16_packed_bytes(plan));
  return {call_seconds + cycles / cycles_per_second + bytes / bytes_per_second};
}

}  // namespace strata::kernels
