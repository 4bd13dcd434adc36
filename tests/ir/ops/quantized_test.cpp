#include <cmath>
#include <limits>

#include "strata/base/random.hpp"
#include "strata/tensor/integer_arithmetic.hpp"
#include "strata/tensor/narrow.hpp"
#include "tests/ir/ops/single_op.hpp"

namespace strata::ir::testing {
namespace {

Tensor u8(const Shape& shape, std::initializer_list<std::uint8_t> values) {
  return Tensor::from<std::uint8_t>(shape, values);
}
Tensor u8(std::uint8_t value) { return Tensor::scalar(value); }
Tensor f32(float value) { return Tensor::scalar(value); }
Tensor floats(const Shape& shape, std::initializer_list<float> values) {
  return Tensor::from<float>(shape, values);
}
Tensor codes(DType type, const Shape& shape, std::initializer_list<std::uint8_t> values) {
  Tensor tensor = Tensor::zeros(type, shape);
  std::copy(values.begin(), values.end(), static_cast<std::uint8_t*>(tensor.mutable_raw()));
  return tensor;
}

// The examples of the ONNX specification.
TEST(MatMulInteger, IsAProductWithoutZeroPoints) {
  const Tensor a = u8({4, 3}, {11, 7, 3, 10, 6, 2, 9, 5, 1, 8, 4, 0});
  const Tensor b = u8({3, 2}, {1, 4, 2, 5, 3, 6});
  expect_integers(run_op("MatMulInteger", {a, b, u8(12), u8(0)})[0], {4, 2},
                  {-38, -83, -44, -98, -50, -113, -56, -128});
  expect_refused("MatMulInteger", {a, b, u8({2}, {1, 2})}, {}, "length of a_zero_point is 2");
  expect_refused("MatMulInteger", {a, b, Tensor::scalar<std::int8_t>(0)}, {}, "i8");
  expect_refused("MatMulInteger", {counting({2, 2}), b}, {}, "A has element type f32");
}

TEST(ConvInteger, PaddingStandsForTheZeroPoint) {
  const Tensor x = u8({1, 1, 3, 3}, {2, 3, 4, 5, 6, 7, 8, 9, 10});
  const Tensor w = u8({1, 1, 2, 2}, {1, 1, 1, 1});
  expect_integers(run_op("ConvInteger", {x, w, u8(1)})[0], {1, 1, 2, 2}, {12, 16, 24, 28});
  expect_integers(
      run_op("ConvInteger", {x, w, u8(1)}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}})[0],
      {1, 1, 4, 4}, {1, 3, 5, 3, 5, 12, 16, 9, 11, 24, 28, 15, 7, 15, 17, 9});
  expect_refused("ConvInteger", {x, w, u8({2}, {1, 2})}, {}, "x_zero_point has shape [2]");
  expect_refused("ConvInteger", {x, w, u8(1), u8({3}, {1, 2, 3})}, {},
                 "length of w_zero_point is 3, expected 1");
}

TEST(QLinearMatMul, MatchesTheSpecification) {
  const std::vector<Tensor> operands{
      u8({2, 4}, {208, 236, 0, 238, 3, 214, 255, 29}),
      f32(0.0066f),
      u8(113),
      u8({4, 3}, {152, 51, 244, 60, 26, 255, 0, 127, 246, 127, 254, 247}),
      f32(0.00705f),
      u8(114),
      f32(0.0107f),
      u8(118)};
  expect_integers(run_op("QLinearMatMul", operands)[0], {2, 3}, {168, 115, 255, 1, 66, 151});
  std::vector<Tensor> halves = operands;
  for (const std::size_t i : {1, 4, 6}) halves[i] = operands[i].cast(DType::f16);
  EXPECT_EQ(run_op("QLinearMatMul", halves)[0].dtype(), DType::u8);
  std::vector<Tensor> mixed = operands;
  mixed[4] = halves[4];
  expect_refused("QLinearMatMul", mixed, {}, "f16");
}

TEST(QLinearMatMul, MultipliesEightBitFloatsAsNumbers) {
  // 1.5 * 2, scaled by 2 * 1 / 0.5
  const auto f8 = [](std::uint8_t code, const Shape& shape) {
    return codes(DType::f8e4m3fn, shape, {code});
  };
  const Tensor y = run_op("QLinearMatMul", {f8(0x3c, {1, 1}), f32(2), f8(0, {}), f8(0x40, {1, 1}),
                                            f32(1), f8(0, {}), f32(0.5f), f8(0, {})})[0];
  EXPECT_EQ(y.cast(DType::f32).data<float>()[0], 12);
}

TEST(DynamicQuantizeLinear, MatchesTheSpecification) {
  const auto y =
      run_op("DynamicQuantizeLinear", {floats({6}, {0, 2, -3, -2.5f, 1.34f, 0.5f})}, {}, 3);
  expect_integers(y[0], {6}, {153, 255, 0, 26, 221, 179});
  expect_floats(y[1], {}, {0.0196078438f});
  expect_integers(y[2], {}, {153});
  const auto zeros = run_op("DynamicQuantizeLinear", {floats({2}, {0, 0})}, {}, 3);
  expect_integers(zeros[0], {2}, {0, 0});
  expect_floats(zeros[1], {}, {1});
}

TEST(QLinearConv, RequantizesExactSums) {
  constexpr std::uint64_t seed = 3;
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  Random random(seed);
  const auto draw = [&](DType type, const Shape& shape) {
    Tensor tensor = Tensor::zeros(type, shape);
    auto* bytes = static_cast<std::uint8_t*>(tensor.mutable_raw());
    for (std::int64_t i = 0; i < tensor.elements(); ++i) bytes[i] = std::uint8_t(random.below(256));
    return tensor;
  };
  const Tensor x = draw(DType::u8, {1, 3, 1, 9});
  const Tensor w = draw(DType::i8, {2, 3, 1, 1});
  const Tensor bias = Tensor::from<std::int32_t>({2}, {12345, -54321});
  const float x_scale = 0.037f, y_scale = 0.91f;
  const Tensor w_scale = floats({2}, {0.11f, 0.007f});
  const Tensor y = run_op(
      "QLinearConv", {x, f32(x_scale), u8(117), w, w_scale, Tensor::from<std::int8_t>({2}, {0, 0}),
                      f32(y_scale), u8(131), bias})[0];
  for (int filter = 0; filter < 2; ++filter) {
    const float scale = x_scale * w_scale.data<float>()[std::size_t(filter)] / y_scale;
    for (int at = 0; at < 9; ++at) {
      std::int32_t sum = bias.data<std::int32_t>()[std::size_t(filter)];
      for (int c = 0; c < 3; ++c) {
        sum += (x.data<std::uint8_t>()[std::size_t(c * 9 + at)] - 117) *
               w.data<std::int8_t>()[std::size_t(filter * 3 + c)];
      }
      EXPECT_EQ(y.data<std::uint8_t>()[std::size_t(filter * 9 + at)],
                onnx_arithmetic::requantize(sum, scale, 131, {0, 255}));
    }
  }
  expect_refused(
      "QLinearConv",
      {x, f32(1), u8(0), w, floats({3}, {1, 1, 1}), Tensor::scalar<std::int8_t>(0), f32(1), u8(0)},
      {}, "length of w_scale is 3, expected 2");
}

TEST(QuantizeLinear, BlocksHaveScalesOfTheirOwn) {
  const Tensor x = floats({1, 5}, {1, 2, 3, 4, 5});
  const Attributes blocks{{"axis", std::int64_t(1)}, {"block_size", std::int64_t(2)}};
  const Tensor scale = floats({1, 3}, {1, 0.5f, 0.25f});
  expect_integers(run_op("QuantizeLinear", {x, scale}, blocks)[0], {1, 5}, {1, 2, 6, 8, 20});
  const Tensor shift = codes(DType::u4, {1, 3}, {1, 0, 0});
  expect_integers(run_op("QuantizeLinear", {x, scale, shift}, blocks)[0].cast(DType::u8), {1, 5},
                  {2, 3, 6, 8, 15});
  expect_refused("QuantizeLinear", {x, floats({1, 2}, {1, 1})}, blocks,
                 "extent 1 of y_scale is 2, expected 3");
  expect_refused("QuantizeLinear", {x, scale}, {}, "y_scale");
}

TEST(QuantizeLinear, EveryTypeSaturates) {
  const Tensor x = floats({3}, {-1e9f, 0.4f, 1e9f});
  const auto quantized = [&](DType type, Attributes attributes = {}) {
    attributes.set("output_dtype", type);
    return run_op("QuantizeLinear", {x, f32(0.5f)}, attributes)[0];
  };
  for (const DType type :
       {DType::i2, DType::u2, DType::i4, DType::u4, DType::i8, DType::u8, DType::i16, DType::u16}) {
    SCOPED_TRACE(to_string(type));
    const QuantizedRange range = *quantized_range(type);
    const Tensor y = quantized(type);
    EXPECT_EQ(y.dtype(), type);
    expect_integers(y.cast(DType::i32), {3}, {range.low, 1, range.high});
  }
  expect_floats(quantized(DType::f8e4m3fn).cast(DType::f32), {3}, {-448, 0.8125f, 448});
  expect_floats(quantized(DType::f4e2m1).cast(DType::f32), {3}, {-6, 1, 6});
  const Tensor open = quantized(DType::f8e5m2, {{"saturate", std::int64_t(0)}});
  EXPECT_TRUE(std::isinf(open.cast(DType::f32).data<float>()[2]));
  expect_refused("QuantizeLinear", {x, f32(1)}, {{"output_dtype", DType::f8e8m0}},
                 "y has element type f8e8m0; accepted: integers of 2 to 16 bits");
  expect_refused("QuantizeLinear", {x, f32(1)}, {{"output_dtype", DType::i32}}, "i32");
}

TEST(QuantizeLinear, DividesInTheTypeOfTheScale) {
  // 2049 is no f16: it becomes 2048.
  const Tensor x = floats({1}, {2049});
  const Attributes wide{{"output_dtype", DType::i16}};
  expect_integers(run_op("QuantizeLinear", {x, f32(1).cast(DType::f16)}, wide)[0], {1}, {2048});
  const Attributes stated{{"output_dtype", DType::i16}, {"precision", DType::f32}};
  expect_integers(run_op("QuantizeLinear", {x, f32(1).cast(DType::f16)}, stated)[0], {1}, {2049});
}

TEST(DequantizeLinear, TakesNarrowTypesAndScalesOfPowersOfTwo) {
  const Tensor x = codes(DType::i4, {1, 3}, {0x8, 0xf, 0x7});
  expect_floats(run_op("DequantizeLinear", {x, f32(2)})[0], {1, 3}, {-16, -2, 14});
  const Tensor scale = codes(DType::f8e8m0, {}, {128});
  expect_floats(run_op("DequantizeLinear", {x, scale}, {{"output_dtype", DType::f32}})[0], {1, 3},
                {-16, -2, 14});
  expect_refused("DequantizeLinear", {x, scale}, {}, "output_dtype is f8e8m0");
}

TEST(Cast, NarrowFloatsFollowTheTablesOfTheSpecification) {
  const float nan = std::nanf("");
  const Tensor x = floats({5}, {0.3f, 500, -1000, nan, -0.0f});
  const auto cast = [&](DType type, Attributes attributes = {}) {
    attributes.set("to", type);
    return run_op("Cast", {x}, attributes)[0];
  };
  EXPECT_TRUE(identical(cast(DType::f8e4m3fn),
                        codes(DType::f8e4m3fn, {5}, {0x2a, 0x7e, 0xfe, 0x7f, 0x80})));
  EXPECT_TRUE(identical(cast(DType::f8e4m3fn, {{"saturate", std::int64_t(0)}}),
                        codes(DType::f8e4m3fn, {5}, {0x2a, 0x7f, 0xff, 0x7f, 0x80})));
  expect_refused("Cast", {x}, {{"to", DType::f8e8m0}, {"round_mode", "odd"}},
                 "attribute round_mode is 'odd'; accepted: up, down, nearest");
}

// All pairs of bytes, beside the definition with exact numbers.
TEST(QLinearAdd, RoundsTheExactSumWithItsZeroPoint) {
  Tensor a = Tensor::zeros(DType::u8, {256, 1});
  for (int i = 0; i < 256; ++i) a.mutable_data<std::uint8_t>()[std::size_t(i)] = std::uint8_t(i);
  const Tensor b = a.reshaped({256});
  const Tensor y = run_op("strata.QLinearAdd",
                          {a, f32(0.5f), u8(3), b, f32(0.25f), u8(128), f32(0.5f), u8(7)})[0];
  for (int i = 0; i < 256; ++i) {
    for (int k = 0; k < 256; ++k) {
      const double sum = (i - 3) + (k - 128) * 0.5 + 7;
      ASSERT_EQ(y.data<std::uint8_t>()[std::size_t(i * 256 + k)],
                std::clamp(std::nearbyint(sum), 0.0, 255.0));
    }
  }
}

}  // namespace
}  // namespace strata::ir::testing
