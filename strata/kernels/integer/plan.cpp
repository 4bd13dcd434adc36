#include "strata/kernels/integer/plan.hpp"

#include <algorithm>
#include <bit>

#include "strata/kernels/integer/constants.hpp"

namespace strata::kernels {
namespace {

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
constexpr std::int64_t round_up(std::int64_t a, std::int64_t b) { return divide_up(a, b) * b; }

bool is_pointwise(const IntegerConvProblem& p) {
  return p.kernel_h == 1 && p.kernel_w == 1 && p.stride_h == 1 && p.stride_w == 1 &&
         p.out_height == p.height && p.out_width == p.width && p.pad_top == 0 && p.pad_left == 0;
}

/// Rows or columns of the input that an extent of the output reads.
std::int64_t reach(std::int64_t out, std::int64_t stride, std::int64_t kernel,
                   std::int64_t dilation) {
  return out == 0 ? 0 : (out - 1) * stride + (kernel - 1) * dilation + 1;
}

void plan_input(IntegerPlan& plan, const IntegerConvProblem& p, bool bytes, bool prepared) {
  const std::int64_t channels = p.channels / plan.groups;
  const std::int64_t rows = reach(p.out_height, p.stride_h, p.kernel_h, p.dilation_h);
  const std::int64_t columns = reach(p.out_width, p.stride_w, p.kernel_w, p.dilation_w);
  const bool padded = p.pad_top > 0 || p.pad_left > 0 || rows > p.height || columns > p.width;
  // The taps of a row lie one after the other.
  const bool merged = p.groups == 1 && p.dilation_w == 1;
  const int word = plan.word_elements;
  const std::int64_t inner = merged ? channels * p.kernel_w : channels;
  plan.prepared =
      prepared ||
      (!plan.vector && (padded || !bytes || p.x_signed || plan.x_planar || inner % word != 0));
  plan.group_elements = int(merged || !plan.prepared ? channels : round_up(channels, word));
  plan.prepared_height = int(padded ? rows : p.height);
  plan.prepared_width = int(padded ? columns : p.width);

  const std::int64_t element = bytes ? 1 : 2;
  const std::int64_t pixel = plan.groups * plan.group_elements * element;
  const std::int64_t row = plan.prepared_width * pixel;
  IntegerTileShape& s = plan.shape;
  s.rows = int(p.kernel_h);
  s.row_stride = p.dilation_h * row;
  s.columns = merged ? 1 : int(p.kernel_w);
  s.column_stride = p.dilation_w * pixel;
  s.words = int(divide_up(merged ? inner : plan.group_elements, word));
  s.x_column = p.stride_w * pixel;
  s.x_row = p.stride_h * row;
  if (plan.shared) s.words = int(p.channels / p.groups) / word;
  plan.reduction = s.rows * s.columns * s.words;
  plan.x_image = plan.prepared_height * row;
  plan.x_group = plan.group_elements * element;
  // The last word of a row reads on behind it.
  constexpr std::int64_t margin = 64;
  plan.prepared_bytes =
      plan.prepared ? std::size_t(round_up(p.batch * plan.x_image + margin, 64)) : 0;
}

void plan_output(IntegerPlan& plan, const IntegerConvProblem& p, const OutputGrid& grid) {
  const std::int64_t channels = p.out_channels / plan.groups;
  const int vectors = int(divide_up(channels, plan.lanes));
  plan.panels = (vectors + 1) / 2;
  plan.last_vectors = vectors - 2 * (plan.panels - 1);
  plan.last_lanes = int(channels - std::int64_t(vectors - 1) * plan.lanes);
  plan.lane_count = plan.groups * vectors * plan.lanes;
  plan.out_size = p.output == IntegerConvProblem::Output::i32 ? 4 : 1;
  plan.y_column = grid.step_w * p.out_channels;
  plan.y_row = grid.step_h * grid.width * p.out_channels;
  plan.y_image = grid.height * grid.width * p.out_channels;
  plan.transposed = plan.y_planar && p.out_height * p.out_width > 1;
  const std::size_t elements =
      std::size_t(p.batch * p.out_channels) * std::size_t(p.out_height * p.out_width);
  plan.transposed_bytes = plan.transposed ? elements * std::size_t(plan.out_size) : 0;
}

/// Tiles, and how many of them share a unit: enough to use weights often, few enough that their
/// input stays in the second-level cache.
void plan_tiles(IntegerPlan& plan, const IntegerConvProblem& p, int most, const OutputGrid& grid) {
  const bool flat = is_pointwise(p) && grid.step_h == 1 && grid.step_w == 1;
  plan.out_height = flat ? 1 : int(p.out_height);
  plan.out_width = int(flat ? p.out_height * p.out_width : p.out_width);
  plan.tile_rows = plan.out_width <= most / 2 && plan.out_height > 1 ? 2 : 1;
  plan.column_tiles = int(divide_up(plan.out_width, most));
  plan.tiles = int(divide_up(plan.out_height, plan.tile_rows)) * plan.column_tiles;
  constexpr std::int64_t wanted = 16, enough_units = 16;
  const std::int64_t others = std::max<std::int64_t>(1, p.batch * plan.groups * plan.panels);
  const std::int64_t blocks =
      std::max(divide_up(plan.tiles, wanted),
               std::min(divide_up(enough_units, others), divide_up(plan.tiles, 4)));
  plan.blocks = int(std::max<std::int64_t>(1, blocks));
}

/// Whether groups share vectors: they fill 16 bytes, which is what tiles read at once.
bool shares_vectors(const IntegerConvProblem& p, const IntegerKernels& kernels) {
  const std::int64_t group = p.channels / p.groups;
  return kernels.find_grouped && p.groups > 1 && p.out_channels == p.channels && !p.w_zeros &&
         (group == 4 || group == 8) && p.channels % kernels.lanes == 0;
}

IntegerPlan plan_for(const IntegerConvProblem& p, const IntegerKernels& kernels, bool shared) {
  IntegerPlan plan;
  plan.lanes = kernels.lanes;
  plan.word_elements = kernels.word_elements;
  plan.shared = shared;
  plan.groups = shared ? p.channels / kernels.lanes : p.groups;
  return plan;
}

void set_plan(IntegerPlan& plan, const IntegerConvProblem& p, const IntegerKernels& kernels,
              const OutputGrid& grid, bool prepared) {
  const bool bytes = kernels.word_elements == 4;
  // Differences of bytes are shorts and need no correction.
  plan.window_sums = bytes && p.w_zeros;
  plan_input(plan, p, bytes, prepared);
  plan_output(plan, p, grid);
  plan_tiles(plan, p, kernels.positions, grid);
}

}  // namespace

IntegerPlan plan_integer(const IntegerConvProblem& p, const IntegerKernels& kernels) {
  const OutputGrid grid{p.out_height, p.out_width};
  IntegerPlan plan = plan_for(p, kernels, shares_vectors(p, kernels));
  plan.x_planar = !p.matrix && p.layouts.in[0].is_plain() && p.channels > 1;
  plan.vector = is_vector_product(p, kernels);
  plan.y_planar = !p.matrix && p.layouts.out[0].is_plain() && p.out_channels > 1;
  set_plan(plan, p, kernels, grid, false);
  if (!p.constant_weights) {
    plan.packs = true;
    plan.matrix_bytes =
        std::size_t(round_up(std::int64_t(integer_weight_bytes(plan)) + 4 * plan.lane_count, 64));
    plan.matrices_bytes = std::size_t(p.weight_matrices) * plan.matrix_bytes;
  }
  return plan;
}

IntegerPlan plan_integer_part(const IntegerConvProblem& p, const IntegerKernels& kernels,
                              const OutputGrid& grid) {
  IntegerPlan plan = plan_for(p, kernels, false);
  set_plan(plan, p, kernels, grid, true);
  return plan;
}

bool is_vector_product(const IntegerConvProblem& p, const IntegerKernels& kernels) {
  const bool single = p.out_height == 1 && p.out_width == 1 && p.height == 1 && p.width == 1 &&
                      p.kernel_h == 1 && p.kernel_w == 1 && p.groups == 1;
  return single && kernels.multiply_vector && p.constant_weights && !p.w_zeros &&
         p.channels % kernels.word_elements == 0 && p.channels > 0 && p.pad_top == 0 &&
         p.pad_left == 0 && integer_epilogue(p).rule == IntegerRule::float_even;
}

IntegerPhase integer_phase(const IntegerPlan& plan, int phase) {
  if (plan.prepared && phase-- == 0) return IntegerPhase::prepare;
  if (plan.packs && phase-- == 0) return IntegerPhase::pack;
  return phase == 0 ? IntegerPhase::tiles : IntegerPhase::transpose;
}

IntegerUnit integer_unit(const IntegerPlan& plan, std::int64_t unit) {
  const std::int64_t rest = unit / plan.panels / plan.blocks;
  return {rest / plan.groups, rest % plan.groups, int(unit / plan.panels % plan.blocks),
          int(unit % plan.panels)};
}

std::int64_t panel_lane(const IntegerPlan& plan, const IntegerUnit& unit) {
  return unit.group * (plan.lane_count / plan.groups) + std::int64_t(unit.panel) * 2 * plan.lanes;
}

IntegerTileFunction* find_tile(const IntegerPlan& plan, const IntegerKernels& kernels, int rows,
                               int columns, int vectors) {
  return plan.shared ? kernels.find_grouped(rows, columns)
                     : kernels.find_tile(rows, columns, vectors);
}

const std::int32_t* lane_words(const IntegerConvProblem& p) {
  static constexpr std::int32_t of_fours[16] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3};
  static constexpr std::int32_t of_eights[32] = {0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2,
                                                 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3, 3};
  return p.channels / p.groups == 4 ? of_fours : of_eights;
}

std::int64_t integer_units(const IntegerPlan& plan, const IntegerConvProblem& p, int phase) {
  switch (integer_phase(plan, phase)) {
    case IntegerPhase::prepare:
      return p.batch * plan.prepared_height;
    case IntegerPhase::pack:
      return p.weight_matrices * plan.panels;
    case IntegerPhase::tiles:
      return plan.tiles > 0 ? p.batch * plan.groups * plan.blocks * plan.panels : 0;
    case IntegerPhase::transpose:
      break;
  }
  return p.batch * divide_up(p.out_channels, transpose_channels);
}

IntegerEpilogue integer_epilogue(const IntegerConvProblem& p) {
  if (p.output == IntegerConvProblem::Output::i32) return {};
  if (p.arithmetic == Arithmetic::onnx || p.arithmetic == Arithmetic::tflite_xnnpack) {
    const std::int32_t lowest = p.output == IntegerConvProblem::Output::i8 ? -128 : 0;
    return {IntegerRule::float_even, lowest - p.y_zero, lowest + 255 - p.y_zero, p.y_zero};
  }
  const DType type = p.output == IntegerConvProblem::Output::i8 ? DType::i8 : DType::u8;
  // The rule is that of all channels, whatever their scales.
  const Rescale rescale = rescale_of({.arithmetic = p.arithmetic,
                                      .sum = p.sum,
                                      .type = type,
                                      .wide = false,
                                      .x_scale = 1,
                                      .w_scale = 1,
                                      .y = {1, p.y_zero}});
  const QuantizedRange range = rescale.range;
  return {integer_rule(rescale).rule, range.low - p.y_zero, range.high - p.y_zero, p.y_zero};
}

IntegerRuleOf integer_rule(const Rescale& rescale) {
  switch (rescale.rule) {
    case Rescale::Rule::float_even:
      return {IntegerRule::float_even, std::bit_cast<std::int32_t>(float(rescale.scale)), 0};
    case Rescale::Rule::real_away: {
      const auto bits = std::bit_cast<std::uint64_t>(rescale.scale);
      return {IntegerRule::real_away, std::int32_t(bits), std::int32_t(bits >> 32)};
    }
    case Rescale::Rule::fixed_away:
    case Rescale::Rule::fixed_up: {
      const auto [multiplier, shift] = rescale.fixed;
      const bool away = rescale.rule == Rescale::Rule::fixed_away;
      return {IntegerRule::fixed, multiplier,
              fixed_word(std::max(shift, 0), std::max(-shift, 0), away)};
    }
    case Rescale::Rule::fixed_wide:
      break;
  }
  return {IntegerRule::sums, 0, 0};
}

double integer_seconds(const IntegerPlan& plan, const IntegerConvProblem& p) {
  constexpr double cycles_per_second = 3.5e9, bytes_per_second = 40e9, call_seconds = 1e-7;
  const double in = double(p.batch * p.channels) * double(p.height * p.width);
  const double positions = double(p.batch) * double(p.out_height * p.out_width);
  const double out = positions * double(p.out_channels);
  const double vectors = double(plan.groups) * (2.0 * (plan.panels - 1) + plan.last_vectors);
  if (plan.vector) {
    const double bytes = double(integer_packed_bytes(plan));
    const double calls = double(p.batch) * 20 + double(p.batch * plan.panels) * 12;
    return 0.3 * call_seconds + calls / cycles_per_second + double(p.batch) * bytes / 100e9;
  }
  const double product_cycles = plan.word_elements == 4 ? 0.55 : 1.1;
  const double tiles = double(p.batch * plan.groups) * plan.tiles * plan.panels;
  double cycles = positions * vectors * (plan.reduction * product_cycles + 5) + 60 * tiles;
  if (plan.prepared) cycles += in * (plan.x_planar ? 1 : 0.2);
  if (plan.packs) cycles += 4.0 * double(p.weight_matrices * p.channels * p.out_channels);
  if (plan.transposed) cycles += 2 * out;
  const double bytes =
      in + out * plan.out_size +
      2 * double(plan.prepared_bytes + plan.matrices_bytes + plan.transposed_bytes) +
      double(integer_packed_bytes(plan));
  return call_seconds + cycles / cycles_per_second + bytes / bytes_per_second;
}

}  // namespace strata::kernels
