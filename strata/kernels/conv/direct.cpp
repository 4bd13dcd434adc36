#include "strata/kernels/conv/direct.hpp"

#include <algorithm>

namespace strata::kernels {

bool is_pointwise(const ConvProblem& p) {
  return p.kernel_h == 1 && p.kernel_w == 1 && p.stride_h == 1 && p.stride_w == 1 &&
         p.out_height == p.height && p.out_width == p.width && p.pad_top == 0 && p.pad_left == 0;
}

namespace {

constexpr std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Input rows and columns, padding included, that the output reads.
void plan_padding(DirectPlan& plan, const ConvProblem& p) {
  const std::int64_t rows = (p.out_height - 1) * p.stride_h + (p.kernel_h - 1) * p.dilation_h + 1;
  const std::int64_t columns = (p.out_width - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1;
  plan.padded = p.pad_top > 0 || p.pad_left > 0 || rows > p.height || columns > p.width;
  plan.padded_height = int(plan.padded ? rows : p.height);
  plan.padded_width = int(plan.padded ? columns : p.width);
}

/// Rows for each output row, padding included, whose pixels have the channels of a window's column.
void plan_windows(DirectPlan& plan, const ConvProblem& p) {
  TileShape& s = plan.shape;
  const std::int64_t pixel = p.kernel_h * p.channels;
  plan.padded_height = int(p.out_height);
  plan.padded_width = int((p.out_width - 1) * p.stride_w + (p.kernel_w - 1) * p.dilation_w + 1);
  plan.x_position_column = p.stride_w * pixel;
  plan.x_position_row = plan.padded_width * pixel;
  const bool together = p.dilation_w == 1;  // the columns of a window lie one after the other
  s.count[2] = together ? 1 : int(p.kernel_w);
  s.stride[2] = p.dilation_w * pixel;
  s.inner = s.last_inner = int(together ? p.kernel_w * pixel : pixel);
}

/// Strides of x and the order of the reduction.
void plan_input(DirectPlan& plan, const ConvProblem& p, DirectForm form) {
  TileShape& s = plan.shape;
  const std::int64_t channels = p.channels / p.groups;
  const int block = form == DirectForm::blocked ? plan.vector.block : 1;
  const std::int64_t pixel = form == DirectForm::channels_last ? p.channels : block;
  const std::int64_t row = plan.padded_width * pixel;
  const bool of_larger = p.in_plane_rows > 0 && !plan.padded;
  const std::int64_t plane = (of_larger ? p.in_plane_rows : plan.padded_height) * row;
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
void plan_output(DirectPlan& plan, const ConvProblem& p, DirectForm form, const OutputGrid& grid) {
  TileShape& s = plan.shape;
  const std::int64_t channels = p.out_channels / p.groups;
  const int lanes = plan.vector.lanes;
  const int block = plan.vector.block;
  const int vectors = int(divide_up(channels, lanes));
  plan.panel_lanes = 2 * lanes;
  plan.panels = (vectors + 1) / 2;
  plan.last_vectors = vectors - 2 * (plan.panels - 1);
  plan.last_channels = int(channels - std::int64_t(vectors - 1) * lanes);
  plan.bias_count = p.groups * vectors * lanes;
  const std::int64_t pixels = grid.height * grid.width;
  const bool channels_last = form == DirectForm::channels_last || form == DirectForm::windows;
  const std::int64_t pixel = channels_last ? p.out_channels : block;
  s.y_column = grid.step_w * pixel;
  s.y_row = grid.step_h * grid.width * pixel;
  if (channels_last) {
    s.y_vector = lanes;
    plan.y_panel = 2 * lanes;
    plan.y_group = channels;
    plan.y_image = pixels * p.out_channels;
    plan.last_lanes = plan.last_channels;
  } else {
    s.y_vector = block > lanes ? lanes : pixels * block;
    plan.y_panel = 2 * lanes / block * pixels * block;
    plan.y_group = channels / block * pixels * block;
    plan.y_image = divide_up(p.out_channels, block) * pixels * block;
    plan.last_lanes = lanes;
  }
}

/// Tiles, and how many of them share a unit: enough to use weights often, few enough that their
/// input stays in the second-level cache.
void plan_tiles(DirectPlan& plan, const ConvProblem& p, const OutputGrid& grid) {
  const bool flat = is_pointwise(p) && !plan.padded && grid.step_h == 1 && grid.step_w == 1;
  plan.out_height = flat ? 1 : int(p.out_height);
  plan.out_width = int(flat ? p.out_height * p.out_width : p.out_width);
  const int most = plan.vector.positions;
  plan.tile_rows = plan.out_width <= most / 2 && plan.out_height > 1 ? 2 : 1;
  plan.column_tiles = int(divide_up(plan.out_width, most));
  plan.tiles = int(divide_up(plan.out_height, plan.tile_rows)) * plan.column_tiles;
  const bool window = p.kernel_h > 1;
  const int wanted = window ? std::max(16, 8 / plan.tile_rows * plan.column_tiles) : 16;
  const std::int64_t enough_units = is_part(p) ? 1 : 16;  // a part is one worker's
  const std::int64_t others = std::max<std::int64_t>(1, p.batch * p.groups * plan.panels);
  const std::int64_t blocks =
      std::max(divide_up(plan.tiles, wanted),
               std::min(divide_up(enough_units, others), divide_up(plan.tiles, 4)));
  plan.blocks = int(std::max<std::int64_t>(1, blocks));
  plan.shape.x_column = plan.x_position_column;
  plan.shape.x_row = plan.x_position_row;
}

}  // namespace

DirectPlan plan_direct(const ConvProblem& p, DirectForm form, VectorForm vector) {
  const std::int64_t rows = p.out_plane_rows > 0 ? p.out_plane_rows : p.out_height;
  return plan_direct(p, form, vector, {rows, p.out_width});
}

DirectPlan plan_direct(const ConvProblem& p, DirectForm form, VectorForm vector,
                       const OutputGrid& grid) {
  DirectPlan plan;
  plan.vector = vector;
  plan.reduction = int(p.channels / p.groups * p.kernel_h * p.kernel_w);
  plan.shape.epilogue = p.epilogue;
  if (form == DirectForm::windows) {
    plan_windows(plan, p);
  } else {
    plan_padding(plan, p);
    plan_input(plan, p, form);
  }
  plan_output(plan, p, form, grid);
  plan_tiles(plan, p, grid);
  return plan;
}

std::size_t direct_scratch_bytes(const DirectPlan& plan) {
  if (!plan.padded) return 0;
  return std::size_t(plan.copies) * std::size_t(plan.padded_height) *
         std::size_t(plan.padded_width) * std::size_t(plan.copy_unit) * sizeof(float);
}

std::size_t direct_weight_bytes(const DirectPlan& plan, std::size_t element) {
  const std::size_t bytes = std::size_t(plan.bias_count) * std::size_t(plan.reduction) * element;
  return (bytes + 63) / 64 * 64;
}

std::int64_t direct_units(const DirectPlan& plan, const ConvProblem& p, int phase) {
  if (plan.padded && phase == 0) return std::int64_t(plan.copies) * plan.padded_height;
  return plan.tiles > 0 ? p.batch * p.groups * plan.blocks * plan.panels : 0;
}

}  // namespace strata::kernels
