#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "strata/formats/tflite/node_writer.hpp"

namespace strata::formats::tflite {

/// A window over the two spatial axes as a node of the graph says it.
struct SpatialWindow {
  std::array<std::int64_t, 2> kernel{}, stride = {1, 1}, dilation = {1, 1}, before{}, after{};

  /// From strides, dilations, pads and auto_pad. Throws unsupported unless x has four axes.
  /// `x`, `y`: extents in the graph's order.
  SpatialWindow(const ir::Attributes& attributes, std::array<std::int64_t, 2> kernel,
                const std::vector<std::int64_t>& x);

  bool is_padded() const { return before[0] + before[1] + after[0] + after[1] != 0; }
  /// Whether this is the padding of TensorFlow's SAME over images of these extents.
  bool is_same(std::array<std::int64_t, 2> extent) const;
};

/// The tensor with rows and columns put around it: codes of zero, or this number.
std::int32_t padded(NodeWriter& writer, std::int32_t image, ir::ValueId value,
                    const SpatialWindow& window, const Tensor* number = nullptr);

}  // namespace strata::formats::tflite
