#include <algorithm>

#include "strata/kernels/integer/plan.hpp"
#include "strata/kernels/movement/copy_2d.hpp"

namespace strata::kernels {

void prepare_integer(const IntegerPlan& plan, const IntegerKernels& kernels,
                     const IntegerConvProblem& p, const std::uint8_t* x, std::uint8_t* to,
                     std::int64_t begin, std::int64_t end) {
  IntegerPrepare row;
  row.channels = int(p.channels);
  row.groups = int(plan.groups);
  row.group_elements = plan.group_elements;
  row.left = int(std::min<std::int64_t>(p.pad_left, plan.prepared_width));
  row.pixels = int(std::min<std::int64_t>(plan.prepared_width - row.left, p.width));
  row.width = plan.prepared_width;
  row.zero = p.x_zero;
  row.is_signed = p.x_signed;
  const std::int64_t plane = p.height * p.width;
  row.x_pixel = plan.x_planar ? 1 : p.channels;
  row.x_channel = plan.x_planar ? plane : 1;
  const std::ptrdiff_t row_bytes = plan.x_image / plan.prepared_height;
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t image = u / plan.prepared_height;
    const std::int64_t y = u % plan.prepared_height - p.pad_top;
    const bool exists = y >= 0 && y < p.height;
    row.x = exists ? x + image * p.channels * plane + y * p.width * row.x_pixel : nullptr;
    row.to = to + u * row_bytes;
    kernels.prepare(row);
  }
}

namespace {

/// All tiles of one block, for one panel of output channels.
void run_unit(const IntegerPlan& plan, const IntegerKernels& kernels, const IntegerConvProblem& p,
              const IntegerOperands& o, const IntegerUnit& unit) {
  constexpr int most_sums = 14 * 2 * 16;
  alignas(64) std::int32_t sums[most_sums];
  std::int32_t window_sums[14];
  const bool last = unit.panel + 1 == plan.panels;
  const std::int64_t channel = std::int64_t(unit.panel) * 2 * plan.lanes;
  const std::int64_t lane = panel_lane(plan, unit);
  IntegerFinish finish;
  finish.epilogue = integer_epilogue(p);
  finish.sums = sums;
  finish.window_sums = plan.window_sums ? window_sums : nullptr;
  const std::size_t matrix = std::size_t(unit.image) * o.matrix;
  finish.bias = reinterpret_cast<const std::int32_t*>(o.bias + matrix) + lane;
  const std::int32_t* words = o.words + lane;
  finish.words = {words, words + plan.lane_count};
  finish.w_zero = words + 2 * plan.lane_count;
  finish.y_column = plan.y_column;
  finish.y_row = plan.y_row;
  finish.vectors = last ? plan.last_vectors : 2;
  finish.last_lanes = last ? plan.last_lanes : plan.lanes;

  IntegerTile tile;
  tile.w = reinterpret_cast<const std::uint8_t*>(o.weights + matrix) + lane * plan.reduction * 4;
  tile.sums = sums;
  tile.window_sums = plan.window_sums ? window_sums : nullptr;
  tile.lane_words = lane_words(p);
  const std::uint8_t* x = o.x + unit.image * plan.x_image + unit.group * plan.x_group;
  const std::int64_t y =
      unit.image * plan.y_image + unit.group * (p.out_channels / plan.groups) + channel;
  const bool fused = kernels.find_fused && !plan.shared && !plan.window_sums &&
                     finish.epilogue.rule == IntegerRule::float_even;
  for_each_tile(plan, unit.block, [&](int row, int column, int rows, int columns) {
    tile.x = x + row * plan.shape.x_row + column * plan.shape.x_column;
    if (fused) {
      finish.y = o.y + y + row * finish.y_row + column * finish.y_column;
      kernels.find_fused(rows, columns, finish.vectors)(plan.shape, tile, finish);
      return;
    }
    find_tile(plan, kernels, rows, columns, finish.vectors)(plan.shape, tile);
    finish.columns = columns;
    finish.positions = rows * columns;
    finish.y = o.y + (y + row * finish.y_row + column * finish.y_column) * plan.out_size;
    kernels.finish(finish);
  });
}

}  // namespace

void run_integer_tiles(const IntegerPlan& plan, const IntegerKernels& kernels,
                       const IntegerConvProblem& p, const IntegerOperands& operands,
                       std::int64_t begin, std::int64_t end) {
  for (std::int64_t u = begin; u < end; ++u) {
    run_unit(plan, kernels, p, operands, integer_unit(plan, u));
  }
}

void run_vector_product(const IntegerConvProblem& p, const IntegerKernels& kernels,
                        const Args& args, std::int64_t begin, std::int64_t end) {
  const std::int64_t lanes = 2 * kernels.lanes, panels = (p.out_channels + lanes - 1) / lanes;
  const std::int64_t all = (p.out_channels + kernels.lanes - 1) / kernels.lanes * kernels.lanes;
  const std::int64_t channels = p.channels;
  const auto* weights = reinterpret_cast<const std::uint8_t*>(args.packed);
  const auto* bias = reinterpret_cast<const std::int32_t*>(args.packed + all * channels);
  IntegerVectorProduct t;
  t.flip = p.x_signed ? std::int32_t(0x80808080) : 0;
  t.words = int(channels / kernels.word_elements);
  t.epilogue = integer_epilogue(p);
  while (begin < end) {
    const std::int64_t image = begin / panels, first = begin % panels * lanes;
    const std::int64_t last = std::min(panels, begin % panels + end - begin);
    t.x = static_cast<const std::uint8_t*>(args.in[0]) + image * channels;
    t.w = weights + first * channels;
    t.bias = bias + first;
    t.scale = reinterpret_cast<const float*>(t.bias + all);
    t.y = static_cast<std::uint8_t*>(args.out[0]) + image * p.out_channels + first;
    t.lanes = std::min(last * lanes, p.out_channels) - first;
    kernels.multiply_vector(t);
    begin = (image + 1) * panels;
  }
}

void transpose_integer(const IntegerPlan& plan, const IntegerConvProblem& p, const std::byte* from,
                       std::byte* to, std::int64_t begin, std::int64_t end) {
  const std::int64_t plane = p.out_height * p.out_width;
  const std::int64_t units = (p.out_channels + transpose_channels - 1) / transpose_channels;
  const auto size = std::size_t(plan.out_size);
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t image = u / units * p.out_channels * plane;
    const std::int64_t channel = u % units * transpose_channels;
    const Copy2d copy{.rows = std::min(transpose_channels, p.out_channels - channel),
                      .columns = plane,
                      .in_row = 1,
                      .in_column = p.out_channels,
                      .out_row = plane,
                      .out_column = 1};
    copy_2d(copy, size, from + (image + channel) * plan.out_size,
            to + (image + channel * plane) * plan.out_size);
  }
}

void run_integer(const IntegerPlan& plan, const IntegerKernels& kernels, const Args& args,
                 int phase, std::int64_t begin, std::int64_t end) noexcept {
  const auto& p = static_cast<const IntegerConvProblem&>(*args.problem);
  const auto* x = static_cast<const std::uint8_t*>(args.in[0]);
  auto* scratch = reinterpret_cast<std::uint8_t*>(args.scratch);
  std::byte* matrices = args.scratch + plan.prepared_bytes;
  std::byte* unordered = matrices + plan.matrices_bytes;
  switch (integer_phase(plan, phase)) {
    case IntegerPhase::prepare:
      return prepare_integer(plan, kernels, p, x, scratch, begin, end);
    case IntegerPhase::pack:
      return pack_integer_panels(plan, p, static_cast<const std::uint8_t*>(args.in[1]), args.packed,
                                 matrices, begin, end);
    case IntegerPhase::transpose:
      return transpose_integer(plan, p, unordered, static_cast<std::byte*>(args.out[0]), begin,
                               end);
    case IntegerPhase::tiles:
      break;
  }
  const std::size_t weight_bytes = integer_weight_bytes(plan);
  const std::byte* weights = plan.packs ? matrices : args.packed;
  const std::byte* lanes = plan.packs ? args.packed : args.packed + weight_bytes;
  void* y = plan.transposed ? unordered : args.out[0];
  const IntegerOperands operands{
      .x = plan.prepared ? scratch : x,
      .y = static_cast<std::uint8_t*>(y),
      .weights = weights,
      .bias = weights + weight_bytes,
      .matrix = p.weight_matrices > 1 ? plan.matrix_bytes : 0,
      .words = reinterpret_cast<const std::int32_t*>(lanes) + plan.lane_count};
  run_integer_tiles(plan, kernels, p, operands, begin, end);
}

}  // namespace strata::kernels
