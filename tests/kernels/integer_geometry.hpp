#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace strata::kernels {

/// The output's extents, from everything else of a convolution of codes.
template <class Problem>
void set_output_size(Problem& p) {
  const auto extent = [](std::int64_t in, std::int64_t pads, std::int64_t kernel,
                         std::int64_t dilation, std::int64_t stride) {
    return (in + pads - (kernel - 1) * dilation - 1) / stride + 1;
  };
  p.out_height = extent(p.height, p.pad_top + p.pad_bottom, p.kernel_h, p.dilation_h, p.stride_h);
  p.out_width = extent(p.width, p.pad_left + p.pad_right, p.kernel_w, p.dilation_w, p.stride_w);
}

/// A square window, the same on both axes.
template <class Problem>
Problem geometry_of(std::int64_t batch, std::int64_t channels, std::int64_t height,
                    std::int64_t width, std::int64_t out_channels, std::int64_t kernel,
                    std::int64_t stride = 1, std::int64_t pad = 0, std::int64_t groups = 1,
                    std::int64_t dilation = 1) {
  Problem p;
  p.batch = batch;
  p.channels = channels;
  p.height = height;
  p.width = width;
  p.out_channels = out_channels;
  p.groups = groups;
  p.kernel_h = p.kernel_w = kernel;
  p.stride_h = p.stride_w = stride;
  p.dilation_h = p.dilation_w = dilation;
  p.pad_top = p.pad_left = p.pad_bottom = p.pad_right = pad;
  set_output_size(p);
  return p;
}

/// Codes as kernels store them.
inline std::vector<std::byte> bytes_of(const std::vector<std::int32_t>& codes) {
  std::vector<std::byte> bytes;
  for (const std::int32_t code : codes) bytes.push_back(std::byte(code));
  return bytes;
}

}  // namespace strata::kernels
