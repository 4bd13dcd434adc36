#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "strata/ir/op.hpp"

namespace strata::ir {

/// Most spatial axes of convolutions and pools.
constexpr int max_spatial = 3;

/// One spatial axis of a sliding window, all extents known.
struct WindowAxis {
  std::int64_t input = 1;
  std::int64_t output = 1;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  std::int64_t pad_begin = 0;
  std::int64_t pad_end = 0;

  /// Where in the input tap k of window o lies; outside [0, input) it is padding.
  std::int64_t position(std::int64_t o, std::int64_t k) const {
    return o * stride - pad_begin + k * dilation;
  }
  bool inside(std::int64_t position) const { return position >= 0 && position < input; }
  /// The taps of window o that are not padding: [first, end). Kernels may be larger than memory.
  struct Taps {
    std::int64_t first, end;
  };
  Taps taps_inside(std::int64_t o) const {
    const std::int64_t start = position(o, 0);
    const std::int64_t first = start >= 0 ? 0 : (dilation - 1 - start) / dilation;
    const std::int64_t end =
        start >= input ? 0 : std::min(kernel, (input - start + dilation - 1) / dilation);
    return {first, std::max(first, end)};
  }
};

/// Always three axes; missing ones are leading axes of extent 1.
using Window = std::array<WindowAxis, max_spatial>;

/// The window of a node whose attributes infer_window accepted.
Window resolve_window(const Attributes& attributes, const Shape& input, const Shape& output,
                      std::span<const std::int64_t> kernel);

/// Spatial extents of the output of a sliding window over `input` (N, C, spatial...); validates
/// kernel, strides, dilations, pads and auto_pad. `ceil_mode` rounds up, but no window starts in
/// the padding at the end.
std::vector<Dim> infer_window(const InferContext& context, std::span<const std::int64_t> kernel,
                              bool ceil_mode);

/// Complains unless all entries of a list attribute are in [low, 2^31) and there are `count`.
void expect_spatial_list(const Attributes& attributes, std::string_view name, std::size_t count,
                         std::int64_t low);

/// Complains unless operand i is N, C and one to three spatial axes; returns how many.
int expect_image(const InferContext& context, int i, std::string_view what);

/// Entry of a list attribute that infer accepted, or the fallback if it is absent.
inline std::int64_t entry(std::span<const std::int64_t> list, std::size_t i,
                          std::int64_t fallback) {
  return list.empty() ? fallback : list[i];
}

}  // namespace strata::ir
