#include "strata/ir/ops/movement.hpp"

#include <algorithm>
#include <cstring>

namespace strata::ir {
namespace {

template <std::size_t size>
void copy_row(const std::byte* from, std::int64_t from_stride, std::byte* to,
              std::int64_t to_stride, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(to + i * to_stride * std::int64_t(size),
                from + i * from_stride * std::int64_t(size), size);
  }
}

using CopyRow = void (*)(const std::byte*, std::int64_t, std::byte*, std::int64_t, std::int64_t);

CopyRow copy_row_of(std::size_t size) {
  switch (size) {
    case 1:
      return copy_row<1>;
    case 2:
      return copy_row<2>;
    case 4:
      return copy_row<4>;
    default:
      return copy_row<8>;
  }
}

}  // namespace

void StridedCopy::axis(std::int64_t extent, std::int64_t from_stride, std::int64_t to_stride) {
  STRATA_ASSERT(rank_ < max_axes);
  axes_[std::size_t(rank_++)] = {extent, from_stride, to_stride};
}

void StridedCopy::run(const Tensor& from, std::int64_t from_offset, Tensor& to,
                      std::int64_t to_offset) const {
  const auto size = std::int64_t(size_of(from.dtype()));
  const CopyRow copy = copy_row_of(std::size_t(size));
  const auto* source = static_cast<const std::byte*>(from.raw());
  auto* target = static_cast<std::byte*>(to.mutable_raw());
  for (int i = 0; i < rank_; ++i) {
    if (axes_[std::size_t(i)].extent <= 0) return;
  }
  const Axis row = rank_ > 0 ? axes_[std::size_t(rank_ - 1)] : Axis{1, 1, 1};
  std::array<std::int64_t, max_axes> counter{};
  for (;;) {
    copy(source + from_offset * size, row.from, target + to_offset * size, row.to, row.extent);
    int i = rank_ - 2;
    for (; i >= 0; --i) {
      const Axis& axis = axes_[std::size_t(i)];
      from_offset += axis.from;
      to_offset += axis.to;
      if (++counter[std::size_t(i)] < axis.extent) break;
      from_offset -= axis.from * axis.extent;
      to_offset -= axis.to * axis.extent;
      counter[std::size_t(i)] = 0;
    }
    if (i < 0) return;
  }
}

Status copy_reference(const EvalArgs& args) {
  const Tensor& x = args.inputs[0];
  Tensor& y = args.outputs[0];
  if (x.elements() != y.elements()) return {"the new shape has another number of elements"};
  copy_elements(x, 0, y, 0, x.elements());
  return {};
}

void copy_elements(const Tensor& from, std::int64_t from_offset, Tensor& to, std::int64_t to_offset,
                   std::int64_t count) {
  if (count == 0) return;
  const auto size = std::int64_t(size_of(from.dtype()));
  std::memmove(static_cast<std::byte*>(to.mutable_raw()) + to_offset * size,
               static_cast<const std::byte*>(from.raw()) + from_offset * size,
               std::size_t(count * size));
}

}  // namespace strata::ir
