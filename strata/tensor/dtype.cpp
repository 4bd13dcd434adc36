#include "strata/tensor/dtype.hpp"

#include <iterator>

namespace strata {
namespace {

enum class Family : std::uint8_t { floating, integer, boolean, narrow_float, narrow_integer };

struct DTypeFacts {
  std::string_view name;
  int bits;
  Family family;
};

// In the order of DType.
constexpr DTypeFacts facts[] = {{"f64", 64, Family::floating},
                                {"f32", 32, Family::floating},
                                {"f16", 16, Family::floating},
                                {"bf16", 16, Family::floating},
                                {"i64", 64, Family::integer},
                                {"i32", 32, Family::integer},
                                {"i16", 16, Family::integer},
                                {"i8", 8, Family::integer},
                                {"u64", 64, Family::integer},
                                {"u32", 32, Family::integer},
                                {"u16", 16, Family::integer},
                                {"u8", 8, Family::integer},
                                {"bool", 8, Family::boolean},
                                {"f8e4m3fn", 8, Family::narrow_float},
                                {"f8e4m3fnuz", 8, Family::narrow_float},
                                {"f8e5m2", 8, Family::narrow_float},
                                {"f8e5m2fnuz", 8, Family::narrow_float},
                                {"f8e8m0", 8, Family::narrow_float},
                                {"f6e2m3", 6, Family::narrow_float},
                                {"f6e3m2", 6, Family::narrow_float},
                                {"f4e2m1", 4, Family::narrow_float},
                                {"i4", 4, Family::narrow_integer},
                                {"u4", 4, Family::narrow_integer},
                                {"i2", 2, Family::narrow_integer},
                                {"u2", 2, Family::narrow_integer}};
static_assert(std::size(facts) == std::size_t(DType::u2) + 1);

Family family_of(DType type) { return facts[std::size_t(type)].family; }

}  // namespace

std::size_t size_of(DType type) { return std::size_t(bits_of(type) + 7) / 8; }
int bits_of(DType type) { return facts[std::size_t(type)].bits; }
std::string_view to_string(DType type) { return facts[std::size_t(type)].name; }
bool is_float(DType type) { return family_of(type) == Family::floating; }
bool is_integer(DType type) { return family_of(type) == Family::integer; }
bool is_narrow_float(DType type) { return family_of(type) == Family::narrow_float; }
bool is_narrow_integer(DType type) { return family_of(type) == Family::narrow_integer; }
bool is_narrow(DType type) { return is_narrow_float(type) || is_narrow_integer(type); }

std::optional<DType> parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i < std::size(facts); ++i) {
    if (facts[i].name == name) return DType(i);
  }
  return std::nullopt;
}

// Integer arithmetic throughout: right in every rounding and flush-to-zero mode of the processor.
Half::Half(float value) {
  const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = word >> 16 & 0x8000;
  const std::uint32_t magnitude = word & 0x7fffffff;
  std::uint32_t result;
  if (magnitude > 0x7f800000) {
    // A NaN whose payload lies only in the bits that are cut off must not become infinity.
    const std::uint32_t payload = magnitude >> 13 & 0x3ff;
    result = 0x7c00 | (payload != 0 ? payload : 0x200);
  } else if (magnitude >= 0x477ff000) {  // 65520, the midpoint above the largest number
    result = 0x7c00;
  } else if (magnitude >= 0x38800000) {  // 2^-14, the smallest normal number
    result = (magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000) >> 13;
  } else if (magnitude >= 0x33000000) {  // 2^-25, half the smallest subnormal number
    const std::uint32_t shift = 126 - (magnitude >> 23);
    const std::uint32_t mantissa = (magnitude & 0x7fffff) | 0x800000;
    const std::uint32_t rest = mantissa & ((1u << shift) - 1);
    const std::uint32_t half = 1u << (shift - 1);
    result = mantissa >> shift;
    result += rest > half || (rest == half && (result & 1) != 0);
  } else {
    result = 0;
  }
  bits = std::uint16_t(sign | result);
}

Half::operator float() const {
  const std::uint32_t sign = std::uint32_t(bits & 0x8000) << 16;
  const std::uint32_t exponent = bits >> 10 & 0x1f;
  const std::uint32_t mantissa = bits & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13);
  if (exponent != 0) {
    return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  }
  if (mantissa == 0) return std::bit_cast<float>(sign);
  // mantissa * 2^-24, made normal.
  const std::uint32_t top = std::uint32_t(std::bit_width(mantissa)) - 1;
  return std::bit_cast<float>(sign | (top + 103) << 23 | (mantissa << (23 - top) & 0x7fffff));
}

BFloat16::BFloat16(float value) {
  const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
  if ((word & 0x7fffffff) > 0x7f800000) {
    const std::uint32_t cut = word >> 16;
    bits = std::uint16_t((cut & 0x7f) != 0 ? cut : cut | 0x40);
  } else {
    bits = std::uint16_t((word + 0x7fff + (word >> 16 & 1)) >> 16);
  }
}

}  // namespace strata
