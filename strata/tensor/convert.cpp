#include "strata/tensor/convert.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "strata/tensor/narrow.hpp"

namespace strata {
namespace {

template <class T>
constexpr bool is_short_float = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;

// Bytes of files are no bool objects until they are known to be 0 or 1.
template <class T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, std::uint8_t, T>;

// Rounds to odd: what is cut off leaves a trace in the last bit, so that rounding once more, to a
// type of at most 22 bits, gives what rounding at once would have given (Boldo and Melquiond 2008).
float to_float_odd(double value) {
  const float nearest = static_cast<float>(value);
  if (!std::isfinite(value) || double(nearest) == value) return nearest;
  std::uint32_t word = std::bit_cast<std::uint32_t>(nearest);
  if (std::fabs(double(nearest)) > std::fabs(value)) --word;  // towards zero
  return std::bit_cast<float>(word | 1);
}

template <class Integer>
float to_float_odd_integer(Integer value) {
  const bool negative = value < 0;
  std::uint64_t magnitude = negative ? 0 - std::uint64_t(value) : std::uint64_t(value);
  if (magnitude >> 53 != 0) {
    magnitude = (magnitude & ~std::uint64_t(0x7ff)) |
                ((magnitude & 0x7ff) != 0 ? std::uint64_t(0x800) : std::uint64_t(0));
  }
  return to_float_odd(negative ? -double(magnitude) : double(magnitude));
}

template <class To, class From>
To saturate(From value) {
  if (value != value) return To(0);
  // 2^digits is exact in every floating type, the largest To may not be.
  const From limit = std::ldexp(From(1), std::numeric_limits<To>::digits);
  if (value >= limit) return std::numeric_limits<To>::max();
  const From lowest = std::is_signed_v<To> ? -limit : From(0);
  if (value <= lowest) return std::numeric_limits<To>::min();
  return static_cast<To>(value);
}

template <class To, class From>
Stored<To> convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    if constexpr (is_short_float<From>) {
      return float(value) != 0;
    } else {
      return value != From(0);
    }
  } else if constexpr (is_short_float<From>) {
    return convert<To>(float(value));
  } else if constexpr (is_short_float<To>) {
    if constexpr (std::is_same_v<From, float>) {
      return To(value);
    } else if constexpr (std::is_same_v<From, double>) {
      return To(to_float_odd(value));
    } else {
      return To(to_float_odd_integer(value));
    }
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    return saturate<To>(value);
  } else {
    return static_cast<To>(value);
  }
}

template <class From, class To>
void convert_all(const void* source, void* destination, std::int64_t count) {
  const auto* in = static_cast<const Stored<From>*>(source);
  auto* out = static_cast<Stored<To>*>(destination);
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<From, bool>) {
      out[i] = convert<To>(std::uint8_t(in[i] != 0));
    } else {
      out[i] = convert<To>(in[i]);
    }
  }
}

template <class From>
void narrow_all(const void* source, DType to, void* destination, std::int64_t count) {
  const auto* in = static_cast<const Stored<From>*>(source);
  auto* out = static_cast<std::uint8_t*>(destination);
  for (std::int64_t i = 0; i < count; ++i) {
    if constexpr (std::is_same_v<From, bool>) {
      out[i] = narrow_code(to, std::int64_t(in[i] != 0));
    } else if constexpr (std::is_unsigned_v<From>) {
      out[i] = narrow_code(to, std::uint64_t(in[i]));
    } else if constexpr (std::is_integral_v<From>) {
      out[i] = narrow_code(to, std::int64_t(in[i]));
    } else {
      out[i] = narrow_code(to, double(in[i]));
    }
  }
}

// Every number of a narrow type is a float, so the way through float rounds once.
void convert_from_narrow(DType from, const std::uint8_t* source, DType to, std::byte* destination,
                         std::int64_t count) {
  constexpr std::int64_t chunk = 256;
  float values[chunk];
  for (std::int64_t at = 0; at < count; at += chunk) {
    const std::int64_t n = std::min(chunk, count - at);
    for (std::int64_t i = 0; i < n; ++i) values[i] = narrow_value(from, source[at + i]);
    convert_elements(DType::f32, values, to, destination + std::size_t(at) * size_of(to), n);
  }
}

}  // namespace

void convert_elements(DType from, const void* source, DType to, void* destination,
                      std::int64_t count) noexcept {
  if (count == 0) return;  // then the pointers may be null
  if (from == to) {
    std::memcpy(destination, source, std::size_t(count) * size_of(from));
    return;
  }
  if (is_narrow(from)) {
    convert_from_narrow(from, static_cast<const std::uint8_t*>(source), to,
                        static_cast<std::byte*>(destination), count);
    return;
  }
  if (is_narrow(to)) {
    dispatch(from, [&]<class From>() { narrow_all<From>(source, to, destination, count); });
    return;
  }
  dispatch(from, [&]<class From>() {
    dispatch(to, [&]<class To>() { convert_all<From, To>(source, destination, count); });
  });
}

}  // namespace strata
