#pragma once

#include "strata/ir/graph.hpp"
#include "strata/tensor/shape.hpp"

namespace strata::runtime {

/// Geometry of a sliding window over one axis, as the attributes of Conv and the pools state it.
struct WindowAxis {
  std::int64_t stride = 1, dilation = 1, pad_begin = 0, pad_end = 0;
};

/// Spatial axis `axis` (0 is the outermost) of `spatial_rank`. With auto_pad the padding follows
/// from the extents. The node has passed validation.
WindowAxis window_axis(const ir::Attributes& attributes, int axis, int spatial_rank,
                       std::int64_t extent, std::int64_t kernel, std::int64_t out_extent);

}  // namespace strata::runtime
