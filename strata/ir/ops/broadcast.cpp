#include "strata/ir/ops/broadcast.hpp"

namespace strata::ir {

BroadcastWalk::BroadcastWalk(const Shape& output, std::initializer_list<Shape> operands)
    : elements_(output.elements()) {
  Strides stride{};
  std::size_t operand = 0;
  for (const Shape& shape : operands) {
    std::int64_t next = 1;
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      const auto at = std::size_t(axis + output.rank() - shape.rank());
      stride[operand][at] = shape[axis] == 1 ? 0 : next;
      next *= shape[axis];
    }
    ++operand;
  }
  for (int axis = 0; axis < output.rank(); ++axis) append(output[axis], stride, std::size_t(axis));
  if (rank_ == 0) rank_ = 1;
}

void BroadcastWalk::append(std::int64_t extent, const Strides& stride, std::size_t axis) {
  if (extent == 1) return;
  std::size_t last = std::size_t(rank_) - 1;
  bool merges = rank_ > 0;
  for (std::size_t k = 0; k < max_operands && merges; ++k) {
    merges = stride_[k][last] == stride[k][axis] * extent;
  }
  if (!merges) last = std::size_t(rank_++);
  extent_[last] = merges ? extent_[last] * extent : extent;
  for (std::size_t k = 0; k < max_operands; ++k) stride_[k][last] = stride[k][axis];
}

void BroadcastWalk::advance(std::array<std::int64_t, max_rank>& counter,
                            std::array<std::int64_t, max_operands>& offsets) const {
  for (int axis = rank_ - 2; axis >= 0; --axis) {
    const auto a = std::size_t(axis);
    for (std::size_t k = 0; k < max_operands; ++k) offsets[k] += stride_[k][a];
    if (++counter[a] < extent_[a]) return;
    for (std::size_t k = 0; k < max_operands; ++k) offsets[k] -= stride_[k][a] * extent_[a];
    counter[a] = 0;
  }
}

std::int64_t broadcast_offset(const Shape& output, std::int64_t i, const Shape& operand) {
  std::int64_t offset = 0;
  std::int64_t stride = 1;
  for (int back = 1; back <= operand.rank(); ++back) {
    const std::int64_t extent = output[output.rank() - back];
    if (operand[operand.rank() - back] != 1) offset += i % extent * stride;
    stride *= operand[operand.rank() - back];
    i /= extent;
  }
  return offset;
}

}  // namespace strata::ir
