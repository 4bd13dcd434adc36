#include "strata/tensor/dtype.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace strata {
namespace {

constexpr DType all_types[] = {DType::f64, DType::f32, DType::f16,    DType::bf16, DType::i64,
                               DType::i32, DType::i16, DType::i8,     DType::u64,  DType::u32,
                               DType::u16, DType::u8,  DType::boolean};

TEST(DType, NamesReadBackAndSizesMatch) {
  for (DType type : all_types) {
    EXPECT_EQ(parse_dtype(to_string(type)), type);
    dispatch(type, [&]<class T>() {
      EXPECT_EQ(size_of(type), sizeof(T));
      EXPECT_EQ(dtype_of<T>, type);
    });
  }
  EXPECT_EQ(to_string(DType::boolean), "bool");
  EXPECT_EQ(parse_dtype("float"), std::nullopt);
  EXPECT_EQ(parse_dtype(""), std::nullopt);
}

TEST(DType, KindsAreDisjoint) {
  int floats = 0, integers = 0;
  for (DType type : all_types) {
    EXPECT_FALSE(is_float(type) && is_integer(type));
    floats += is_float(type);
    integers += is_integer(type);
  }
  EXPECT_EQ(floats, 4);
  EXPECT_EQ(integers, 8);
}

/// Value of a pattern with `digits` stored significand bits and exponents from `lowest`, by the
/// definition of IEEE 754; NaN and infinity are the caller's.
double value_of(std::uint16_t bits, int digits, int lowest) {
  const int exponent = (bits & 0x7fff) >> digits;
  const int fraction = bits & ((1 << digits) - 1);
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, lowest - digits)
                    : std::ldexp(fraction + (1 << digits), lowest - digits + exponent - 1);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

/// x rounded to nearest even with `digits` stored bits and no exponent below `lowest`.
double rounded(double x, int digits, int lowest, double largest) {
  if (x == 0 || !std::isfinite(x)) return x;
  const int exponent = std::max(std::ilogb(x), lowest);
  const double unit = std::ldexp(1.0, exponent - digits);
  const double result = std::nearbyint(x / unit) * unit;
  return std::fabs(result) > largest ? std::copysign(INFINITY, x) : result;
}

template <class T>
struct ShortFloat;
template <>
struct ShortFloat<Half> {
  static constexpr int digits = 10, lowest = -14;
  static constexpr double largest = 65504;
  static constexpr std::uint16_t infinity = 0x7c00;
};
template <>
struct ShortFloat<BFloat16> {
  static constexpr int digits = 7, lowest = -126;
  static constexpr double largest = 0x1.fep127;
  static constexpr std::uint16_t infinity = 0x7f80;
};

template <class T>
class ShortFloatTest : public testing::Test {};
using ShortFloats = testing::Types<Half, BFloat16>;
TYPED_TEST_SUITE(ShortFloatTest, ShortFloats);

TYPED_TEST(ShortFloatTest, EveryPatternHasItsValueAndReturns) {
  using Facts = ShortFloat<TypeParam>;
  for (int pattern = 0; pattern < 65536; ++pattern) {
    TypeParam number;
    number.bits = std::uint16_t(pattern);
    const float value = number;
    if ((pattern & 0x7fff) > Facts::infinity) {
      ASSERT_TRUE(std::isnan(value)) << pattern;
    } else if ((pattern & 0x7fff) == Facts::infinity) {
      ASSERT_EQ(value, (pattern & 0x8000) != 0 ? -INFINITY : INFINITY);
    } else {
      ASSERT_EQ(value, value_of(number.bits, Facts::digits, Facts::lowest)) << pattern;
    }
    ASSERT_EQ(TypeParam(value).bits, pattern);
  }
}

// All signs, exponents and leading fraction bits, with every kind of tail around the midpoints.
TYPED_TEST(ShortFloatTest, RoundsToNearestEven) {
  using Facts = ShortFloat<TypeParam>;
  constexpr std::uint32_t tails[] = {0x0000, 0x0001, 0x0fff, 0x1000, 0x1001, 0x1fff, 0x2000,
                                     0x3000, 0x4000, 0x5000, 0x6fff, 0x7000, 0x7fff, 0x8000,
                                     0x8001, 0xb000, 0xc000, 0xefff, 0xf000, 0xf001, 0xffff};
  for (std::uint32_t head = 0; head < 65536; ++head) {
    for (std::uint32_t tail : tails) {
      const float x = std::bit_cast<float>(head << 16 | tail);
      const float result = TypeParam(x);
      if (std::isnan(x)) {
        ASSERT_TRUE(std::isnan(result));
        ASSERT_EQ(std::signbit(result), std::signbit(x));
        continue;
      }
      ASSERT_EQ(result, rounded(x, Facts::digits, Facts::lowest, Facts::largest)) << x;
      ASSERT_EQ(std::signbit(result), std::signbit(x)) << x;
    }
  }
}

TYPED_TEST(ShortFloatTest, RoundsEachMidpointAndItsNeighbours) {
  using Facts = ShortFloat<TypeParam>;
  for (std::uint16_t bits = 0; bits < Facts::infinity; ++bits) {
    TypeParam number;
    number.bits = bits;
    const double low = number;
    number.bits = std::uint16_t(bits + 1);
    const double high =
        bits + 1 == Facts::infinity
            ? 2 * Facts::largest - low + std::ldexp(1.0, std::ilogb(low) - Facts::digits)
            : double(float(number));
    const float middle = float((low + high) / 2);
    if (double(middle) != (low + high) / 2) continue;  // bf16 subnormals need more bits than f32
    ASSERT_EQ(TypeParam(middle).bits, (bits & 1) == 0 ? bits : bits + 1);
    ASSERT_EQ(TypeParam(std::nextafterf(middle, 0.0f)).bits, bits);
    ASSERT_EQ(TypeParam(std::nextafterf(middle, INFINITY)).bits, bits + 1);
  }
}

TEST(Half, PublishedPatterns) {
  EXPECT_EQ(Half(1.0f).bits, 0x3c00);
  EXPECT_EQ(Half(-2.0f).bits, 0xc000);
  EXPECT_EQ(Half(1.0f / 3).bits, 0x3555);
  EXPECT_EQ(Half(65504.0f).bits, 0x7bff);
  EXPECT_EQ(Half(0x1p-24f).bits, 0x0001);
  EXPECT_EQ(Half(0x1p-14f).bits, 0x0400);
}

TEST(BFloat16, PublishedPatterns) {
  EXPECT_EQ(BFloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(BFloat16(-2.0f).bits, 0xc000);
  EXPECT_EQ(BFloat16(1.0f / 3).bits, 0x3eab);
  EXPECT_EQ(BFloat16(3.14159265f).bits, 0x4049);
  EXPECT_EQ(BFloat16(std::numeric_limits<float>::max()).bits, 0x7f80);
}

}  // namespace
}  // namespace strata
