#pragma once

#include "strata/ir/graph.hpp"
#include "strata/kernels/conv/transposed.hpp"
#include "strata/tensor/shape.hpp"

namespace strata::runtime {

/// The axes of a transposed convolution over one or two spatial axes; one is a plane of height 1.
/// With auto_pad or output_shape the pads follow from the extents. The node has passed validation.
struct TransposedGeometry {
  kernels::TransposedAxis h, w;

  TransposedGeometry(const ir::Attributes& attributes, const Shape& x, const Shape& weights,
                     const Shape& y);
};

}  // namespace strata::runtime
