#include "strata/tensor/fixed_point.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "strata/base/random.hpp"

namespace strata {
namespace {

double value_of(FixedMultiplier m) { return std::ldexp(double(m.multiplier), m.shift - 31); }

TEST(FixedPoint, MultipliersHave31Bits) {
  Random random(1);
  for (int i = 0; i < 1000; ++i) {
    const double q = std::ldexp(random.uniform() + 0.5, int(random.below(40)) - 25);
    const FixedMultiplier m = fixed_multiplier(q);
    EXPECT_LE(std::fabs(value_of(m) - q), q * 0x1p-31) << q << ", seed 1";
    EXPECT_GE(m.multiplier, 1 << 30);
  }
  EXPECT_EQ(value_of(fixed_multiplier(0.25)), 0.25);
  EXPECT_EQ(value_of(fixed_multiplier(-0.75)), -0.75);
  // Rounding up to the next power of two takes a shift more.
  EXPECT_EQ(value_of(fixed_multiplier(1 - 0x1p-40)), 1);
}

TEST(FixedPoint, MultipliersOutOfRangeAreZeroOrTheLargest) {
  EXPECT_EQ(fixed_multiplier(0).multiplier, 0);
  EXPECT_EQ(fixed_multiplier(0x1p-40).multiplier, 0);
  for (const double q : {0x1p40, double(INFINITY), double(NAN)}) {
    EXPECT_EQ(fixed_multiplier(q).multiplier, std::numeric_limits<std::int32_t>::max()) << q;
    EXPECT_EQ(fixed_multiplier(q).shift, 30) << q;
  }
  for (const double q : {-0x1p40, -std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(fixed_multiplier(q).multiplier, -std::numeric_limits<std::int32_t>::max()) << q;
    EXPECT_EQ(fixed_multiplier(q).shift, 30) << q;
  }
}

TEST(FixedPoint, HighProductsRoundHalvesUp) {
  EXPECT_EQ(high_product(1 << 30, 1), 1);   // 1/2
  EXPECT_EQ(high_product(1 << 30, -1), 0);  // -1/2
  EXPECT_EQ(high_product((1 << 30) - 1, 1), 0);
  EXPECT_EQ(high_product(INT32_MIN, INT32_MIN), INT32_MAX);
  EXPECT_EQ(high_product_16(INT16_MIN, INT16_MIN), INT16_MAX);
}

TEST(FixedPoint, ShiftsRoundHalvesAwayOrUp) {
  EXPECT_EQ(shift_away(5, 1), 3);
  EXPECT_EQ(shift_away(-5, 1), -3);
  EXPECT_EQ(shift_up(5, 1), 3);
  EXPECT_EQ(shift_up(-5, 1), -2);
  EXPECT_EQ(shift_away(-6, 2), -2);
  EXPECT_EQ(shift_up(-6, 2), -1);
  EXPECT_EQ(shift_away(7, 0), 7);
  EXPECT_EQ(saturating_shift_left(1 << 30, 1), INT32_MAX);
  EXPECT_EQ(saturating_shift_left(-(1 << 30), 2), INT32_MIN);
}

TEST(FixedPoint, ProductsRoundTwice) {
  const FixedMultiplier half = fixed_multiplier(0.5), eighth = fixed_multiplier(0.125);
  EXPECT_EQ(multiply_away(3, half), 2);
  EXPECT_EQ(multiply_away(-3, half), -1);  // rounded once, half up
  EXPECT_EQ(multiply_up(-12, eighth), -1);
  EXPECT_EQ(multiply_away(-12, eighth), -2);
  // 5 * 0.28 is 1.4; 2.8 becomes 3 first, whose half becomes 2.
  EXPECT_EQ(multiply_away(5, fixed_multiplier(0.28)), 2);
  EXPECT_EQ(multiply_wide(std::int64_t(1) << 40, fixed_multiplier(0x1p-30)), 1 << 10);
}

// Errors of the approximations: the exponential's series has four terms, the reciprocal three steps
// of Newton's method from an error of 1/17, whose eighth power lies below the last bit.
TEST(FixedPoint, FunctionsComeCloseToTheRealOnes) {
  for (int i = 0; i <= 1000; ++i) {
    const double x = -i * 0.02;
    const auto fixed = std::int32_t(std::ldexp(x, 26));
    const double truncated = std::pow(0.125, 5) / 120;
    EXPECT_NEAR(std::ldexp(fixed_exp(fixed), -31), std::exp(std::ldexp(fixed, -26)),
                truncated + 16 * 0x1p-31);
  }
  for (int i = 0; i < 1000; ++i) {
    const auto fixed = std::int32_t(std::ldexp(i / 1000.0, 31));
    EXPECT_NEAR(std::ldexp(fixed_reciprocal(fixed), -31), 1 / (1 + std::ldexp(fixed, -31)),
                std::pow(1.0 / 17, 8) + 16 * 0x1p-31);
  }
}

TEST(FixedPoint, SixteenBitFunctionsAreOddAndSaturate) {
  for (int x = -32768; x <= 32767; x += 7) {
    const double real = std::ldexp(x, -12);
    EXPECT_NEAR(std::ldexp(fixed_sigmoid(std::int16_t(x), 3), -15), 1 / (1 + std::exp(-real)),
                32 * 0x1p-15);
    EXPECT_NEAR(std::ldexp(fixed_tanh(std::int16_t(x), 3), -15), std::tanh(real), 64 * 0x1p-15);
  }
  for (int bits = 0; bits <= 6; ++bits) {
    for (int x = 1; x <= 32767; x += 11) {
      EXPECT_EQ(fixed_tanh(std::int16_t(-x), bits), -fixed_tanh(std::int16_t(x), bits));
    }
    EXPECT_EQ(fixed_tanh(0, bits), 0);
  }
  EXPECT_GE(fixed_tanh(INT16_MAX, 6), INT16_MAX - 8);
}

}  // namespace
}  // namespace strata
