#pragma once

#include <cstdint>
#include <vector>

#include "strata/tensor/shape.hpp"

namespace strata::runtime {

/// An operand as a product of matrices sees it, without moving anything.
struct Transposed {
  Shape shape;
  std::vector<std::int64_t> strides;  ///< in elements

  Transposed(const Shape& stored, const std::vector<std::int64_t>& perm) : shape(stored) {
    std::vector<std::int64_t> dense(std::size_t(stored.rank()), 1);
    for (int i = stored.rank() - 2; i >= 0; --i) {
      dense[std::size_t(i)] = dense[std::size_t(i + 1)] * stored[i + 1];
    }
    strides = dense;
    std::vector<std::int64_t> extents(stored.begin(), stored.end());
    for (std::size_t i = 0; i < perm.size(); ++i) {
      extents[i] = stored[int(perm[i])];
      strides[i] = dense[std::size_t(perm[i])];
    }
    shape = Shape(extents);
  }

  /// Of an axis counted from the end (-1 is the last); 0 where the operand is repeated along it.
  std::int64_t stride(int axis) const {
    const auto i = std::int64_t(strides.size()) + axis;
    return i < 0 || shape[int(i)] == 1 ? 0 : strides[std::size_t(i)];
  }
  /// Whether neighbours in a row lie apart and those in a column side by side.
  bool is_transposed() const { return strides.back() != 1; }
  /// Whether rows or columns lie side by side, as kernels read them.
  bool has_dense_axis() const { return strides.back() == 1 || strides[strides.size() - 2] == 1; }
  std::int64_t stored_row() const { return strides[strides.size() - (is_transposed() ? 1 : 2)]; }
};

}  // namespace strata::runtime
