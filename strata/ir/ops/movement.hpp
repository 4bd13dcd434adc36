#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "strata/ir/op.hpp"

namespace strata::ir {

/// A box of elements to copy from one strided place to another; strides count elements and may be
/// zero or negative. Movement depends on the size of elements only, never on their type.
class StridedCopy {
 public:
  /// Twice a tensor's axes: some ops split each axis in two.
  static constexpr int max_axes = 2 * max_rank;

  /// Adds an axis inside those added before.
  void axis(std::int64_t extent, std::int64_t from_stride, std::int64_t to_stride);
  /// Copies, starting at these elements.
  void run(const Tensor& from, std::int64_t from_offset, Tensor& to, std::int64_t to_offset) const;

 private:
  struct Axis {
    std::int64_t extent, from, to;
  };
  std::array<Axis, max_axes> axes_{};
  int rank_ = 0;
};

/// Elements between neighbours along an axis of a row-major tensor.
inline std::int64_t stride_of(const Shape& shape, int axis) {
  return shape.elements(axis + 1, shape.rank());
}

/// Output 0 has the bytes of input 0, whatever its shape.
Status copy_reference(const EvalArgs& args);

/// Copies `count` elements of any type between tensors.
void copy_elements(const Tensor& from, std::int64_t from_offset, Tensor& to, std::int64_t to_offset,
                   std::int64_t count);

}  // namespace strata::ir
