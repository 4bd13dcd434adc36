#include "strata/runtime/step_result.hpp"

#include <array>
#include <cstring>

#include "strata/base/error.hpp"

namespace strata::runtime {
namespace {

/// Where the element at a logical index is stored, in elements.
std::int64_t place(const kernels::Layout& layout, const Shape& shape,
                   const std::array<std::int64_t, max_rank>& at) {
  std::int64_t offset = 0;
  for (int i = 0; i < shape.rank(); ++i) {
    const int axis = layout.order[std::size_t(i)];
    const std::int64_t unit = axis == layout.blocked_axis ? layout.block : 1;
    offset = offset * ((shape[axis] + unit - 1) / unit) + at[std::size_t(axis)] / unit;
  }
  if (layout.blocked_axis < 0) return offset;
  return offset * layout.block + at[std::size_t(layout.blocked_axis)] % layout.block;
}

/// Calls `each(logical, stored)` with the numbers of every element in both orders.
template <class Each>
void for_elements(const kernels::Layout& layout, const Shape& shape, const Each& each) {
  std::array<std::int64_t, max_rank> at{};
  for (std::int64_t i = 0; i < shape.elements(); ++i) {
    each(i, place(layout, shape, at));
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (++at[std::size_t(axis)] < shape[axis]) break;
      at[std::size_t(axis)] = 0;
    }
  }
}

}  // namespace

ir::ValueId StepResult::value(std::size_t i) const {
  return binding_.program().buffers()[std::size_t(buffers()[i])].value;
}

Tensor StepResult::read(std::size_t i) const {
  const kernels::Layout& layout = binding_.program().buffers()[std::size_t(buffers()[i])].layout;
  const ir::ValueId id = value(i);
  Tensor tensor = Tensor::zeros(binding_.program().graph().value(id).type.dtype,
                                binding_.shapes()[ir::index(id)]);
  const auto* from = static_cast<const std::byte*>(out_[i]);
  auto* to = static_cast<std::byte*>(tensor.mutable_raw());
  const std::size_t size = size_of(tensor.dtype());
  if (layout.is_plain()) {
    std::memcpy(to, from, tensor.size_bytes());
    return tensor;
  }
  for_elements(layout, tensor.shape(), [&](std::int64_t logical, std::int64_t stored) {
    std::memcpy(to + std::size_t(logical) * size, from + std::size_t(stored) * size, size);
  });
  return tensor;
}

void StepResult::write(std::size_t i, const Tensor& tensor) {
  const kernels::Layout& layout = binding_.program().buffers()[std::size_t(buffers()[i])].layout;
  const ir::ValueId id = value(i);
  STRATA_ASSERT(tensor.dtype() == binding_.program().graph().value(id).type.dtype);
  STRATA_ASSERT(tensor.shape() == binding_.shapes()[ir::index(id)]);
  const auto* from = static_cast<const std::byte*>(tensor.raw());
  auto* to = static_cast<std::byte*>(out_[i]);
  const std::size_t size = size_of(tensor.dtype());
  if (layout.is_plain()) {
    std::memcpy(to, from, tensor.size_bytes());
    return;
  }
  for_elements(layout, tensor.shape(), [&](std::int64_t logical, std::int64_t stored) {
    std::memcpy(to + std::size_t(stored) * size, from + std::size_t(logical) * size, size);
  });
}

}  // namespace strata::runtime
