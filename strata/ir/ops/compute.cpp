#include "strata/ir/ops/compute.hpp"

#include <cmath>
#include <limits>
#include <type_traits>

#include "strata/tensor/narrow.hpp"

namespace strata::ir {
namespace {

template <class T, class C>
T convert(C value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value != C(0);
  } else if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return T(float(value));
  } else if constexpr (std::is_integral_v<T> && std::is_same_v<C, double>) {
    using Limits = std::numeric_limits<T>;
    if (std::isnan(value)) return 0;
    if (value <= double(Limits::min())) return Limits::min();
    // The maximum of 64-bit types rounds up in double, so equality saturates too.
    if (value >= double(Limits::max())) return Limits::max();
    return T(value);
  } else {
    return T(value);
  }
}

template <class C, class T>
C widen(T value) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return convert<C>(double(float(value)));
  } else if constexpr (std::is_floating_point_v<T>) {
    return convert<C>(double(value));
  } else {
    return C(value);
  }
}

}  // namespace

template <class C>
void load(const Tensor& tensor, std::int64_t offset, std::int64_t step, std::int64_t count,
          C* values) {
  if (is_narrow(tensor.dtype())) {
    const auto* codes = static_cast<const std::uint8_t*>(tensor.raw()) + offset;
    for (std::int64_t i = 0; i < count; ++i) {
      values[i] = widen<C>(narrow_value(tensor.dtype(), codes[i * step]));
    }
    return;
  }
  dispatch(tensor.dtype(), [&]<class T>() {
    const T* from = static_cast<const T*>(tensor.raw()) + offset;
    for (std::int64_t i = 0; i < count; ++i) values[i] = widen<C>(from[i * step]);
  });
}

template <class C>
void store(const C* values, std::int64_t count, Tensor& tensor, std::int64_t offset) {
  if (is_narrow(tensor.dtype())) {
    auto* codes = static_cast<std::uint8_t*>(tensor.mutable_raw()) + offset;
    for (std::int64_t i = 0; i < count; ++i) codes[i] = narrow_code(tensor.dtype(), values[i]);
    return;
  }
  dispatch(tensor.dtype(), [&]<class T>() {
    T* to = static_cast<T*>(tensor.mutable_raw()) + offset;
    for (std::int64_t i = 0; i < count; ++i) to[i] = convert<T>(values[i]);
  });
}

template void load(const Tensor&, std::int64_t, std::int64_t, std::int64_t, double*);
template void load(const Tensor&, std::int64_t, std::int64_t, std::int64_t, std::int64_t*);
template void load(const Tensor&, std::int64_t, std::int64_t, std::int64_t, std::uint64_t*);
template void store(const double*, std::int64_t, Tensor&, std::int64_t);
template void store(const std::int64_t*, std::int64_t, Tensor&, std::int64_t);
template void store(const std::uint64_t*, std::int64_t, Tensor&, std::int64_t);

}  // namespace strata::ir
