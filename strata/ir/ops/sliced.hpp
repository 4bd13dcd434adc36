#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "strata/ir/op.hpp"
#include "strata/ir/ops/axes.hpp"

namespace strata::ir {

/// A shape and the axis along which an op takes slices of it: the attribute "axis", or, without
/// one, the only axis of the shape laid out as a vector. Throws model for an axis out of range.
/// Extents are numbers (Shape) or may be symbolic.
inline std::pair<SymbolicShape, int> sliced(const Attributes& attributes, const SymbolicShape& x) {
  if (attributes.has("axis")) {
    return {x, normalize_axis(attributes.integer("axis", 0), int(x.size()), "axis")};
  }
  Dim elements = 1;
  for (const Dim& extent : x) elements = elements * extent;
  return {{elements}, 0};
}
inline std::pair<Shape, int> sliced(const Attributes& attributes, const Shape& x) {
  if (!attributes.has("axis")) return {Shape{x.elements()}, 0};
  return {x, normalize_axis(attributes.integer("axis", 0), x.rank(), "axis")};
}

}  // namespace strata::ir
