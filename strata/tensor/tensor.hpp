#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "strata/base/error.hpp"
#include "strata/tensor/dtype.hpp"
#include "strata/tensor/shape.hpp"

namespace strata {

/// Elements of one type in row-major order, 64-byte aligned when Strata allocated them. Copies
/// share the bytes. The bytes are owned, borrowed from the caller, or part of a mapped file:
/// `owner` keeps them alive (null: the caller does). A default tensor is absent (no data, no
/// bytes); one of no elements is present.
class Tensor {
 public:
  Tensor() = default;

  /// Owns new bytes, zeroed. Throws model above 2^47 bytes, io if there is no memory.
  static Tensor zeros(DType type, const Shape& shape);
  /// Refers to bytes of the caller, aligned for the type; writable. No heap if `owner` is null.
  static Tensor borrow(DType type, const Shape& shape, void* data,
                       std::shared_ptr<const void> owner = {});
  /// Refers to read-only bytes (a mapped file, a caller's const array). Bytes in files need not be
  /// aligned for the type: then `aligned` must come before `data`.
  static Tensor borrow(DType type, const Shape& shape, const void* data,
                       std::shared_ptr<const void> owner = {});
  template <class T>
  static Tensor from(const Shape& shape, std::span<const T> values);
  template <class T>
  static Tensor from(const Shape& shape, std::initializer_list<T> values) {
    return from<T>(shape, std::span<const T>(values.begin(), values.size()));
  }
  template <class T>
  static Tensor scalar(T value) {
    return from<T>(Shape{}, std::span<const T>(&value, 1));
  }

  bool present() const { return data_ != nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::int64_t elements() const { return elements_; }
  std::size_t size_bytes() const { return std::size_t(elements_) * size_of(dtype_); }

  /// Whether the bytes may be read as elements where they lie.
  bool is_aligned() const { return reinterpret_cast<std::uintptr_t>(data_) % size_of(dtype_) == 0; }
  /// This tensor, or a copy of it that is aligned.
  Tensor aligned() const { return is_aligned() ? *this : clone(); }

  const void* raw() const { return data_; }
  void* mutable_raw() {
    STRATA_ASSERT(writable_);
    return data_;
  }
  std::span<const std::byte> bytes() const {
    return {static_cast<const std::byte*>(data_), size_bytes()};
  }
  template <class T>
  std::span<const T> data() const {
    STRATA_ASSERT(dtype_of<T> == dtype_ && is_aligned());
    return {static_cast<const T*>(data_), std::size_t(elements_)};
  }
  template <class T>
  std::span<T> mutable_data() {
    STRATA_ASSERT(dtype_of<T> == dtype_ && writable_);
    return {static_cast<T*>(data_), std::size_t(elements_)};
  }

  /// The same bytes under another shape of as many elements; throws model if there are not.
  Tensor reshaped(const Shape& shape) const;
  /// A copy that owns its bytes.
  Tensor clone() const;
  /// Element-wise conversion: float to integer truncates and saturates (NaN to 0), integer to
  /// integer keeps the low bits, to bool is != 0, the rest rounds once, to nearest even.
  Tensor cast(DType type) const;
  /// All elements as int64, for shapes, axes and the like. Throws model for floats and above 63
  /// bits.
  std::vector<std::int64_t> to_int64() const;
  /// All elements as f32.
  std::vector<float> to_float() const;

 private:
  void* data_ = nullptr;
  std::int64_t elements_ = 0;
  Shape shape_;
  DType dtype_ = DType::f32;
  bool writable_ = false;
  std::shared_ptr<const void> owner_;
};

/// Same type, shape and bits.
bool identical(const Tensor& a, const Tensor& b);

template <class T>
Tensor Tensor::from(const Shape& shape, std::span<const T> values) {
  Tensor tensor = zeros(dtype_of<T>, shape);
  STRATA_ASSERT(std::int64_t(values.size()) == tensor.elements());
  std::copy(values.begin(), values.end(), static_cast<T*>(tensor.data_));
  return tensor;
}

}  // namespace strata
