#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "strata/tensor/shape.hpp"

namespace strata::ir {

/// The axis in [0, rank) that `axis` in [-rank, rank) names; throws model naming `what`.
int normalize_axis(std::int64_t axis, int rank, std::string_view what);

/// All of them, ascending; throws model for an axis that is out of range or named twice.
std::vector<int> normalize_axes(std::span<const std::int64_t> axes, int rank,
                                std::string_view what);

/// A row-major tensor seen from one axis: element (o, i, j) lies at (o * extent + i) * inner + j.
struct AxisView {
  std::int64_t outer = 1;
  std::int64_t extent = 1;
  std::int64_t inner = 1;

  AxisView(const Shape& shape, int axis)
      : outer(shape.elements(0, axis)),
        extent(shape[axis]),
        inner(shape.elements(axis + 1, shape.rank())) {}
};

}  // namespace strata::ir
