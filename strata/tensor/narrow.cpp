#include "strata/tensor/narrow.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"

namespace strata {
namespace {

constexpr int none = -1;

/// A float with a sign bit, exponent and mantissa; the codes of its special numbers are those of
/// positive sign.
struct Format {
  int exponent_bits, mantissa_bits, bias;
  int largest;
  int infinity;   ///< none: there is none
  int nan;        ///< none: there is none
  bool one_zero;  ///< fnuz: the code of -0 is NaN, the only one
};

Format format_of(DType type) {
  switch (type) {
    case DType::f8e4m3fn:
      return {4, 3, 7, 0x7e, none, 0x7f, false};
    case DType::f8e4m3fnuz:
      return {4, 3, 8, 0x7f, none, 0x80, true};
    case DType::f8e5m2:
      return {5, 2, 15, 0x7b, 0x7c, 0x7e, false};
    case DType::f8e5m2fnuz:
      return {5, 2, 16, 0x7f, none, 0x80, true};
    case DType::f6e2m3:
      return {2, 3, 1, 0x1f, none, none, false};
    case DType::f6e3m2:
      return {3, 2, 3, 0x1f, none, none, false};
    default:
      STRATA_ASSERT(type == DType::f4e2m1);
      return {2, 1, 1, 0x7, none, none, false};
  }
}

constexpr float quiet_nan = std::numeric_limits<float>::quiet_NaN();

int mask_of(DType type) { return (1 << bits_of(type)) - 1; }

float float_value(const Format& format, int code) {
  const int sign_bit = 1 << (format.exponent_bits + format.mantissa_bits);
  const bool negative = (code & sign_bit) != 0;
  const int magnitude = code & (sign_bit - 1);
  if (format.one_zero && code == format.nan) return quiet_nan;
  float value;
  if (magnitude <= format.largest) {
    const int exponent = magnitude >> format.mantissa_bits;
    const int mantissa = magnitude & ((1 << format.mantissa_bits) - 1);
    const int implicit = exponent > 0 ? 1 << format.mantissa_bits : 0;
    value = std::ldexp(float(mantissa | implicit),
                       std::max(exponent, 1) - format.bias - format.mantissa_bits);
  } else {
    value = magnitude == format.infinity ? std::numeric_limits<float>::infinity() : quiet_nan;
  }
  return negative ? -value : value;
}

int magnitude_code(const Format& format, double magnitude, bool saturate) {
  const int beyond = saturate || (format.nan == none && format.infinity == none) ? format.largest
                     : format.infinity != none                                   ? format.infinity
                                                                                 : format.nan;
  if (std::isinf(magnitude)) return beyond;
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  // Steps between neighbours are as wide as those of the smallest normal numbers, or wider.
  const int lowest = 1 - format.bias;
  const int binade = magnitude == 0 ? lowest : std::max(exponent - 1, lowest);
  const double steps = std::nearbyint(std::ldexp(magnitude, format.mantissa_bits - binade));
  // A carry out of the mantissa is one into the exponent, as the fields are neighbours.
  const int code = ((binade - lowest) << format.mantissa_bits) + int(steps);
  return code > format.largest ? beyond : code;
}

int float_code(const Format& format, double value, bool saturate) {
  const int sign_bit = 1 << (format.exponent_bits + format.mantissa_bits);
  const int sign = std::signbit(value) ? sign_bit : 0;
  if (std::isnan(value)) {
    if (format.nan == none) return sign_bit;
    return format.one_zero ? format.nan : format.nan | sign;
  }
  const int code = magnitude_code(format, std::fabs(value), saturate);
  return format.one_zero && (code == 0 || code == format.nan) ? code : code | sign;
}

// 2^(code - 127); 255 is NaN.
constexpr int scale_nan = 0xff;
constexpr int scale_bias = 127;
constexpr int largest_scale = 0xfe;

int scale_code(double value, NarrowRounding rounding) {
  if (std::isnan(value) || value < 0) return scale_nan;
  const int below = rounding.saturate ? 0 : scale_nan;
  const int above = rounding.saturate ? largest_scale : scale_nan;
  if (std::isinf(value)) return above;
  if (value < std::ldexp(1.0, -scale_bias)) return below;
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);  // in [1/2, 1)
  int code = exponent - 1 + scale_bias;
  if (rounding.scale == ScaleRounding::up) code += fraction > 0.5;
  if (rounding.scale == ScaleRounding::nearest) code += fraction >= 0.75;
  return code > largest_scale ? above : code;
}

// Rounded to odd, so that the second rounding is right: a narrow float has far fewer than 53 bits.
double to_double_odd(std::uint64_t magnitude) {
  if (magnitude >> 53 == 0) return double(magnitude);
  const bool inexact = (magnitude & 0x7ff) != 0;
  return double((magnitude & ~std::uint64_t(0x7ff)) | (inexact ? 0x800 : 0));
}

std::int64_t truncate(double value) {
  constexpr double limit = 0x1p63;
  if (std::isnan(value)) return 0;
  if (value >= limit) return std::numeric_limits<std::int64_t>::max();
  if (value < -limit) return std::numeric_limits<std::int64_t>::min();
  return std::int64_t(value);
}

}  // namespace

float narrow_value(DType type, std::uint8_t code) noexcept {
  const int bits = code & mask_of(type);
  switch (type) {
    case DType::u4:
    case DType::u2:
      return float(bits);
    case DType::i4:
      return float(bits >= 8 ? bits - 16 : bits);
    case DType::i2:
      return float(bits >= 2 ? bits - 4 : bits);
    case DType::f8e8m0:
      return bits == scale_nan ? quiet_nan : std::ldexp(1.0f, bits - scale_bias);
    default:
      return float_value(format_of(type), bits);
  }
}

std::uint8_t narrow_code(DType type, double value, NarrowRounding rounding) noexcept {
  if (is_narrow_integer(type)) return std::uint8_t(truncate(value) & mask_of(type));
  if (type == DType::f8e8m0) return std::uint8_t(scale_code(value, rounding));
  return std::uint8_t(float_code(format_of(type), value, rounding.saturate));
}

std::uint8_t narrow_code(DType type, std::int64_t value, NarrowRounding rounding) noexcept {
  if (is_narrow_integer(type)) return std::uint8_t(value & mask_of(type));
  const double magnitude =
      to_double_odd(value < 0 ? 0 - std::uint64_t(value) : std::uint64_t(value));
  return narrow_code(type, value < 0 ? -magnitude : magnitude, rounding);
}

std::uint8_t narrow_code(DType type, std::uint64_t value, NarrowRounding rounding) noexcept {
  if (is_narrow_integer(type)) return std::uint8_t(value & std::uint64_t(mask_of(type)));
  return narrow_code(type, to_double_odd(value), rounding);
}

std::size_t packed_size(DType type, std::size_t elements) noexcept {
  // Written so that no count of elements that fits memory overflows.
  const auto bits = std::size_t(bits_of(type));
  return elements / 8 * bits + (elements % 8 * bits + 7) / 8;
}

void pack_codes(DType type, std::span<const std::uint8_t> codes, std::span<std::byte> packed) {
  STRATA_ASSERT(packed.size() == packed_size(type, codes.size()));
  const int bits = bits_of(type);
  unsigned pending = 0;
  int held = 0;
  std::size_t at = 0;
  for (const std::uint8_t code : codes) {
    pending |= unsigned(code & mask_of(type)) << held;
    held += bits;
    if (held < 8) continue;
    packed[at++] = std::byte(pending & 0xff);
    pending >>= 8;
    held -= 8;
  }
  if (held > 0) packed[at] = std::byte(pending & 0xff);
}

void unpack_codes(DType type, std::span<const std::byte> packed, std::span<std::uint8_t> codes) {
  STRATA_ASSERT(packed.size() == packed_size(type, codes.size()));
  const int bits = bits_of(type);
  unsigned pending = 0;
  int held = 0;
  std::size_t at = 0;
  for (std::uint8_t& code : codes) {
    if (held < bits) {
      pending |= std::to_integer<unsigned>(packed[at++]) << held;
      held += 8;
    }
    code = std::uint8_t(pending & unsigned(mask_of(type)));
    pending >>= bits;
    held -= bits;
  }
}

}  // namespace strata
