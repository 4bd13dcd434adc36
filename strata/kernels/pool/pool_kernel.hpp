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

/// Taps at positions start + i * dilation below `limit`.
inline std::int64_t taps_below(std::int64_t limit, std::int64_t start, std::int64_t kernel,
                               std::int64_t dilation) {
  if (limit <= start) return 0;
  const std::int64_t extent = limit - start;
  // Divisions would take longer than a small window.
  const std::int64_t count = dilation == 1 ? extent : (extent + dilation - 1) / dilation;
  return count < kernel ? count : kernel;
}

inline Taps taps_of(std::int64_t out, std::int64_t kernel, std::int64_t stride,
                    std::int64_t dilation, std::int64_t input, std::int64_t pad_begin,
                    std::int64_t pad_end) {
  const std::int64_t start = out * stride - pad_begin;
  const std::int64_t skipped = taps_below(0, start, kernel, dilation);
  return {start + skipped * dilation, taps_below(input, start, kernel, dilation) - skipped,
          taps_below(input + pad_end, start, kernel, dilation)};
}

/// Output columns whose windows lie inside the input's width: [begin, end).
struct Interior {
  std::int64_t begin, end;
};

inline Interior interior_of(const PoolProblem& p) {
  const std::int64_t reach = (p.kernel_w - 1) * p.dilation_w + 1;
  const std::int64_t room = p.width + p.pad_left - reach;
  const std::int64_t begin = (p.pad_left + p.stride_w - 1) / p.stride_w;
  const std::int64_t end = room < 0 ? 0 : room / p.stride_w + 1;
  const std::int64_t last = end < p.out_width ? end : p.out_width;
  return {begin, last > begin ? last : begin};
}

/// The places of a window: rows x columns, so many floats apart.
struct Places {
  std::int64_t rows, columns, row_stride, column_stride;
};

/// Reduces V vectors that are `spacing` floats apart, at all places. Two chains of additions
/// alternate. `lanes` exist in each vector.
template <class Op, int V>
inline void reduce_places(Vec (&result)[V], const float* x, const Places& places,
                          std::int64_t spacing, int lanes) {
  Vec even[V], odd[V];
  for (int v = 0; v < V; ++v) even[v] = odd[v] = Op::start();
  const auto take = [&](Vec(&total)[V], const float* at) {
    for (int v = 0; v < V; ++v) {
      const float* from = at + v * spacing;
      total[v] = Op::join(total[v], lanes == Vec::size ? load(from) : load(from, lanes));
    }
  };
  for (std::int64_t r = 0; r < places.rows; ++r) {
    const float* at = x + r * places.row_stride;
    std::int64_t c = 0;
    for (; c + 2 <= places.columns; c += 2) {
      take(even, at + c * places.column_stride);
      take(odd, at + (c + 1) * places.column_stride);
    }
    if (c < places.columns) take(even, at + c * places.column_stride);
  }
  for (int v = 0; v < V; ++v) result[v] = Op::join(even[v], odd[v]);
}

/// What the sum of a window is divided by.
inline float divisor_of(const PoolProblem& p, const Taps& h, const Taps& w) {
  const std::int64_t count = p.count_include_pad ? h.padded * w.padded : h.count * w.count;
  return count == 0 ? 1.0f : float(count);
}

/// V neighbouring vectors of channels of one output, or one vector of V neighbouring outputs.
template <class Op, int V>
inline void pool_window(const float* x, float* y, const Places& places, std::int64_t x_spacing,
                        std::int64_t y_spacing, float divisor, int lanes) {
  Vec total[V];
  reduce_places<Op, V>(total, x, places, x_spacing, lanes);
  for (int v = 0; v < V; ++v) {
    if constexpr (Op::averages) total[v] = total[v] / broadcast(divisor);
    store(y + v * y_spacing, total[v], lanes);
  }
}

/// An output row of `channels` neighbouring channels of pixels that are `pixel` floats apart.
template <class Op>
void pool_row(const float* x, float* y, const PoolProblem& p, std::int64_t pixel,
              std::int64_t channels, std::int64_t out_row) {
  const Taps h =
      taps_of(out_row, p.kernel_h, p.stride_h, p.dilation_h, p.height, p.pad_top, p.pad_bottom);
  const Interior interior = interior_of(p);
  const std::int64_t row = p.width * pixel;
  for (std::int64_t column = 0; column < p.out_width;) {
    const bool four = column >= interior.begin && column + 4 <= interior.end;
    const Taps w =
        taps_of(column, p.kernel_w, p.stride_w, p.dilation_w, p.width, p.pad_left, p.pad_right);
    const float divisor = divisor_of(p, h, w);
    const Places places{h.count, w.count, p.dilation_h * row, p.dilation_w * pixel};
    const float* in = x + h.first * row + w.first * pixel;
    float* out = y + (out_row * p.out_width + column) * pixel;
    const int outputs = four ? 4 : 1;
    std::int64_t c = 0;
    for (; c + 4 * Vec::size <= channels; c += 4 * Vec::size) {
      for (int i = 0; i < outputs; ++i) {
        pool_window<Op, 4>(in + i * p.stride_w * pixel + c, out + i * pixel + c, places, Vec::size,
                           Vec::size, divisor, Vec::size);
      }
    }
    for (; c < channels; c += Vec::size) {
      const int lanes = channels - c < Vec::size ? int(channels - c) : Vec::size;
      if (four) {
        pool_window<Op, 4>(in + c, out + c, places, p.stride_w * pixel, pixel, divisor, lanes);
      } else {
        pool_window<Op, 1>(in + c, out + c, places, 0, 0, divisor, lanes);
      }
    }
    column += outputs;
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
    reduce_places<Op, 1>(total, plane + h.first * p.width + x,
                         {h.count, 1, p.dilation_h * p.width, 0}, 0, rest);
    store(row + p.pad_left + x, total[0], rest);
  }
}

/// out[x] = reduction of a row that starts with its padding, for strides that the compiler knows
/// (or 0: that it does not).
template <class Op, int Stride>
inline void reduce_width(const float* row, float* out, const PoolProblem& p) {
  const std::int64_t stride = Stride == 0 ? p.stride_w : Stride;
  for (std::int64_t x = 0; x < p.out_width; ++x) out[x] = row[x * stride];
  for (std::int64_t k = 1; k < p.kernel_w; ++k) {
    const float* at = row + k * p.dilation_w;
    for (std::int64_t x = 0; x < p.out_width; ++x) out[x] = Op::join(out[x], at[x * stride]);
  }
}

/// Divides the sums of an output row: all of the interior by the same number.
inline void divide_row(float* out, const PoolProblem& p, const Taps& h) {
  const Interior interior = interior_of(p);
  const auto divisor = [&](std::int64_t x) {
    return divisor_of(
        p, h, taps_of(x, p.kernel_w, p.stride_w, p.dilation_w, p.width, p.pad_left, p.pad_right));
  };
  for (std::int64_t x = 0; x < p.out_width; ++x) {
    if (x == interior.begin && interior.end > interior.begin) {
      const float inside = divisor(x);
      for (; x < interior.end; ++x) out[x] /= inside;
      if (x == p.out_width) break;
    }
    out[x] /= divisor(x);
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
    const float total = reduce_run<Op>(plane + h.first * p.width, h.count * p.width);
    y[out_row] = Op::averages ? total / divisor_of(p, h, w) : total;
    return;
  }
  reduce_height<Op>(plane, row, p, h);
  float* out = y + out_row * p.out_width;
  if (p.stride_w == 1) {
    reduce_width<Op, 1>(row, out, p);
  } else if (p.stride_w == 2) {
    reduce_width<Op, 2>(row, out, p);
  } else {
    reduce_width<Op, 0>(row, out, p);
  }
  if constexpr (Op::averages) divide_row(out, p, h);
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
