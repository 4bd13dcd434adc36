#include "strata/kernels/conv/im2win.hpp"

#include <algorithm>
#include <cstring>

namespace strata::kernels {
namespace {

/// The copy stays in the second-level cache while all weights pass by.
constexpr std::int64_t copy_bytes = 256 << 10;
constexpr std::int64_t enough_units = 16;

/// One pixel of every column: row `tap` of the windows of an output row. `x` is the input's row, or
/// null outside of it.
void copy_row(const ConvProblem& p, const float* x, std::int64_t width, float* to) {
  const std::int64_t step = p.kernel_h * p.channels;
  const auto size = std::size_t(p.channels) * sizeof(float);
  for (std::int64_t column = 0; column < width; ++column, to += step) {
    const std::int64_t from = column - p.pad_left;
    if (x && from >= 0 && from < p.width) {
      std::memcpy(to, x + from * p.channels, size);
    } else {
      std::memset(to, 0, size);
    }
  }
}

/// Output rows [begin, end) of an image.
void copy_windows(const Im2winPlan& plan, const ConvProblem& p, const float* x, std::int64_t begin,
                  std::int64_t end, float* to) {
  for (std::int64_t row = begin; row < end; ++row, to += plan.whole.x_position_row) {
    for (std::int64_t tap = 0; tap < p.kernel_h; ++tap) {
      const std::int64_t from = row * p.stride_h - p.pad_top + tap * p.dilation_h;
      const bool inside = from >= 0 && from < p.height;
      copy_row(p, inside ? x + from * p.width * p.channels : nullptr, plan.whole.padded_width,
               to + tap * p.channels);
    }
  }
}

}  // namespace

Im2winPlan plan_im2win(const ConvProblem& p, VectorForm vector) {
  Im2winPlan plan;
  plan.whole = plan_direct(p, DirectForm::windows, vector);
  const auto row_bytes = std::int64_t(plan.whole.x_position_row) * std::int64_t(sizeof(float));
  const std::int64_t most =
      std::max<std::int64_t>(1, copy_bytes / std::max<std::int64_t>(row_bytes, 1));
  const std::int64_t batch = std::max<std::int64_t>(1, p.batch);
  const std::int64_t wanted = (enough_units + batch - 1) / batch;
  // Pairs of rows, which narrow planes make tiles of.
  const std::int64_t shared = (p.out_height / wanted + 1) / 2 * 2;
  plan.rows = int(
      std::clamp<std::int64_t>(shared, 1, std::min(most, std::max<std::int64_t>(p.out_height, 1))));
  plan.blocks = int((p.out_height + plan.rows - 1) / plan.rows);
  plan.bytes = std::size_t(plan.rows) * std::size_t(row_bytes);
  return plan;
}

std::int64_t im2win_units(const Im2winPlan& plan, const ConvProblem& p) {
  return plan.whole.tiles > 0 ? p.batch * plan.blocks : 0;
}

void run_im2win(const Im2winPlan& plan, FindTile* find, const Args& args, std::int64_t begin,
                std::int64_t end) noexcept {
  const ConvProblem& p = *static_cast<const ConvProblem*>(args.problem);
  const float* x = static_cast<const float*>(args.in[0]);
  const float* residual = p.epilogue.residual ? static_cast<const float*>(args.in[1]) : nullptr;
  float* y = static_cast<float*>(args.out[0]);
  float* copy = reinterpret_cast<float*>(args.worker_scratch);
  const std::byte* bias = args.packed + direct_weight_bytes(plan.whole, sizeof(float));
  DirectPlan part = plan.whole;
  part.blocks = 1;
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t image = u / plan.blocks;
    const std::int64_t first = u % plan.blocks * plan.rows;
    const std::int64_t last = std::min(p.out_height, first + plan.rows);
    copy_windows(plan, p, x + image * p.height * p.width * p.channels, first, last, copy);
    part.out_height = int(last - first);
    part.tiles = (part.out_height + part.tile_rows - 1) / part.tile_rows * part.column_tiles;
    const std::ptrdiff_t at = image * plan.whole.y_image + first * plan.whole.shape.y_row;
    run_direct_tiles(part, find, sizeof(float),
                     {copy, residual ? residual + at : nullptr, y + at, args.packed,
                      reinterpret_cast<const float*>(bias)},
                     1, 0, part.panels);
  }
}

}  // namespace strata::kernels
