#include "strata/tensor/narrow.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "strata/base/random.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// The tables of the papers: the bits of the fields, and the codes of special numbers (of positive
/// sign). -1: there is none.
struct FloatTable {
  DType type;
  int exponent_bits, mantissa_bits, bias;
  int largest;
  double largest_value, smallest_normal, smallest;
  int infinity, nan;
};

constexpr FloatTable tables[] = {
    {DType::f8e4m3fn, 4, 3, 7, 0x7e, 448, 0x1p-6, 0x1p-9, -1, 0x7f},
    {DType::f8e4m3fnuz, 4, 3, 8, 0x7f, 240, 0x1p-7, 0x1p-10, -1, 0x80},
    {DType::f8e5m2, 5, 2, 15, 0x7b, 57344, 0x1p-14, 0x1p-16, 0x7c, 0x7e},
    {DType::f8e5m2fnuz, 5, 2, 16, 0x7f, 57344, 0x1p-15, 0x1p-17, -1, 0x80},
    {DType::f6e2m3, 2, 3, 1, 0x1f, 7.5, 1, 0.125, -1, -1},
    {DType::f6e3m2, 3, 2, 3, 0x1f, 28, 0.25, 0.0625, -1, -1},
    {DType::f4e2m1, 2, 1, 1, 0x7, 6, 1, 0.5, -1, -1}};

bool is_fnuz(const FloatTable& t) { return t.nan == 0x80; }

/// The definition: (-1)^s * 1.m * 2^(e - bias), or 0.m * 2^(1 - bias) where e is 0.
double by_definition(const FloatTable& t, int code) {
  const int sign_at = t.exponent_bits + t.mantissa_bits;
  const int magnitude = code & ((1 << sign_at) - 1);
  const double sign = code >> sign_at & 1 ? -1 : 1;
  if (is_fnuz(t) ? code == t.nan : t.nan >= 0 && magnitude > std::max(t.largest, t.infinity)) {
    return nan;
  }
  if (magnitude == t.infinity) return sign * double(inf);
  const int exponent = magnitude >> t.mantissa_bits;
  const double fraction = std::ldexp(magnitude % (1 << t.mantissa_bits), -t.mantissa_bits);
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - t.bias)
                               : std::ldexp(1 + fraction, exponent - t.bias));
}

int codes(DType type) { return 1 << bits_of(type); }

TEST(Narrow, EveryCodeOfEveryFloatIsItsDefinition) {
  for (const FloatTable& t : tables) {
    SCOPED_TRACE(to_string(t.type));
    EXPECT_EQ(narrow_value(t.type, std::uint8_t(t.largest)), t.largest_value);
    EXPECT_EQ(narrow_value(t.type, std::uint8_t(1 << t.mantissa_bits)), t.smallest_normal);
    EXPECT_EQ(narrow_value(t.type, 1), t.smallest);
    for (int code = 0; code < codes(t.type); ++code) {
      const double expected = by_definition(t, code);
      const float value = narrow_value(t.type, std::uint8_t(code));
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(value)) << code;
        EXPECT_TRUE(std::isnan(narrow_value(t.type, narrow_code(t.type, double(value)))));
        continue;
      }
      EXPECT_EQ(value, expected) << code;
      EXPECT_EQ(std::signbit(value), std::signbit(expected)) << code;
      const NarrowRounding exact{.saturate = false};
      EXPECT_EQ(narrow_code(t.type, double(value), exact), code);
    }
  }
}

TEST(Narrow, NumbersBetweenTwoCodesRoundToTheNearestAndTiesToTheEvenCode) {
  for (const FloatTable& t : tables) {
    SCOPED_TRACE(to_string(t.type));
    for (int code = 0; code < t.largest; ++code) {
      const double low = narrow_value(t.type, std::uint8_t(code));
      const double high = narrow_value(t.type, std::uint8_t(code + 1));
      const double middle = (low + high) / 2;
      EXPECT_EQ(narrow_code(t.type, middle), code + code % 2) << code;
      EXPECT_EQ(narrow_code(t.type, std::nextafter(middle, low)), code);
      EXPECT_EQ(narrow_code(t.type, std::nextafter(middle, high)), code + 1);
    }
  }
}

// The two tables of ONNX's Cast.
TEST(Narrow, OutOfRangeNumbersSaturateOrBecomeInfinityOrNan) {
  const NarrowRounding open{.saturate = false};
  for (const FloatTable& t : tables) {
    SCOPED_TRACE(to_string(t.type));
    const auto sign = std::uint8_t(1 << (t.exponent_bits + t.mantissa_bits));
    const double step = t.largest_value - narrow_value(t.type, std::uint8_t(t.largest - 1));
    EXPECT_EQ(narrow_code(t.type, t.largest_value + step / 4, open), t.largest);
    for (const double beyond : {t.largest_value + step, 1e30, double(inf)}) {
      EXPECT_EQ(narrow_code(t.type, beyond), t.largest);
      EXPECT_EQ(narrow_code(t.type, -beyond), t.largest | sign);
      const int special = t.infinity >= 0 ? t.infinity : t.nan >= 0 ? t.nan : t.largest;
      EXPECT_EQ(narrow_code(t.type, beyond, open), special);
      EXPECT_EQ(narrow_code(t.type, -beyond, open), special | sign);
    }
    EXPECT_EQ(narrow_code(t.type, double(nan)), t.nan >= 0 ? t.nan : sign);
    EXPECT_EQ(narrow_code(t.type, -0.0), is_fnuz(t) ? 0 : sign);
    EXPECT_EQ(narrow_code(t.type, -t.smallest / 8), is_fnuz(t) ? 0 : sign);
  }
}

TEST(Narrow, ScalesArePowersOfTwo) {
  const DType type = DType::f8e8m0;
  for (int code = 0; code < 255; ++code) {
    const float value = narrow_value(type, std::uint8_t(code));
    EXPECT_EQ(value, std::ldexp(1.0, code - 127));
    for (const auto mode : {ScaleRounding::up, ScaleRounding::down, ScaleRounding::nearest}) {
      EXPECT_EQ(narrow_code(type, double(value), {.scale = mode}), code);
    }
  }
  EXPECT_TRUE(std::isnan(narrow_value(type, 255)));
  const auto code = [&](double value, ScaleRounding mode, bool saturate = true) {
    return int(narrow_code(type, value, {saturate, mode}));
  };
  EXPECT_EQ(code(5, ScaleRounding::up), 130);
  EXPECT_EQ(code(7.9, ScaleRounding::down), 129);
  EXPECT_EQ(code(6, ScaleRounding::nearest), 130);
  EXPECT_EQ(code(5.99, ScaleRounding::nearest), 129);
  EXPECT_EQ(code(0, ScaleRounding::up), 0);
  EXPECT_EQ(code(0, ScaleRounding::nearest, false), 255);
  EXPECT_EQ(code(double(inf), ScaleRounding::up), 254);
  EXPECT_EQ(code(3e38, ScaleRounding::up), 254);
  EXPECT_EQ(code(3e38, ScaleRounding::up, false), 255);
  EXPECT_EQ(code(double(nan), ScaleRounding::up), 255);
}

TEST(Narrow, IntegersTruncateFloatsAndKeepTheLowBitsOfIntegers) {
  EXPECT_EQ(narrow_value(DType::i4, 0x0f), -1);
  EXPECT_EQ(narrow_value(DType::i4, 0xf8), -8);  // other bits do not count
  EXPECT_EQ(narrow_value(DType::u4, 0x0f), 15);
  EXPECT_EQ(narrow_value(DType::i2, 2), -2);
  EXPECT_EQ(narrow_value(DType::u2, 3), 3);
  EXPECT_EQ(narrow_code(DType::i4, 1.9), 1);
  EXPECT_EQ(narrow_code(DType::i4, -1.9), 15);
  EXPECT_EQ(narrow_code(DType::i4, double(nan)), 0);
  EXPECT_EQ(narrow_code(DType::u4, std::int64_t(-9)), 7);
  EXPECT_EQ(narrow_code(DType::i2, std::uint64_t(5)), 1);
}

TEST(Narrow, IntegersOf64BitsRoundOnce) {
  // Just above the tie between 2^53 and 2^54 of f8e8m0 and between neighbours of f8e5m2.
  EXPECT_EQ(narrow_code(DType::f8e8m0, (std::int64_t(1) << 60) + 1), 127 + 61);
  EXPECT_EQ(narrow_code(DType::f8e5m2, std::int64_t(9 * 256 + 1)),
            narrow_code(DType::f8e5m2, 2560.0));
  EXPECT_EQ(narrow_code(DType::f8e5m2, std::int64_t(-9 * 256)),
            narrow_code(DType::f8e5m2, -2048.0));
  EXPECT_EQ(narrow_code(DType::f4e2m1, std::numeric_limits<std::int64_t>::min()), 0xf);
}

TEST(Narrow, TensorsCastToEveryTypeAndBack) {
  for (int t = int(DType::f8e4m3fn); t <= int(DType::u2); ++t) {
    const DType type = DType(t);
    SCOPED_TRACE(to_string(type));
    EXPECT_TRUE(is_narrow(type));
    EXPECT_FALSE(is_float(type) || is_integer(type));
    EXPECT_EQ(parse_dtype(to_string(type)), type);
    EXPECT_EQ(size_of(type), 1u);
    Tensor all = Tensor::zeros(type, {codes(type)});
    auto* bytes = static_cast<std::uint8_t*>(all.mutable_raw());
    for (int code = 0; code < codes(type); ++code) bytes[code] = std::uint8_t(code);
    for (const DType wide : {DType::f64, DType::f32}) {
      const Tensor back = all.cast(wide).cast(type);
      for (int code = 0; code < codes(type); ++code) {
        const float value = narrow_value(type, std::uint8_t(code));
        const float again = narrow_value(type, static_cast<const std::uint8_t*>(back.raw())[code]);
        if (std::isinf(value)) continue;  // saturates
        EXPECT_TRUE(again == value || (std::isnan(again) && std::isnan(value))) << code;
      }
    }
    const Tensor truth = Tensor::from<bool>({2}, {false, true});
    EXPECT_EQ(truth.cast(type).cast(DType::boolean).data<bool>()[1], true);
  }
}

TEST(Narrow, CodesArePackedFromTheLowestBit) {
  const std::vector<std::uint8_t> four{0x1, 0x2, 0xf};
  std::vector<std::byte> packed(packed_size(DType::i4, 3));
  pack_codes(DType::i4, four, packed);
  EXPECT_EQ(packed, (std::vector<std::byte>{std::byte(0x21), std::byte(0x0f)}));
  const std::vector<std::uint8_t> two{3, 0, 1, 2, 1};
  packed.resize(packed_size(DType::u2, 5));
  pack_codes(DType::u2, two, packed);
  EXPECT_EQ(packed, (std::vector<std::byte>{std::byte(0x93), std::byte(0x01)}));
  const std::vector<std::uint8_t> six{0x3f, 0x01, 0x02, 0x20};
  packed.resize(packed_size(DType::f6e2m3, 4));
  pack_codes(DType::f6e2m3, six, packed);
  EXPECT_EQ(packed, (std::vector<std::byte>{std::byte(0x7f), std::byte(0x20), std::byte(0x80)}));
}

TEST(Narrow, PackedCodesComeBack) {
  constexpr std::uint64_t seed = 7;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (const DType type : {DType::i4, DType::u2, DType::f6e3m2, DType::f8e5m2}) {
    for (std::size_t count = 0; count < 20; ++count) {
      std::vector<std::uint8_t> given(count), back(count);
      for (std::uint8_t& code : given)
        code = std::uint8_t(random.below(std::uint64_t(codes(type))));
      std::vector<std::byte> packed(packed_size(type, count));
      EXPECT_EQ(packed.size(), (count * std::size_t(bits_of(type)) + 7) / 8);
      pack_codes(type, given, packed);
      unpack_codes(type, packed, back);
      EXPECT_EQ(given, back) << to_string(type) << " " << count;
    }
  }
}

}  // namespace
}  // namespace strata
