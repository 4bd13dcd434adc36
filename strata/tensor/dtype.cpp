#include "strata/tensor/dtype.hpp"

#include <array>

namespace strata {
namespace {

enum class Family : std::uint8_t { floating, integer, boolean };

struct DTypeFacts {
  std::string_view name;
  std::size_t size;
  Family family;
};

// In the order of DType.
constexpr std::array<DTypeFacts, 13> facts = {{{"f64", 8, Family::floating},
                                               {"f32", 4, Family::floating},
                                               {"f16", 2, Family::floating},
                                               {"bf16", 2, Family::floating},
                                               {"i64", 8, Family::integer},
                                               {"i32", 4, Family::integer},
                                               {"i16", 2, Family::integer},
                                               {"i8", 1, Family::integer},
                                               {"u64", 8, Family::integer},
                                               {"u32", 4, Family::integer},
                                               {"u16", 2, Family::integer},
                                               {"u8", 1, Family::integer},
                                               {"bool", 1, Family::boolean}}};
static_assert(facts.size() == std::size_t(DType::boolean) + 1);

}  // namespace

std::size_t size_of(DType type) { return facts[std::size_t(type)].size; }
std::string_view to_string(DType type) { return facts[std::size_t(type)].name; }
bool is_float(DType type) { return facts[std::size_t(type)].family == Family::floating; }
bool is_integer(DType type) { return facts[std::size_t(type)].family == Family::integer; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i < facts.size(); ++i) {
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
