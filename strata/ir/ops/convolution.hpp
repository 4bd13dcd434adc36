#pragma once

#include <array>

#include "strata/ir/ops/window.hpp"

namespace strata::ir {

/// Shape of a convolution's output: N, filters, spatial extents. X is operand 0, `weights` says
/// which one W is (filters, channels of a group, kernel); validates both and the attributes.
SymbolicShape infer_convolution(const InferContext& context, int weights);
/// Complains unless operand i, called `what`, has one element per filter of W.
void expect_per_filter(const InferContext& context, int i, std::string_view what, int weights);

/// Extents of one convolution.
struct ConvGeometry {
  Window window;
  std::int64_t batch, channels, filters;
  std::int64_t group_channels, group_filters;
  std::int64_t image;        ///< elements of one channel of X
  std::int64_t filter_size;  ///< elements of one filter of W

  ConvGeometry(const EvalArgs& args, std::size_t weights);
};

/// Where one element of the output comes from.
struct ConvOutput {
  std::int64_t index;   ///< in Y
  std::int64_t filter;  ///< which one
  std::int64_t x, w;    ///< where the first channel of its group, and its filter, begin
  std::array<std::int64_t, max_spatial> at;
};

/// Calls f(ConvOutput) for all elements of Y in order.
template <class F>
void for_each_output(const ConvGeometry& g, F f) {
  ConvOutput output{};
  for (std::int64_t n = 0; n < g.batch; ++n) {
    for (output.filter = 0; output.filter < g.filters; ++output.filter) {
      const std::int64_t channel = output.filter / g.group_filters * g.group_channels;
      output.x = (n * g.channels + channel) * g.image;
      output.w = output.filter * g.filter_size;
      auto& [d, h, w] = output.at;
      for (d = 0; d < g.window[0].output; ++d) {
        for (h = 0; h < g.window[1].output; ++h) {
          for (w = 0; w < g.window[2].output; ++w, ++output.index) f(output);
        }
      }
    }
  }
}

/// Calls f(index in X, index in W) for the taps of one output that lie inside X.
template <class F>
void for_each_tap(const ConvGeometry& g, const ConvOutput& output, F f) {
  const auto& [d, h, w] = g.window;
  for (std::int64_t channel = 0; channel < g.group_channels; ++channel) {
    for (std::int64_t kd = 0; kd < d.kernel; ++kd) {
      const std::int64_t id = d.position(output.at[0], kd);
      for (std::int64_t kh = 0; kh < h.kernel; ++kh) {
        const std::int64_t ih = h.position(output.at[1], kh);
        if (!d.inside(id) || !h.inside(ih)) continue;
        const std::int64_t row = output.x + ((channel * d.input + id) * h.input + ih) * w.input;
        const std::int64_t taps = output.w + ((channel * d.kernel + kd) * h.kernel + kh) * w.kernel;
        for (std::int64_t kw = 0; kw < w.kernel; ++kw) {
          const std::int64_t iw = w.position(output.at[2], kw);
          if (w.inside(iw)) f(row + iw, taps + kw);
        }
      }
    }
  }
}

/// Multiply-accumulates of a convolution whose weights are operand `weights`.
std::int64_t conv_macs(const CostArgs& args, std::size_t weights);

}  // namespace strata::ir
