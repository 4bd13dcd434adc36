#include "strata/tensor/shape.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "strata/base/checked.hpp"
#include "strata/base/error.hpp"

namespace strata {

Shape::Shape(std::span<const std::int64_t> dims) {
  if (dims.size() > std::size_t(max_rank)) {
    fail(ErrorCode::unsupported, "shape has {} axes, at most {} are accepted", dims.size(),
         max_rank);
  }
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] < 0) {
      fail(ErrorCode::model, "shape [{}]: extent of axis {} is negative", fmt::join(dims, ","), i);
    }
    dims_[i] = dims[i];
  }
  rank_ = std::uint8_t(dims.size());
}

std::int64_t Shape::elements() const { return elements(0, rank_); }

std::int64_t Shape::elements(int first, int last) const {
  // Extents of 0 are left out of the check's product, so that the size of every part of a shape
  // fits when that of the whole does.
  std::int64_t product = 1;
  bool empty = false;
  for (int axis = first; axis < last; ++axis) {
    const std::int64_t extent = dims_[std::size_t(axis)];
    if (extent == 0) {
      empty = true;
      continue;
    }
    const auto next = checked_mul(product, extent);
    if (!next) {
      fail(ErrorCode::model, "shape {}: the number of elements exceeds 63 bits", to_string(*this));
    }
    product = *next;
  }
  return empty ? 0 : product;
}

bool Shape::operator==(const Shape& other) const {
  return std::ranges::equal(dims(), other.dims());
}

std::string to_string(const Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape.dims(), ","));
}

Shape broadcast(const Shape& a, const Shape& b) {
  Shape result = a.rank() >= b.rank() ? a : b;
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i) {
    if (a[-i] != b[-i] && a[-i] != 1 && b[-i] != 1) {
      fail(ErrorCode::model, "shapes {} and {} do not broadcast: {} against {}", to_string(a),
           to_string(b), a[-i], b[-i]);
    }
    result.set(-i, a[-i] == 1 ? b[-i] : a[-i]);
  }
  return result;
}

}  // namespace strata
