#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace strata {

enum class DType : std::uint8_t {
  f64,
  f32,
  f16,
  bf16,
  i64,
  i32,
  i16,
  i8,
  u64,
  u32,
  u16,
  u8,
  boolean,
  // The narrow types, one byte per element: see narrow.hpp.
  f8e4m3fn,
  f8e4m3fnuz,
  f8e5m2,
  f8e5m2fnuz,
  f8e8m0,
  f6e2m3,
  f6e3m2,
  f4e2m1,
  i4,
  u4,
  i2,
  u2
};

/// Bytes of one element in memory.
std::size_t size_of(DType type);
/// Bits of one element: 8 * size_of, but fewer for the types that files pack (6, 4 or 2 bits).
int bits_of(DType type);
/// "f32", "i8", "bool", ...
std::string_view to_string(DType type);
std::optional<DType> parse_dtype(std::string_view name);
bool is_float(DType type);    ///< of 16 bits or more
bool is_integer(DType type);  ///< signed or unsigned of 8 bits or more, not bool
/// Floats of 8 bits or fewer, and integers of fewer: stored and converted, not computed with.
bool is_narrow(DType type);
bool is_narrow_float(DType type);
bool is_narrow_integer(DType type);

/// IEEE 754 binary16, stored; arithmetic happens in float.
struct Half {
  std::uint16_t bits = 0;
  Half() = default;
  explicit Half(float value);  ///< rounds to nearest even
  operator float() const;
};

/// bfloat16, stored; arithmetic happens in float.
struct BFloat16 {
  std::uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value);  ///< rounds to nearest even, keeps NaN
  operator float() const { return std::bit_cast<float>(std::uint32_t(bits) << 16); }
};

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<Half> {
  static constexpr DType value = DType::f16;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<std::int16_t> {
  static constexpr DType value = DType::i16;
};
template <>
struct DTypeOf<std::int8_t> {
  static constexpr DType value = DType::i8;
};
template <>
struct DTypeOf<std::uint64_t> {
  static constexpr DType value = DType::u64;
};
template <>
struct DTypeOf<std::uint32_t> {
  static constexpr DType value = DType::u32;
};
template <>
struct DTypeOf<std::uint16_t> {
  static constexpr DType value = DType::u16;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<bool> {
  static constexpr DType value = DType::boolean;
};
template <class T>
constexpr DType dtype_of = DTypeOf<T>::value;

/// Calls `f.template operator()<T>()` with the C++ type of `type`. Narrow types have none: their
/// codes are std::uint8_t.
template <class F>
decltype(auto) dispatch(DType type, F&& f) {
  switch (type) {
    case DType::f64:
      return f.template operator()<double>();
    case DType::f32:
      return f.template operator()<float>();
    case DType::f16:
      return f.template operator()<Half>();
    case DType::bf16:
      return f.template operator()<BFloat16>();
    case DType::i64:
      return f.template operator()<std::int64_t>();
    case DType::i32:
      return f.template operator()<std::int32_t>();
    case DType::i16:
      return f.template operator()<std::int16_t>();
    case DType::i8:
      return f.template operator()<std::int8_t>();
    case DType::u64:
      return f.template operator()<std::uint64_t>();
    case DType::u32:
      return f.template operator()<std::uint32_t>();
    case DType::u16:
      return f.template operator()<std::uint16_t>();
    case DType::boolean:
      return f.template operator()<bool>();
    default:
      break;
  }
  return f.template operator()<std::uint8_t>();
}

}  // namespace strata
