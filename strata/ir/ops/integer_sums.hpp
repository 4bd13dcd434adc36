#pragma once

#include <algorithm>
#include <array>

#include "strata/ir/ops/convolution.hpp"

namespace strata::ir {

/// Outputs of a row whose sums are kept on the stack.
constexpr std::int64_t sums_at_once = 256;

/// Outputs [first, last) of a window axis, within [begin, end), whose tap k lies inside the input.
struct TapRange {
  std::int64_t first, last;
  TapRange(const WindowAxis& axis, std::int64_t k, std::int64_t begin, std::int64_t end) {
    const std::int64_t offset = k * axis.dilation - axis.pad_begin;
    const auto outputs_below = [&](std::int64_t position) {  // outputs o with o * stride < position
      return position <= 0 ? 0 : (position + axis.stride - 1) / axis.stride;
    };
    first = std::max(begin, outputs_below(-offset));
    last = std::min(end, outputs_below(axis.input - offset));
  }
};

/// A window of one tap that moves by one: its spatial axes are one row.
inline void merge_pointwise(Window& window) {
  for (const WindowAxis& a : window) {
    if (a.kernel != 1 || a.stride != 1 || a.pad_begin != 0 || a.input != a.output) return;
  }
  for (int i = 0; i + 1 < max_spatial; ++i) {
    WindowAxis& axis = window[std::size_t(i)];
    window.back().input *= axis.input;
    window.back().output *= axis.output;
    axis.input = axis.output = 1;
  }
}

/// Sums of (x - x_zero) * (w - w_zero) modulo the unsigned type Sum, by rows of outputs:
/// calls row(filter, offset in Y, sums, count). Padding stands for the zero point and adds nothing.
template <class Sum, class X, class W, class ZeroOf, class Row>
void convolve_rows(ConvGeometry g, const X* x, std::int32_t x_zero, const W* w, ZeroOf w_zero_of,
                   Row row) {
  merge_pointwise(g.window);
  const auto &d = g.window[0], &h = g.window[1], &c = g.window[2];
  std::array<Sum, sums_at_once> sums;
  std::int64_t index = 0;
  const auto add_taps = [&](const ConvOutput& o, std::int32_t w_zero, std::int64_t begin,
                            std::int64_t count) {
    for (std::int64_t channel = 0; channel < g.group_channels; ++channel) {
      for (std::int64_t kd = 0; kd < d.kernel; ++kd) {
        const std::int64_t id = d.position(o.at[0], kd);
        for (std::int64_t kh = 0; kh < h.kernel && d.inside(id); ++kh) {
          const std::int64_t ih = h.position(o.at[1], kh);
          if (!h.inside(ih)) continue;
          const X* line = x + o.x + ((channel * d.input + id) * h.input + ih) * c.input;
          const W* taps = w + o.w + ((channel * d.kernel + kd) * h.kernel + kh) * c.kernel;
          for (std::int64_t kw = 0; kw < c.kernel; ++kw) {
            const auto weight = Sum(std::int32_t(taps[kw]) - w_zero);
            const TapRange range(c, kw, begin, begin + count);
            for (std::int64_t i = range.first; i < range.last; ++i) {
              const auto value = Sum(std::int32_t(line[c.position(i, kw)]) - x_zero);
              sums[std::size_t(i - begin)] += value * weight;
            }
          }
        }
      }
    }
  };
  ConvOutput o{};
  for (std::int64_t n = 0; n < g.batch; ++n) {
    for (o.filter = 0; o.filter < g.filters; ++o.filter) {
      o.x = (n * g.channels + o.filter / g.group_filters * g.group_channels) * g.image;
      o.w = o.filter * g.filter_size;
      for (o.at[0] = 0; o.at[0] < d.output; ++o.at[0]) {
        for (o.at[1] = 0; o.at[1] < h.output; ++o.at[1]) {
          for (std::int64_t at = 0; at < c.output; at += sums_at_once) {
            const std::int64_t count = std::min(sums_at_once, c.output - at);
            std::fill_n(sums.begin(), count, Sum(0));
            add_taps(o, w_zero_of(o.filter), at, count);
            row(o.filter, index, sums.data(), count);
            index += count;
          }
        }
      }
    }
  }
}

}  // namespace strata::ir
