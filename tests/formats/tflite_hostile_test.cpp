// Damaged and dishonest TensorFlow Lite files: each gives one error that says what is wrong.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "strata/base/random.hpp"
#include "strata/formats/load.hpp"
#include "strata/ir/text.hpp"
#include "tests/formats/tflite_writer.hpp"

namespace strata::formats::tflite {
namespace {

using schema::BuiltinOperator;
using schema::BuiltinOptions;
using schema::Padding;
using schema::TensorType;
using test::Grid;
using test::Writer;

/// What loading says; the empty string if it is content.
std::string error_of(std::string_view bytes) {
  LoadOptions options;
  options.byte_limit = 64 << 20;
  try {
    load(std::as_bytes(std::span(bytes)), options);
  } catch (const Error& error) {
    EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
    return error.what();
  }
  return "";
}

void expect_error(std::string_view bytes, std::string_view part) {
  const std::string error = error_of(bytes);
  EXPECT_NE(error.find(part), std::string::npos) << error;
}

/// How one convolution of integers is told; members may be made wrong.
struct Convolution {
  Grid x_grid{{0.5f}, {0}};
  Grid w_grid{{0.25f, 0.5f}, {0, 0}};
  Grid y_grid{{0.5f}, {0}};
  std::vector<std::int32_t> x_shape = {1, 4, 4, 1};
  std::vector<std::int32_t> w_shape = {2, 3, 3, 1};
  TensorType y_type = TensorType::INT8;
  Padding padding = Padding::SAME;
  std::int32_t stride = 1, dilation = 1;
  schema::Activation activation = schema::Activation::NONE;
  std::int32_t bias_elements = 2;
  bool other_options = false;

  std::string bytes() const {
    Writer w;
    const auto x = w.tensor("x", TensorType::INT8, x_shape, x_grid);
    const auto weights = w.constant<std::int8_t>("w", TensorType::INT8, w_shape,
                                                 std::vector<std::int8_t>(18, 3), w_grid);
    const auto bias =
        w.constant<std::int32_t>("b", TensorType::INT32, {bias_elements},
                                 std::vector<std::int32_t>(std::size_t(bias_elements), 7));
    const auto y = w.tensor("y", y_type, {1, 4, 4, 2}, y_grid);
    if (other_options) {
      w.op(BuiltinOperator::CONV_2D, {x, weights, bias}, {y}, BuiltinOptions::SoftmaxOptions,
           schema::CreateSoftmaxOptions(w.builder(), 1).Union());
    } else {
      w.op(BuiltinOperator::CONV_2D, {x, weights, bias}, {y}, BuiltinOptions::Conv2DOptions,
           schema::CreateConv2DOptions(w.builder(), padding, stride, stride, activation, dilation,
                                       dilation)
               .Union());
    }
    return w.bytes({x}, {y});
  }
};

TEST(TfliteHostile, ASoundConvolution) { EXPECT_EQ(error_of(Convolution{}.bytes()), ""); }

TEST(TfliteHostile, EveryShorterFile) {
  const std::string whole = Convolution{}.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(error_of(std::string_view(whole).substr(0, size)), "") << size << " bytes";
  }
}

// Vtables and offsets out of the file, counts beyond it, wrong kinds, one byte after the other.
TEST(TfliteHostile, EveryByteChanged) {
  const std::string whole = Convolution{}.bytes();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int value : {0, 1, 0x7f, 0x80, 0xff}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(value);
      error_of(damaged);
    }
  }
}

TEST(TfliteHostile, RandomDamage) {
  constexpr std::uint64_t seed = 20;
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::string whole = Convolution{}.bytes();
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = whole;
    const std::uint64_t changes = 1 + random.below(8);
    for (std::uint64_t i = 0; i < changes; ++i) {
      damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    }
    error_of(damaged);
  }
}

TEST(TfliteHostile, Scales) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const float scale : {0.0f, -1.0f, infinity, -infinity, std::nanf("")}) {
    Convolution wrong;
    wrong.x_grid.scale = {scale};
    expect_error(wrong.bytes(), "accepted: positive numbers");
    wrong = {};
    wrong.w_grid.scale = {0.5f, scale};
    expect_error(wrong.bytes(), "accepted: positive numbers");
  }
  Convolution wrong;
  wrong.w_grid = {{1, 1, 1}, {0, 0, 0}};
  expect_error(wrong.bytes(), "3 scales; accepted: 1, or 2 for axis 0");
  wrong.w_grid = {{1, 1, 1, 1}, {0, 0, 0, 0}};
  expect_error(wrong.bytes(), "it has 4 scales");
  wrong = {};
  wrong.x_grid = {{1, 1, 1, 1}, {0, 0, 0, 0}};
  expect_error(wrong.bytes(), "input 0 (\"x\"): it has 4 scales; accepted: 1");
  wrong = {};
  wrong.y_grid = {};
  expect_error(wrong.bytes(), "output 0 has 0 scales");
}

TEST(TfliteHostile, ZeroPoints) {
  Convolution wrong;
  wrong.x_grid.zero_point = {128};
  expect_error(wrong.bytes(), "zero point 128");
  wrong.x_grid.zero_point = {std::numeric_limits<std::int64_t>::min()};
  expect_error(wrong.bytes(), "which its element type does not hold");
  wrong = {};
  wrong.w_grid.zero_point = {0, 0, 0};
  expect_error(wrong.bytes(), "3 zero points for 2 scales");
}

TEST(TfliteHostile, Windows) {
  Convolution wrong;
  wrong.stride = 0;
  expect_error(wrong.bytes(), "accepted: above 0");
  wrong.stride = -1;
  expect_error(wrong.bytes(), "accepted: above 0");
  wrong = {};
  wrong.dilation = 0;
  expect_error(wrong.bytes(), "accepted: above 0");
  wrong = {};
  wrong.padding = Padding(9);
  expect_error(wrong.bytes(), "padding 9");
  wrong = {};
  wrong.activation = schema::Activation(77);
  expect_error(wrong.bytes(), "fused activation 77");
  wrong = {};
  wrong.bias_elements = 3;
  expect_error(wrong.bytes(), "length of B is 3, expected 2");
  wrong = {};
  wrong.other_options = true;
  expect_error(wrong.bytes(), "its options are of another operator");
  wrong = {};
  wrong.w_shape = {2, 9, 1};
  expect_error(wrong.bytes(), "the weights have 3 dimensions, expected 4");
}

TEST(TfliteHostile, Shapes) {
  Convolution wrong;
  wrong.w_shape = {2, 3, 3, 2};
  expect_error(wrong.bytes(), "it has 18 bytes");
  wrong.w_shape = {2, -3, -3, 1};
  expect_error(wrong.bytes(), "its shape has -3");
  constexpr std::int32_t huge = std::numeric_limits<std::int32_t>::max();
  wrong.w_shape = {huge, huge, huge, huge};
  EXPECT_NE(error_of(wrong.bytes()), "");
  wrong = {};
  wrong.x_shape = {huge, huge, huge, huge};
  EXPECT_NE(error_of(wrong.bytes()), "");
  wrong.x_shape = std::vector<std::int32_t>(9, 1);
  expect_error(wrong.bytes(), "9 dimensions; accepted: up to 8");
  wrong.x_shape = {4, 4};
  EXPECT_NE(error_of(wrong.bytes()), "");
}

TEST(TfliteHostile, DeclaredTypes) {
  Convolution wrong;
  wrong.y_type = TensorType::UINT8;
  EXPECT_NE(error_of(wrong.bytes()), "");
  wrong.y_type = TensorType::FLOAT32;
  EXPECT_NE(error_of(wrong.bytes()), "");
  wrong.y_type = TensorType::STRING;
  expect_error(wrong.bytes(), "element type STRING");
  wrong.y_type = TensorType(99);
  expect_error(wrong.bytes(), "element type 99");
}

TEST(TfliteHostile, Indices) {
  const auto with = [](std::int32_t input, std::int32_t output) {
    Writer w;
    const auto x = w.tensor("x", TensorType::FLOAT32, {2});
    w.tensor("y", TensorType::FLOAT32, {2});
    w.op(BuiltinOperator::RELU, {input}, {output});
    return w.bytes({x}, {1});
  };
  EXPECT_EQ(error_of(with(0, 1)), "");
  expect_error(with(2, 1), "tensor 2 is named; the subgraph has 2");
  expect_error(with(-1, 1), "input 0 is missing");
  expect_error(with(0, 2), "tensor 2 is named");
  expect_error(with(0, -1), "output 0 is missing");
  expect_error(with(std::numeric_limits<std::int32_t>::min(), 1), "input 0 is missing");
  expect_error(with(std::numeric_limits<std::int32_t>::max(), 1), "tensor 2147483647 is named");
  expect_error(with(1, 1), "read before an operator writes it");
  expect_error(with(0, 0), "written twice");
}

TEST(TfliteHostile, Buffers) {
  Writer w;
  const auto x = w.tensor("x", TensorType::FLOAT32, {2});
  const auto c = w.add("c", TensorType::FLOAT32, {2}, 7, {}, false);
  const auto y = w.tensor("y", TensorType::FLOAT32, {2});
  w.op(BuiltinOperator::ADD, {x, c}, {y});
  expect_error(w.bytes({x}, {y}), "buffer 7 is named; the file has 1");
}

TEST(TfliteHostile, Cycles) {
  Writer w;
  const auto x = w.tensor("x", TensorType::FLOAT32, {2});
  const auto a = w.tensor("a", TensorType::FLOAT32, {2});
  const auto b = w.tensor("b", TensorType::FLOAT32, {2});
  w.op(BuiltinOperator::ADD, {x, b}, {a});
  w.op(BuiltinOperator::ADD, {x, a}, {b});
  expect_error(w.bytes({x}, {b}), "tensor 2 (\"b\") is read before an operator writes it");
}

TEST(TfliteHostile, InputsAndOutputs) {
  const auto with = [](std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs) {
    Writer w;
    w.tensor("x", TensorType::FLOAT32, {2});
    w.tensor("y", TensorType::FLOAT32, {2});
    w.constant<float>("c", TensorType::FLOAT32, {1}, {1});
    w.op(BuiltinOperator::RELU, {0}, {1});
    return w.bytes(std::move(inputs), std::move(outputs));
  };
  EXPECT_EQ(error_of(with({0}, {1})), "");
  EXPECT_EQ(error_of(with({0}, {1, 1, 0, 2})), "");
  expect_error(with({0}, {}), "no outputs");
  expect_error(with({0, 0}, {1}), "listed twice");
  expect_error(with({0, 2}, {1}), "it is a constant as well");
  expect_error(with({0, 1}, {1}), "written twice");
  expect_error(with({}, {1}), "read before an operator writes it");
  expect_error(with({0, 9}, {1}), "tensor 9 is named");
}

// Small files that ask for much memory: variables, shapes computed from constants.
TEST(TfliteHostile, MoreThanTheLimit) {
  constexpr std::int32_t many = 1 << 30;
  Writer variable;
  const auto state = variable.tensor("v", TensorType::FLOAT32, {many}, {}, true);
  const auto y = variable.tensor("y", TensorType::FLOAT32, {many});
  variable.op(BuiltinOperator::RELU, {state}, {y});
  expect_error(variable.bytes({}, {y}), "more than 67108864 bytes");
  Writer fill;
  const auto value = fill.constant<float>("value", TensorType::FLOAT32, {}, {1});
  const auto filled = fill.tensor("y", TensorType::FLOAT32, {});
  fill.op(BuiltinOperator::FILL, {fill.integers("shape", {many, many, many}), value}, {filled});
  EXPECT_NE(error_of(fill.bytes({}, {filled})), "");
}

// One large constant behind many names is not copied without end.
TEST(TfliteHostile, ManyTensorsOnOneBuffer) {
  Writer w;
  const auto x = w.tensor("x", TensorType::FLOAT32, {1, 4, 4, 1});
  const std::int32_t side = 512;
  w.constant<float>("w0", TensorType::FLOAT32, {1, side, side, 1},
                    std::vector<float>(std::size_t(side * side)));
  std::vector<std::int32_t> outputs;
  for (int i = 0; i < 80; ++i) {
    const auto weights = w.add("w", TensorType::FLOAT32, {1, side, side, 1}, 1, {}, false);
    outputs.push_back(w.tensor("y", TensorType::FLOAT32, {1, 4, 4, 1}));
    w.op(BuiltinOperator::CONV_2D, {x, weights, -1}, {outputs.back()},
         BuiltinOptions::Conv2DOptions,
         schema::CreateConv2DOptions(w.builder(), Padding::SAME, 1, 1).Union());
  }
  expect_error(w.bytes({x}, outputs), "constants take more than 67108864 bytes");
}

// The format's verifier vouches for multiples of 4 bytes only.
TEST(TfliteHostile, WideNumbersMayLieAnywhere) {
  const std::string folder = std::string(STRATA_SOURCE_DIR) + "/tests/corpus/tflite/";
  const ir::Graph aligned = load(folder + "conv_i8.tflite");
  const ir::Graph shifted = load(folder + "zero_points_off_by_4.tflite");
  EXPECT_EQ(ir::to_text(shifted), ir::to_text(aligned));
}

}  // namespace
}  // namespace strata::formats::tflite
