#pragma once

#include <cstdint>

#include "strata/tensor/tensor.hpp"

namespace strata::ir {

/// References compute in three types: floats in double (so that one rounding remains, the store),
/// u64 in uint64_t, every other integer and bool in int64_t. Narrow types do as wide ones.
template <class F>
decltype(auto) dispatch_compute(DType type, F&& f) {
  if (is_float(type) || is_narrow_float(type)) return f.template operator()<double>();
  if (type == DType::u64) return f.template operator()<std::uint64_t>();
  return f.template operator()<std::int64_t>();
}

/// Calls f with the storage type of a float tensor.
template <class F>
decltype(auto) dispatch_float(DType type, F&& f) {
  switch (type) {
    case DType::f64:
      return f.template operator()<double>();
    case DType::f16:
      return f.template operator()<Half>();
    case DType::bf16:
      return f.template operator()<BFloat16>();
    default:
      break;
  }
  return f.template operator()<float>();
}

/// values[i] = tensor[offset + i * step], converted to the compute type C.
template <class C>
void load(const Tensor& tensor, std::int64_t offset, std::int64_t step, std::int64_t count,
          C* values);

/// tensor[offset + i] = values[i]. Floats become integers by truncation, saturating, NaN as 0;
/// integers wrap; bool is != 0. Narrow floats saturate.
template <class C>
void store(const C* values, std::int64_t count, Tensor& tensor, std::int64_t offset);

/// One element.
template <class C>
C load_one(const Tensor& tensor, std::int64_t offset) {
  C value;
  load(tensor, offset, 1, 1, &value);
  return value;
}
template <class C>
void store_one(C value, Tensor& tensor, std::int64_t offset) {
  store(&value, 1, tensor, offset);
}

/// Rounds to the storage type T.
template <class T>
T narrow(double value) {
  if constexpr (sizeof(T) == 2) {
    return T(float(value));
  } else {
    return T(value);
  }
}

}  // namespace strata::ir
