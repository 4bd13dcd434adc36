#include "strata/tensor/tflite_arithmetic.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "strata/tensor/tflite_dynamic.hpp"
#include "strata/tensor/tflite_functions.hpp"

namespace strata {
namespace {

constexpr QuantizedRange i8{-128, 127};
constexpr QuantizedRange u8{0, 255};

Rescale rescale(Arithmetic arithmetic, SumOf sum, DType type, float scale) {
  return rescale_of({.arithmetic = arithmetic,
                     .sum = sum,
                     .type = type,
                     .x_scale = scale,
                     .w_scale = 1,
                     .y = {1, 0}});
}

TEST(Arithmetic, IsNamed) {
  for (const Arithmetic a : {Arithmetic::onnx, Arithmetic::tflite_reference,
                             Arithmetic::tflite_optimized, Arithmetic::tflite_xnnpack}) {
    EXPECT_EQ(arithmetic_named(to_string(a)), a);
  }
  EXPECT_FALSE(arithmetic_named("tflite"));
}

// A half, where the modes part: away from zero, up, to even.
TEST(TfliteArithmetic, ModesRoundHalvesDifferently) {
  const auto quarter = [](Arithmetic arithmetic, SumOf sum, DType type, std::int64_t value) {
    return rescale(arithmetic, sum, type, 0.25f)(value);
  };
  using enum Arithmetic;
  using enum SumOf;
  EXPECT_EQ(quarter(tflite_reference, convolution, DType::i8, -10), -3);
  EXPECT_EQ(quarter(tflite_optimized, convolution, DType::i8, -10), -2);
  EXPECT_EQ(quarter(tflite_xnnpack, convolution, DType::i8, -10), -2);
  EXPECT_EQ(quarter(tflite_xnnpack, convolution, DType::i8, -14), -4);
  EXPECT_EQ(quarter(onnx, convolution, DType::i8, -14), -4);
  EXPECT_EQ(quarter(tflite_optimized, depthwise, DType::u8, -10), 0);
  EXPECT_EQ(quarter(tflite_reference, fully_connected, DType::i8, -10), -3);
}

// Optimised kernels take 8 channels at once, and round those otherwise than the rest.
TEST(TfliteArithmetic, BlocksOfChannelsRoundUp) {
  for (const SumOf sum : {SumOf::depthwise, SumOf::transposed}) {
    RescaleOf of{.arithmetic = Arithmetic::tflite_optimized,
                 .sum = sum,
                 .type = DType::i8,
                 .x_scale = 1,
                 .w_scale = 1,
                 .y = {1, 0}};
    EXPECT_EQ(rescale_of(of).rule, Rescale::Rule::fixed_away);
    of.in_block_of_8 = true;
    EXPECT_EQ(rescale_of(of).rule, Rescale::Rule::fixed_up);
  }
}

TEST(TfliteArithmetic, ReferenceLayersRoundOnceInDouble) {
  const Rescale layer =
      rescale(Arithmetic::tflite_reference, SumOf::fully_connected, DType::i8, 0.1f);
  EXPECT_EQ(layer.rule, Rescale::Rule::real_away);
  const Rescale wide = rescale_of({.arithmetic = Arithmetic::tflite_reference,
                                   .sum = SumOf::convolution,
                                   .type = DType::i16,
                                   .wide = true,
                                   .x_scale = 0.5f,
                                   .w_scale = 0.5f,
                                   .y = {1, 0}});
  EXPECT_EQ(wide.rule, Rescale::Rule::fixed_wide);
  EXPECT_EQ(wide(-10), -2);  // half up
}

TEST(TfliteArithmetic, SaturatesWhateverTheScales) {
  for (const Arithmetic a :
       {Arithmetic::tflite_reference, Arithmetic::tflite_optimized, Arithmetic::tflite_xnnpack}) {
    EXPECT_EQ(rescale(a, SumOf::convolution, DType::i8, 1)(1 << 29), 127);
    EXPECT_EQ(rescale(a, SumOf::convolution, DType::u8, 1)(-(1 << 29)), 0);
    for (const float ratio : {1e-30f, 1e30f}) {
      const FixedSum sum = sum_of(a, {ratio, 0}, {1, 3}, 1, {1, 1}, DType::i8);
      const std::int32_t y = sum(127, -128);
      EXPECT_TRUE(y >= -128 && y <= 127);
    }
  }
}

TEST(TfliteArithmetic, AveragesRoundHalvesAwayFromZero) {
  EXPECT_EQ(average_of(5, 2), 3);
  EXPECT_EQ(average_of(-5, 2), -3);
  EXPECT_EQ(average_of(0, 4), 0);
}

TEST(CodeAverage, TreatsTiesByItsRule) {
  const QuantizedOperand x{1, 0}, y{1, 1};
  const auto mean = [&](Arithmetic a) { return mean_average_of(a, x, 2, y, u8); };
  const auto window = [&](Arithmetic a) { return window_average_of(a, x, y, u8); };
  EXPECT_EQ(mean(Arithmetic::onnx)(1, 2), 1);                // R(0.5) + 1
  EXPECT_EQ(mean(Arithmetic::onnx)(3, 2), 3);                // R(1.5) + 1
  EXPECT_EQ(window(Arithmetic::onnx)(1, 2), 2);              // R(1.5)
  EXPECT_EQ(window(Arithmetic::onnx)(3, 2), 2);              // R(2.5)
  EXPECT_EQ(mean(Arithmetic::tflite_reference)(1, 2), 2);    // A(0.5) + 1
  EXPECT_EQ(window(Arithmetic::tflite_reference)(1, 2), 1);  // A(0.5)
}

TEST(CodeAverage, OfNothingIsTheZeroPointAndOfManyHasNoLimit) {
  constexpr std::int64_t many = 2904 * 2904;  // times 255 is beyond 32 bits
  const QuantizedOperand grid{1, 7};
  for (const Arithmetic a : {Arithmetic::onnx, Arithmetic::tflite_reference,
                             Arithmetic::tflite_optimized, Arithmetic::tflite_xnnpack}) {
    EXPECT_EQ(mean_average_of(a, grid, 0, grid, u8)(0, 0), 7);
    EXPECT_EQ(window_average_of(a, grid, grid, u8)(0, 0), 7);
    EXPECT_EQ(mean_average_of(a, {1, 0}, many, {1, 0}, u8)(255 * many, many), 255);
    EXPECT_EQ(window_average_of(a, {1, 0}, {1, 0}, u8)(255 * many, many), 255);
  }
}

TEST(TfliteArithmetic, TablesHoldAllCodes) {
  const CodeTable halves = real_table(u8, {1, 0}, {2, 0}, [](float x) { return x; });
  EXPECT_EQ(halves[3], 2);  // 1.5
  EXPECT_EQ(halves[5], 3);  // 2.5, away from zero
  const CodeTable swish = hard_swish_table(i8, {0.05f, 0}, {0.05f, 0});
  EXPECT_EQ(swish[std::uint8_t(-128)], 0);
  EXPECT_EQ(swish[127], 127);
}

TEST(FixedSoftmax, EqualNumbersShareOutOne) {
  for (const Arithmetic a : {Arithmetic::tflite_reference, Arithmetic::tflite_optimized}) {
    const FixedSoftmax softmax(a, 1, {0.1f, 0}, {1 / 256.0f, -128}, i8);
    std::int8_t x[4] = {7, 7, 7, 7}, y[4];
    softmax(x, y, 4, 1);
    for (const std::int8_t v : y) EXPECT_EQ(v, -64);
  }
}

TEST(FixedSoftmax, StaysWithinCodesWhateverTheScale) {
  std::int8_t x[3] = {127, -128, 0}, y[3];
  FixedSoftmax(Arithmetic::tflite_optimized, 1, {1, 0}, {1e-12f, -128}, i8)(x, y, 3, 1);
  EXPECT_EQ(y[0], 127);
  EXPECT_EQ(y[1], -128);
}

// LiteRT's reference kernel aborts the process here.
TEST(FixedSoftmax, SharesOutAmongThousands) {
  const FixedSoftmax softmax(Arithmetic::tflite_reference, 1, {0.1f, 0}, {1 / 256.0f, 0}, u8);
  std::vector<std::uint8_t> x(2000, 9), y(2000, 77);
  softmax(x.data(), y.data(), 2000, 1);
  for (const std::uint8_t v : y) EXPECT_EQ(v, 0);
  x[5] = 255;
  softmax(x.data(), y.data(), 2000, 1);
  EXPECT_EQ(y[5], 255);
}

TEST(DynamicGrid, CoversTheNumbersAndZero) {
  const float x[] = {1, 2, 3};
  EXPECT_EQ(symmetric_grid(range_of(x)).code(3), 127);
  EXPECT_EQ(symmetric_grid(range_of(x)).code(-3), -127);
  for (const Arithmetic a : {Arithmetic::tflite_reference, Arithmetic::tflite_xnnpack}) {
    const DynamicGrid grid = asymmetric_grid(a, range_of(x));
    EXPECT_EQ(grid.zero_point, -128);
    EXPECT_EQ(grid.code(0), -128);
    EXPECT_EQ(grid.code(3), 127);
    const float zeros[] = {0, 0};
    const DynamicGrid flat = asymmetric_grid(a, range_of(zeros));
    EXPECT_EQ(flat.code(0), flat.zero_point);
    EXPECT_EQ(grid.code(NAN), -128);
    for (const float far : {INFINITY, -INFINITY, 1e-40f}) {
      const float numbers[] = {1e-42f, far};
      const DynamicGrid edge = asymmetric_grid(a, range_of(numbers));
      EXPECT_GE(edge.zero_point, -128);
      EXPECT_LE(edge.zero_point, 127);
      EXPECT_EQ(edge.code(NAN), -128);
    }
  }
}

TEST(LargestSum, SaturatesAndCountsTheBias) {
  EXPECT_EQ(largest_distance(i8, -128), 255);
  EXPECT_EQ(largest_distance(u8, 100), 155);
  EXPECT_EQ(largest_sum(255, 1000, -7), 255007);
  EXPECT_EQ(largest_sum(255, std::int64_t(1) << 60, 0), INT64_MAX);
  EXPECT_EQ(largest_sum(0, 0, INT64_MIN), INT64_MAX);
}

}  // namespace
}  // namespace strata
