#pragma once

#include "strata/kernels/pool/runs.hpp"
#include "strata/kernels/vec_reduce.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// Taps of a window along one axis that lie in the input: positions first + i * dilation.
struct Taps {
  std::int64_t first = 0, count = 0;
  std::int64_t padded = 0;  ///< taps in the input or its stated padding
};

inline Taps taps_of(std::int64_t out, std::int64_t kernel, std::int64_t stride,
                    std::int64_t dilation, std::int64_t input, std::int64_t pad_begin,
                    std::int64_t pad_end) {
  const std::int64_t start = out * stride - pad_begin;
  const auto below = [&](std::int64_t limit) {  // taps at positions below limit
    if (limit <= start) return std::int64_t(0);
    const std::int64_t count = (limit - start + dilation - 1) / dilation;
    return count < kernel ? count : kernel;
  };
  const std::int64_t skipped = below(0);
  return {start + skipped * dilation, below(input) - skipped, below(input + pad_end)};
}

/// Reduces V vectors of neighbouring floats over rows x columns of places. Two chains of additions
/// alternate; `lanes` exist in the last vector.
template <class Op, int V>
inline void reduce_places(Vec (&result)[V], const float* x, std::int64_t rows, std::int64_t columns,
                          std::int64_t row_stride, std::int64_t column_stride, int lanes) {
  Vec even[V], odd[V];
  for (int v = 0; v < V; ++v) even[v] = odd[v] = Op::start();
  const auto take = [&](Vec(&sum)[V], const float* at) {
    for (int v = 0; v + 1 < V; ++v) sum[v] = Op::join(sum[v], load(at + v * Vec::size));
    const float* last = at + (V - 1) * Vec::size;
    sum[V - 1] = Op::join(sum[V - 1], lanes == Vec::size ? load(last) : load(last, lanes));
  };
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* at = x + r * row_stride;
    std::int64_t c = 0;
    for (; c + 2 <= columns; c += 2) {
      take(even, at + c * column_stride);
      take(odd, at + (c + 1) * column_stride);
    }
    if (c < columns) take(even, at + c * column_stride);
  }
  for (int v = 0; v < V; ++v) result[v] = Op::join(even[v], odd[v]);
}

/// What the sum of a window is multiplied with.
inline float divisor_of(const PoolProblem& p, const Taps& h, const Taps& w) {
  if (p.function == PoolProblem::Function::max) return 1;
  const std::int64_t count = p.count_include_pad ? h.padded * w.padded : h.count * w.count;
  return count == 0 ? 1.0f : float(count);
}

template <class Op, int V>
inline void pool_channels(const float* x, float* y, const PoolProblem& p, std::int64_t pixel,
                          const Taps& h, const Taps& w, float divisor, int lanes) {
  Vec sum[V];
  const std::int64_t row = p.width * pixel;
  reduce_places<Op, V>(sum, x + h.first * row + w.first * pixel, h.count, w.count,
                       p.dilation_h * row, p.dilation_w * pixel, lanes);
  const Vec d = broadcast(divisor);
  for (int v = 0; v + 1 < V; ++v) store(y + v * Vec::size, sum[v] / d);
  store(y + (V - 1) * Vec::size, sum[V - 1] / d, lanes);
}

/// An output row of `channels` neighbouring channels of pixels that are `pixel` floats apart.
template <class Op>
void pool_row(const float* x, float* y, const PoolProblem& p, std::int64_t pixel,
              std::int64_t channels, std::int64_t out_row) {
  const Taps h =
      taps_of(out_row, p.kernel_h, p.stride_h, p.dilation_h, p.height, p.pad_top, p.pad_bottom);
  for (std::int64_t column = 0; column < p.out_width; ++column) {
    const Taps w =
        taps_of(column, p.kernel_w, p.stride_w, p.dilation_w, p.width, p.pad_left, p.pad_right);
    const float divisor = divisor_of(p, h, w);
    float* out = y + (out_row * p.out_width + column) * pixel;
    std::int64_t c = 0;
    for (; c + 4 * Vec::size <= channels; c += 4 * Vec::size) {
      pool_channels<Op, 4>(x + c, out + c, p, pixel, h, w, divisor, Vec::size);
    }
    for (; c < channels; c += Vec::size) {
      const int lanes = channels - c < Vec::size ? int(channels - c) : Vec::size;
      pool_channels<Op, 1>(x + c, out + c, p, pixel, h, w, divisor, lanes);
    }
  }
}

/// row[padding + x] = reduction over the window's height; the padding holds Op's start.
template <class Op>
inline void reduce_height(const float* plane, float* row, const PoolProblem& p, const Taps& h) {
  const std::int64_t floats = pool_row_floats(p);
  for (std::int64_t i = 0; i < floats; i += Vec::size) store(row + i, Op::start());
  for (std::int64_t x = 0; x < p.width; x += Vec::size) {
    const int rest = p.width - x < Vec::size ? int(p.width - x) : Vec::size;
    Vec total[1];
    reduce_places<Op, 1>(total, plane + h.first * p.width + x, h.count, 1, p.dilation_h * p.width,
                         0, rest);
    store(row + p.pad_left + x, total[0], rest);
  }
}

template <class Op>
void pool_plane_row(const float* plane, float* y, const PoolProblem& p, std::int64_t out_row,
                    float* row) {
  const Taps h =
      taps_of(out_row, p.kernel_h, p.stride_h, p.dilation_h, p.height, p.pad_top, p.pad_bottom);
  if (p.out_width == 1 && p.dilation_h == 1 && p.dilation_w == 1 && p.pad_left == 0 &&
      p.kernel_w >= p.width) {  // whole rows
    const Taps w = taps_of(0, p.kernel_w, 1, 1, p.width, 0, p.pad_right);
    y[out_row] = reduce_run<Op>(plane + h.first * p.width, h.count * p.width) / divisor_of(p, h, w);
    return;
  }
  reduce_height<Op>(plane, row, p, h);
  float* out = y + out_row * p.out_width;
  if (p.stride_w == 1) {
    for (std::int64_t x = 0; x < p.out_width; x += Vec::size) {
      const int rest = p.out_width - x < Vec::size ? int(p.out_width - x) : Vec::size;
      Vec total = Op::start();
      for (std::int64_t k = 0; k < p.kernel_w; ++k) {
        total = Op::join(total, load(row + x + k * p.dilation_w, rest));
      }
      store(out + x, total, rest);
    }
  } else {
    for (std::int64_t x = 0; x < p.out_width; ++x) {
      const float* at = row + x * p.stride_w;
      float total = *at;
      for (std::int64_t k = 1; k < p.kernel_w; ++k) {
        total = Op::join(total, at[k * p.dilation_w]);
      }
      out[x] = total;
    }
  }
  if (p.function == PoolProblem::Function::average) {
    for (std::int64_t x = 0; x < p.out_width; ++x) {
      const Taps w =
          taps_of(x, p.kernel_w, p.stride_w, p.dilation_w, p.width, p.pad_left, p.pad_right);
      out[x] /= divisor_of(p, h, w);
    }
  }
}

template <class Op>
void pool_units_of(const Args& args, const PoolProblem& p, const PoolPlan& plan, std::int64_t begin,
                   std::int64_t end) {
  const float* x = static_cast<const float*>(args.in[0]);
  float* y = static_cast<float*>(args.out[0]);
  const std::int64_t in_image = p.height * p.width * plan.channels;
  const std::int64_t out_image = p.out_height * p.out_width * plan.channels;
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t c = unit % plan.channel_units * plan.channel_unit;
    const std::int64_t out_row = unit / plan.channel_units % p.out_height;
    const std::int64_t image = unit / plan.channel_units / p.out_height;
    const float* from = x + image * in_image + c;
    float* to = y + image * out_image + c;
    if (plan.plain) {
      pool_plane_row<Op>(from, to, p, out_row, reinterpret_cast<float*>(args.worker_scratch));
    } else {
      const std::int64_t rest = plan.channels - c;
      pool_row<Op>(from, to, p, plan.channels, rest < plan.channel_unit ? rest : plan.channel_unit,
                   out_row);
    }
  }
}

}  // namespace

const char* run_pool(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const auto& problem = static_cast<const PoolProblem&>(*args.problem);
  const PoolPlan plan = plan_pool(problem);
  if (problem.function == PoolProblem::Function::max) {
    pool_units_of<Maximum>(args, problem, plan, begin, end);
  } else {
    pool_units_of<Sum>(args, problem, plan, begin, end);
  }
  return nullptr;
}

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
