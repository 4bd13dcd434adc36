#pragma once

#include <array>
#include <cstdint>

#include "strata/formats/tflite/operator_context.hpp"

namespace strata::formats::tflite {

/// How a window moves over the two spatial axes, as the graph's ops are told.
struct Window {
  std::array<std::int64_t, 2> kernel{}, stride{}, dilation = {1, 1};
  std::array<std::int64_t, 2> before{}, after{};  ///< padding

  /// Throws model for anything that is not positive.
  void check() const;
  /// Padding of a SAME window over an image of these extents; none for VALID.
  void pad(schema::Padding padding, std::array<std::int64_t, 2> extent);
  /// strides, pads, and if asked for dilations, kernel_shape.
  ir::Attributes attributes(bool with_dilations, bool with_kernel) const;
};

}  // namespace strata::formats::tflite
