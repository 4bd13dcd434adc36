#include "strata/tensor/integer_arithmetic.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace strata {
namespace {

constexpr QuantizedRange u8{0, 255};
constexpr QuantizedRange i8{-128, 127};

TEST(IntegerArithmetic, RangesAreThoseOfTheTypes) {
  for (const DType type : {DType::i8, DType::u8, DType::i16, DType::u16}) {
    const auto range = quantized_range(type);
    ASSERT_TRUE(range);
    EXPECT_EQ(range->high - range->low, (1 << bits_of(type)) - 1);
  }
  EXPECT_EQ(quantized_range(DType::i4)->low, -8);
  EXPECT_EQ(quantized_range(DType::u2)->high, 3);
  EXPECT_FALSE(quantized_range(DType::f32));
  EXPECT_FALSE(quantized_range(DType::f8e5m2));
  EXPECT_FALSE(quantized_range(DType::i32));
}

TEST(IntegerArithmetic, RequantizingRoundsHalvesToEvenBeforeTheZeroPoint) {
  using onnx_arithmetic::requantize;
  EXPECT_EQ(requantize(1, 0.5f, 1, u8), 1);  // 0.5 becomes 0
  EXPECT_EQ(requantize(3, 0.5f, 1, u8), 3);  // 1.5 becomes 2
  EXPECT_EQ(requantize(-1, 0.5f, 3, i8), 3);
  EXPECT_EQ(requantize(-3, 0.5f, 3, i8), 1);
  EXPECT_EQ(requantize(std::numeric_limits<std::int32_t>::max(), 1, 0, i8), 127);
  EXPECT_EQ(requantize(std::numeric_limits<std::int32_t>::min(), 1, 0, u8), 0);
  // The sum is rounded to f32 first: 2^24 + 1 becomes 2^24.
  EXPECT_EQ(requantize((1 << 24) + 1, 0x1p-24f, 0, u8), 1);
}

TEST(IntegerArithmetic, ScalesMultiplyBeforeTheyDivide) {
  const float a = 3e-30f, b = 3e-10f, y = 1e-38f;
  EXPECT_EQ(onnx_arithmetic::requantize_scale(a, b, y), a * b / y);
}

TEST(IntegerArithmetic, QuantizingDivides) {
  // 5 * (1 / 0.3f) rounds differently from 5 / 0.3f for some numbers; division it is.
  for (int k = 0; k < 100; ++k) {
    const float x = float(k) * 0.15f;
    EXPECT_EQ(onnx_arithmetic::quantize(x, 0.3f, 0, u8), int(std::nearbyint(x / 0.3f)));
  }
  EXPECT_EQ(onnx_arithmetic::quantize(std::nanf(""), 1, 7, u8), 0);
  EXPECT_EQ(onnx_arithmetic::quantize(INFINITY, 1, 7, i8), 127);
}

TEST(IntegerArithmetic, SumsRoundWithTheZeroPoint) {
  using namespace onnx_arithmetic;
  const AddRatios ratios = add_ratios({0.5f, 0}, {0.5f, 0}, {1, 3});
  EXPECT_EQ(add(1, 2, ratios, u8), 4);  // 4.5 becomes 4, where 1.5 rounded and 3 would be 5
  EXPECT_EQ(add(1, 0, ratios, u8), 4);  // 3.5
  EXPECT_EQ(add(255, 255, add_ratios({1, 0}, {1, 0}, {1, 0}), u8), 255);
}

TEST(IntegerArithmetic, ProductsRoundWithTheZeroPoint) {
  using onnx_arithmetic::multiply;
  EXPECT_EQ(multiply(3, 0.5f, 3, u8), 4);
  EXPECT_EQ(multiply(1, 0.5f, 3, u8), 4);
  EXPECT_EQ(multiply(-1000, 1, 0, i8), -128);
}

}  // namespace
}  // namespace strata
