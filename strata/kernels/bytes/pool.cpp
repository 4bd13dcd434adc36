#include "strata/kernels/bytes/pool.hpp"

#include <algorithm>
#include <cstring>

#include "strata/kernels/cost.hpp"

namespace strata::kernels {
namespace {

const BytePoolProblem& pool(const Problem& problem) {
  return static_cast<const BytePoolProblem&>(problem);
}

bool is_average(const BytePoolProblem& p) { return p.function == PoolProblem::Function::average; }

/// Places [first, last) of an axis of the output whose tap reads what exists.
struct Reach {
  std::int64_t first, last;
};
Reach reach_of(std::int64_t tap_offset, std::int64_t stride, std::int64_t extent,
               std::int64_t out) {
  const std::int64_t first = tap_offset >= 0 ? 0 : (-tap_offset + stride - 1) / stride;
  const std::int64_t past = extent - tap_offset;
  const std::int64_t last = past <= 0 ? 0 : (past + stride - 1) / stride;
  return {std::min(first, out), std::clamp(last, std::min(first, out), out)};
}

/// Taps of a window at this place of the output that read what exists.
std::int64_t taps_at(std::int64_t place, std::int64_t stride, std::int64_t pad, std::int64_t kernel,
                     std::int64_t dilation, std::int64_t extent) {
  std::int64_t taps = 0;
  for (std::int64_t tap = 0; tap < kernel; ++tap) {
    const std::int64_t at = place * stride - pad + tap * dilation;
    taps += at >= 0 && at < extent;
  }
  return taps;
}

/// Calls f(from, to, run) for inputs, `from` elements on, that go into neighbouring places of an
/// output row, `to` elements on.
template <class F>
void for_each_run(const BytePoolProblem& p, std::int64_t image, std::int64_t row, F&& f) {
  const std::int64_t pixel = p.layouts.in[0].is_plain() ? 1 : p.channels;
  for (std::int64_t i = 0; i < p.kernel_h; ++i) {
    const std::int64_t in_row = row * p.stride_h - p.pad_top + i * p.dilation_h;
    if (in_row < 0 || in_row >= p.height) continue;
    const std::int64_t from = (image * p.height + in_row) * p.width;
    for (std::int64_t j = 0; j < p.kernel_w; ++j) {
      const std::int64_t offset = j * p.dilation_w - p.pad_left;
      const Reach reach = reach_of(offset, p.stride_w, p.width, p.out_width);
      PixelRun run{reach.last - reach.first, pixel, p.stride_w * pixel, pixel, p.is_signed};
      if (p.stride_w == 1 && pixel > 1) {
        run.count *= run.pixels;
        run.pixels = 1;
      }
      f((from + reach.first * p.stride_w + offset) * pixel, reach.first * pixel, run);
    }
  }
}

void average_row(const ByteKernels& kernels, const BytePoolProblem& p, const std::uint8_t* x,
                 std::uint8_t* y, std::int32_t* sums, std::int64_t image, std::int64_t row) {
  const std::int64_t pixel = p.layouts.in[0].is_plain() ? 1 : p.channels;
  std::fill_n(sums, p.out_width * pixel, 0);
  for_each_run(p, image, row, [&](std::int64_t from, std::int64_t to, const PixelRun& run) {
    kernels.sum(x + from, sums + to, run);
  });
  const std::int64_t rows = taps_at(row, p.stride_h, p.pad_top, p.kernel_h, p.dilation_h, p.height);
  for (std::int64_t o = 0; o < p.out_width; ++o) {
    const std::int64_t count =
        rows * taps_at(o, p.stride_w, p.pad_left, p.kernel_w, p.dilation_w, p.width);
    for (std::int64_t c = 0; c < pixel; ++c) {
      y[o * pixel + c] = std::uint8_t(p.average(sums[o * pixel + c], count));
    }
  }
}

/// Rows of the window at this row of the output that exist.
struct TapRows {
  std::int64_t first, count;  ///< the first one's place in the input
};
TapRows tap_rows(const BytePoolProblem& p, std::int64_t row) {
  TapRows taps{0, 0};
  for (std::int64_t i = p.kernel_h; i-- > 0;) {
    const std::int64_t at = row * p.stride_h - p.pad_top + i * p.dilation_h;
    if (at >= 0 && at < p.height) taps = {at, taps.count + 1};
  }
  return taps;
}

void maximum_row(const ByteKernels& kernels, const BytePoolProblem& p, const std::uint8_t* x,
                 std::uint8_t* y, std::int64_t image, std::int64_t row) {
  const TapRows taps = tap_rows(p, row);
  const std::int64_t row_bytes = p.width * p.channels;
  kernels.maximum_row({.x = x + (image * p.height + taps.first) * row_bytes,
                       .row = p.dilation_h * row_bytes,
                       .rows = taps.count,
                       .width = p.width,
                       .channels = p.channels,
                       .kernel = p.kernel_w,
                       .stride = p.stride_w,
                       .dilation = p.dilation_w,
                       .pad = p.pad_left,
                       .out_width = p.out_width,
                       .is_signed = p.is_signed},
                      y);
}

}  // namespace

void byte_pool_layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
  const bool flat = pool(problem).flat_output;
  options.push_back({{channels_last_layout}, {flat ? plain_layout : channels_last_layout}});
  options.push_back({{plain_layout}, {plain_layout}});
}

CostEstimate byte_pool_cost(const Problem& problem, const Machine& machine, Isa isa) {
  const BytePoolProblem& p = pool(problem);
  const double planes = double(p.batch * p.channels);
  const double out = planes * double(p.out_height * p.out_width);
  const double taps = out * double(p.kernel_h) * double(p.kernel_w);
  const bool vectors = !p.layouts.in[0].is_plain();
  const double codes = is_average(p) ? 100 * out : 0;
  return estimate(vectors ? isa : Isa::baseline, taps * (vectors ? 2 : 20) + codes,
                  planes * double(p.height * p.width) + out, machine);
}

std::size_t byte_pool_worker_bytes(const Problem& problem) {
  const BytePoolProblem& p = pool(problem);
  const std::int64_t pixel = p.layouts.in[0].is_plain() ? 1 : p.channels;
  return is_average(p) ? std::size_t(p.out_width * pixel) * sizeof(std::int32_t) : 0;
}

/// A unit is a row of the output, of all channels or of one.
std::int64_t byte_pool_units(const Problem& problem, int) {
  const BytePoolProblem& p = pool(problem);
  return p.batch * p.out_height * (p.layouts.in[0].is_plain() ? p.channels : 1);
}

void run_byte_pool(const ByteKernels& kernels, const Args& args, std::int64_t begin,
                   std::int64_t end) noexcept {
  const BytePoolProblem& p = pool(*args.problem);
  const std::int64_t row_bytes = p.out_width * (p.layouts.in[0].is_plain() ? 1 : p.channels);
  const auto* x = static_cast<const std::uint8_t*>(args.in[0]);
  auto* y = static_cast<std::uint8_t*>(args.out[0]);
  auto* sums = reinterpret_cast<std::int32_t*>(args.worker_scratch);
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t image = u / p.out_height, row = u % p.out_height;
    std::uint8_t* to = y + u * row_bytes;
    if (is_average(p)) {
      average_row(kernels, p, x, to, sums, image, row);
      continue;
    }
    if (!p.layouts.in[0].is_plain() && p.channels > 1) {
      maximum_row(kernels, p, x, to, image, row);
      continue;
    }
    std::memset(to, p.is_signed ? 0x80 : 0, std::size_t(row_bytes));
    for_each_run(p, image, row, [&](std::int64_t from, std::int64_t at, const PixelRun& run) {
      kernels.maximum(x + from, to + at, run);
    });
  }
}

}  // namespace strata::kernels
