#include <algorithm>
#include <cstring>

#include "strata/kernels/integer/constants.hpp"
#include "strata/kernels/integer/plan.hpp"
#include "strata/tensor/tflite_dynamic.hpp"

namespace strata::kernels {
namespace {

/// Pixels of a unit of the second phase, where each has its own grid.
constexpr std::int64_t unit_pixels = 16;

enum class Phase : std::uint8_t { grids, codes, tiles };
Phase phase_at(const DynamicConvProblem& p, int phase) {
  return Phase(phase + (p.grid_per_pixel ? 1 : 0));
}

std::int64_t pixels(const DynamicConvProblem& p) { return p.height * p.width; }

bool has_blocks(const Layout& layout) { return layout.blocked_axis >= 0; }

/// The grid of a range; that of convolutions depends on whether weights have several scales.
DynamicGrid grid_of(const DynamicConvProblem& p, NumberRange range) {
  return dynamic_grid(p.arithmetic, !p.matrix, p.w_scale_per_channel, range);
}

/// The least code of all grids.
std::int32_t lowest_code(const DynamicConvProblem& p) { return grid_of(p, {0, 1}).low; }

/// One step of the run of an instruction set: the problem, and where its scratch lies.
struct Step {
  const IntegerPlan& plan;
  const IntegerKernels& kernels;
  const DynamicConvProblem& p;
  const float* x;
  std::uint8_t* codes;
  DynamicScale* scales;
  std::int32_t low;  // of the codes

  std::int64_t element() const { return plan.word_elements == 4 ? 1 : 2; }

  /// Channels of a pixel from `channel` on, or of neighbouring pixels where those lie together.
  DynamicRun run_at(std::int64_t image, std::int64_t pixel, std::int64_t channel,
                    std::int64_t count) const {
    const float* of_image = x + image * stored_channels() * pixels(p);
    if (!has_blocks(p.layouts.in[0])) {
      return {of_image + pixel * p.channels + channel, plan.lanes, count};
    }
    return {of_image + pixel * plan.lanes, pixels(p) * plan.lanes, count};
  }
  std::int64_t stored_channels() const {
    const std::int64_t block = has_blocks(p.layouts.in[0]) ? plan.lanes : 1;
    return (p.channels + block - 1) / block * block;
  }

  void store(const DynamicGrid& grid, DynamicScale& to) const {
    to = {grid.scale, grid.inverse, grid.zero_point,
          plan.word_elements == 4 ? grid.zero_point + 128 : 0};
  }
  DynamicCodes codes_of(const DynamicScale& scale) const {
    return {scale.inverse, scale.zero, low, p.arithmetic == Arithmetic::tflite_xnnpack};
  }

  NumberRange range_of_image(std::int64_t image) const {
    NumberRange range;
    const auto widen = [&](const DynamicRun& run) {
      kernels.range(run, &range.least, &range.most);
    };
    if (!has_blocks(p.layouts.in[0])) {
      widen(run_at(image, 0, 0, pixels(p) * p.channels));
      return range;
    }
    for (std::int64_t pixel = 0; pixel < pixels(p); ++pixel) {
      widen(run_at(image, pixel, 0, p.channels));
    }
    return range;
  }

  /// A few pixels that each have a grid of their own.
  void encode_pixels(std::int64_t begin, int count) const {
    float least[unit_pixels], most[unit_pixels];
    const auto run_of = [&](int i) {
      const std::int64_t pixel = begin + i;
      return run_at(pixel / pixels(p), pixel % pixels(p), 0, p.channels);
    };
    for (int i = 0; i < count; ++i) {
      least[i] = most[i] = 0;
      kernels.range(run_of(i), &least[i], &most[i]);
    }
    if (p.arithmetic == Arithmetic::tflite_xnnpack) {
      kernels.find_grids(least, most, count, scales + begin);
    } else {
      for (int i = 0; i < count; ++i) store(grid_of(p, {least[i], most[i]}), scales[begin + i]);
    }
    for (int i = 0; i < count; ++i) {
      kernels.encode(run_of(i), codes_of(scales[begin + i]),
                     codes + (begin + i) * plan.group_elements * element());
    }
  }

  /// A row of the copy that tiles read: padding is what stands for 0.
  void encode_row(std::int64_t unit) const {
    const std::int64_t image = unit / plan.prepared_height;
    const std::int64_t y = unit % plan.prepared_height - p.pad_top;
    const std::int64_t pixel = plan.groups * plan.group_elements * element();
    std::uint8_t* to = codes + unit * plan.prepared_width * pixel;
    const DynamicScale& scale = scales[image];
    const auto padding = std::uint8_t(element() == 1 ? scale.correction : 0);
    const std::int64_t left = std::min<std::int64_t>(p.pad_left, plan.prepared_width);
    const std::int64_t count = std::min<std::int64_t>(plan.prepared_width - left, p.width);
    const bool exists = y >= 0 && y < p.height;
    if (!exists || count < plan.prepared_width || p.channels < plan.groups * plan.group_elements) {
      std::fill_n(to, plan.prepared_width * pixel, padding);
    }
    if (!exists) return;
    const DynamicCodes rule = codes_of(scale);
    const std::int64_t channels = p.channels / plan.groups;
    to += left * pixel;
    if (!has_blocks(p.layouts.in[0]) && channels == plan.group_elements) {
      return kernels.encode(run_at(image, y * p.width, 0, count * p.channels), rule, to);
    }
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t g = 0; g < plan.groups; ++g) {
        kernels.encode(run_at(image, y * p.width + i, g * channels, channels), rule,
                       to + i * pixel + g * plan.group_elements * element());
      }
    }
  }
};

/// The lanes' numbers behind the weights.
struct Lanes {
  const std::int32_t* weight_sums;
  const float *w_scale, *bias;
};
Lanes lanes_of(const IntegerPlan& plan, const std::byte* packed) {
  const std::byte* at = packed + integer_weight_bytes(plan);
  const auto* numbers = reinterpret_cast<const float*>(at);
  return {reinterpret_cast<const std::int32_t*>(at), numbers + plan.lane_count,
          numbers + 2 * plan.lane_count};
}

DynamicFinish::Form form_of(const DynamicConvProblem& p) {
  using Form = DynamicFinish::Form;
  if (p.arithmetic == Arithmetic::tflite_xnnpack) return Form::fused;
  const bool symmetric = lowest_code(p) == -127;
  return symmetric || p.arithmetic == Arithmetic::tflite_optimized ? Form::at_once : Form::in_turn;
}

/// Where the output has a pixel's panel.
void set_output(const IntegerPlan& plan, const DynamicConvProblem& p, const IntegerUnit& unit,
                float* y, DynamicFinish& finish) {
  const std::int64_t plane = p.out_height * p.out_width;
  const std::int64_t channel = std::int64_t(unit.panel) * 2 * plan.lanes;
  if (has_blocks(p.layouts.out[0])) {  // one group
    finish.y = y + (unit.image * plan.lane_count + channel) * plane;
    finish.y_column = plan.lanes;
    finish.y_vector = plane * plan.lanes;
  } else {
    finish.y = y + unit.image * plane * p.out_channels +
               unit.group * (p.out_channels / plan.groups) + channel;
    finish.y_column = p.out_channels;
    finish.y_vector = plan.lanes;
  }
  finish.y_row = plan.out_width * finish.y_column;
}

void run_unit(const Step& step, const std::byte* packed, float* y, const IntegerUnit& unit) {
  const IntegerPlan& plan = step.plan;
  constexpr int most_sums = 14 * 2 * 16;
  alignas(64) std::int32_t sums[most_sums];
  const bool last = unit.panel + 1 == plan.panels;
  const std::int64_t lane = panel_lane(plan, unit);
  const Lanes lanes = lanes_of(plan, packed);
  DynamicFinish finish;
  finish.form = form_of(step.p);
  finish.sums = sums;
  finish.weight_sums = lanes.weight_sums + lane;
  finish.w_scale = lanes.w_scale + lane;
  finish.bias = lanes.bias + lane;
  finish.scale_per_position = step.p.grid_per_pixel;
  finish.vectors = last ? plan.last_vectors : 2;
  finish.last_lanes = last ? plan.last_lanes : plan.lanes;
  set_output(plan, step.p, unit, y, finish);
  const DynamicScale* scales =
      step.scales + unit.image * (step.p.grid_per_pixel ? pixels(step.p) : 1);
  float* of_unit = finish.y;
  IntegerTile tile;
  tile.w = reinterpret_cast<const std::uint8_t*>(packed) + lane * plan.reduction * 4;
  tile.sums = sums;
  tile.window_sums = nullptr;
  tile.lane_words = lane_words(step.p);
  const std::uint8_t* x = step.codes + unit.image * plan.x_image + unit.group * plan.x_group;
  for_each_tile(plan, unit.block, [&](int row, int column, int rows, int columns) {
    tile.x = x + row * plan.shape.x_row + column * plan.shape.x_column;
    find_tile(plan, step.kernels, rows, columns, finish.vectors)(plan.shape, tile);
    finish.columns = columns;
    finish.positions = rows * columns;
    finish.scales = scales + (step.p.grid_per_pixel ? column : 0);
    finish.y = of_unit + row * finish.y_row + column * finish.y_column;
    step.kernels.finish_numbers(finish);
  });
}

}  // namespace

int dynamic_phases(const DynamicConvProblem& p) { return p.grid_per_pixel ? 2 : 3; }

std::int64_t dynamic_units(const IntegerPlan& plan, const DynamicConvProblem& p, int phase) {
  switch (phase_at(p, phase)) {
    case Phase::grids:
      return p.batch;
    case Phase::codes:
      return p.grid_per_pixel ? (p.batch * pixels(p) + unit_pixels - 1) / unit_pixels
                              : p.batch * plan.prepared_height;
    case Phase::tiles:
      break;
  }
  return plan.tiles > 0 ? p.batch * plan.groups * plan.blocks * plan.panels : 0;
}

std::size_t dynamic_scratch_bytes(const IntegerPlan& plan, const DynamicConvProblem& p) {
  const std::int64_t grids = p.batch * (p.grid_per_pixel ? pixels(p) : 1);
  return plan.prepared_bytes + std::size_t(grids) * sizeof(DynamicScale);
}

void pack_dynamic(const IntegerPlan& plan, const DynamicConvProblem& p, const Constants& constants,
                  std::byte* packed) {
  pack_integer(plan, p, constants, packed);
  const IntegerConstants reader(p, constants);
  auto* lanes = reinterpret_cast<std::int32_t*>(packed + integer_weight_bytes(plan));
  const auto f32_bits = [&](int constant, std::int64_t i) {
    std::int32_t bits = 0;
    if (const auto* data = static_cast<const std::byte*>(constants.data[constant])) {
      std::memcpy(&bits, data + 4 * i, 4);
    }
    return bits;
  };
  const std::int64_t channels = p.out_channels / plan.groups;
  for (std::int64_t o = 0; o < p.out_channels; ++o) {
    std::int32_t sum = 0;
    const std::int64_t taps = p.channels / p.groups * p.kernel_h * p.kernel_w;
    for (std::int64_t tap = 0; tap < taps; ++tap) sum += reader.weight(o, tap);
    const std::int64_t lane = o / channels * (plan.lane_count / plan.groups) + o % channels;
    lanes[lane] = sum;
    lanes[plan.lane_count + lane] = f32_bits(2, p.w_scale_per_channel ? o : 0);
    lanes[2 * plan.lane_count + lane] = f32_bits(6, o);
  }
}

void run_dynamic(const IntegerPlan& plan, const IntegerKernels& kernels, const Args& args,
                 int phase, std::int64_t begin, std::int64_t end) noexcept {
  const auto& p = static_cast<const DynamicConvProblem&>(*args.problem);
  const Step step{.plan = plan,
                  .kernels = kernels,
                  .p = p,
                  .x = static_cast<const float*>(args.in[0]),
                  .codes = reinterpret_cast<std::uint8_t*>(args.scratch),
                  .scales = reinterpret_cast<DynamicScale*>(args.scratch + plan.prepared_bytes),
                  .low = lowest_code(p)};
  switch (phase_at(p, phase)) {
    case Phase::grids:
      for (std::int64_t image = begin; image < end; ++image) {
        step.store(grid_of(p, step.range_of_image(image)), step.scales[image]);
      }
      return;
    case Phase::codes:
      for (std::int64_t unit = begin; unit < end; ++unit) {
        if (p.grid_per_pixel) {
          const std::int64_t left = p.batch * pixels(p) - unit * unit_pixels;
          step.encode_pixels(unit * unit_pixels, int(std::min(unit_pixels, left)));
        } else {
          step.encode_row(unit);
        }
      }
      return;
    case Phase::tiles:
      break;
  }
  for (std::int64_t u = begin; u < end; ++u) {
    run_unit(step, args.packed, static_cast<float*>(args.out[0]), integer_unit(plan, u));
  }
}

}  // namespace strata::kernels
