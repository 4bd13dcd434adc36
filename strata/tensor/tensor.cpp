#include "strata/tensor/tensor.hpp"

#include <cstring>

#include "strata/base/checked.hpp"
#include "strata/tensor/arena.hpp"
#include "strata/tensor/convert.hpp"

namespace strata {
namespace {

// What data points to when there are no bytes: absent and empty are different things.
alignas(arena_alignment) std::byte nothing[arena_alignment];

std::size_t checked_bytes(DType type, const Shape& shape) {
  const auto bytes = checked_mul(shape.elements(), std::int64_t(size_of(type)));
  if (!bytes || std::size_t(*bytes) > max_allocation) {
    fail(ErrorCode::model, "a tensor {}{} exceeds {} bytes", to_string(type), to_string(shape),
         max_allocation);
  }
  return std::size_t(*bytes);
}

}  // namespace

Tensor Tensor::zeros(DType type, const Shape& shape) {
  auto memory = allocate_zeroed(checked_bytes(type, shape));
  void* data = memory.get();
  return borrow(type, shape, data, std::move(memory));
}

Tensor Tensor::borrow(DType type, const Shape& shape, void* data,
                      std::shared_ptr<const void> owner) {
  Tensor tensor = borrow(type, shape, static_cast<const void*>(data), std::move(owner));
  STRATA_ASSERT(tensor.is_aligned());
  tensor.writable_ = true;
  return tensor;
}

Tensor Tensor::borrow(DType type, const Shape& shape, const void* data,
                      std::shared_ptr<const void> owner) {
  checked_bytes(type, shape);
  Tensor tensor;
  tensor.elements_ = shape.elements();
  STRATA_ASSERT(data != nullptr || tensor.elements_ == 0);
  tensor.data_ = data != nullptr ? const_cast<void*>(data) : nothing;
  tensor.shape_ = shape;
  tensor.dtype_ = type;
  tensor.owner_ = std::move(owner);
  return tensor;
}

Tensor Tensor::reshaped(const Shape& shape) const {
  if (shape.elements() != elements_) {
    fail(ErrorCode::model, "{} has {} elements, {} has {}", to_string(shape_), elements_,
         to_string(shape), shape.elements());
  }
  Tensor result = *this;
  result.shape_ = shape;
  return result;
}

Tensor Tensor::clone() const {
  if (!present()) return {};
  Tensor copy = zeros(dtype_, shape_);
  std::memcpy(copy.data_, data_, size_bytes());
  return copy;
}

Tensor Tensor::cast(DType type) const {
  STRATA_ASSERT(present());
  Tensor result = zeros(type, shape_);
  convert_elements(dtype_, aligned().raw(), type, result.data_, elements_);
  return result;
}

std::vector<std::int64_t> Tensor::to_int64() const {
  STRATA_ASSERT(present());
  if (is_float(dtype_)) {
    fail(ErrorCode::model, "integers expected, got elements of type {}", to_string(dtype_));
  }
  std::vector<std::int64_t> result(static_cast<std::size_t>(elements_));
  convert_elements(dtype_, aligned().raw(), DType::i64, result.data(), elements_);
  if (dtype_ == DType::u64) {
    for (std::size_t i = 0; i < result.size(); ++i) {
      if (result[i] < 0) {
        fail(ErrorCode::model, "element {} is {}, which exceeds 63 bits", i,
             aligned().data<std::uint64_t>()[i]);
      }
    }
  }
  return result;
}

std::vector<float> Tensor::to_float() const {
  STRATA_ASSERT(present());
  std::vector<float> result(static_cast<std::size_t>(elements_));
  convert_elements(dtype_, aligned().raw(), DType::f32, result.data(), elements_);
  return result;
}

bool identical(const Tensor& a, const Tensor& b) {
  if (!a.present() || !b.present()) return a.present() == b.present();
  return a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0;
}

}  // namespace strata
