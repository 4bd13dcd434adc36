#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "strata/base/log.hpp"
#include "strata/formats/load.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"
#include "tests/formats/tflite_writer.hpp"

namespace strata::formats::tflite {
namespace {

using schema::BuiltinOperator;
using schema::BuiltinOptions;
using schema::Padding;
using schema::TensorType;
using test::Grid;
using test::Writer;

ir::Graph load_bytes(std::string_view bytes, const LoadOptions& options = {}) {
  return load(std::as_bytes(std::span(bytes)), options);
}

std::string error_of(std::string_view bytes) {
  try {
    load_bytes(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

void expect_error(std::string_view bytes, std::string_view part) {
  const std::string error = error_of(bytes);
  EXPECT_NE(error.find(part), std::string::npos) << error;
}

std::vector<std::string> ops_of(const ir::Graph& graph) {
  std::vector<std::string> ops;
  for (const ir::NodeId id : graph.order()) ops.push_back(ir::qualified_name(*graph.node(id).op));
  return ops;
}

Tensor run_one(const ir::Graph& graph, const Tensor& input) {
  return ir::interpret(graph, std::span(&input, 1)).at(0);
}

Tensor counted(const Shape& shape) {
  Tensor result = Tensor::zeros(DType::f32, shape);
  float value = -3;
  for (float& element : result.mutable_data<float>()) element = value += 0.5f;
  return result;
}

std::vector<float> floats(const Tensor& tensor) { return tensor.to_float(); }

/// x f32 [1,H,W,C] -> CONV_2D with 1x1 identity weights -> "t": an image in the graph's order.
struct Imaged {
  explicit Imaged(Writer& w, std::int32_t height, std::int32_t width, std::int32_t channels) {
    x = w.tensor("x", TensorType::FLOAT32, {1, height, width, channels});
    std::vector<float> identity(std::size_t(channels * channels));
    for (std::int32_t c = 0; c < channels; ++c) identity[std::size_t(c * channels + c)] = 1;
    const auto weights = w.constant("w", TensorType::FLOAT32, {channels, 1, 1, channels}, identity);
    t = w.tensor("t", TensorType::FLOAT32, {1, height, width, channels});
    w.op(BuiltinOperator::CONV_2D, {x, weights}, {t}, BuiltinOptions::Conv2DOptions,
         schema::CreateConv2DOptions(w.builder(), Padding::VALID, 1, 1).Union());
  }
  std::int32_t x, t;
};

/// The same without the convolution.
std::int32_t plain_input(Writer& w, std::vector<std::int32_t> shape) {
  return w.tensor("x", TensorType::FLOAT32, std::move(shape));
}

// What an op gives must not depend on the order in which its operand lies.
template <class AddOp>
void expect_same_in_both_orders(AddOp add_op) {
  const Shape shape{1, 2, 3, 2};
  Writer plain;
  const std::int32_t x = plain_input(plain, {1, 2, 3, 2});
  const std::int32_t y = add_op(plain, x);
  const ir::Graph straight = load_bytes(plain.bytes({x}, {y}));
  Writer turned;
  const Imaged image(turned, 2, 3, 2);
  const std::int32_t z = add_op(turned, image.t);
  const ir::Graph through_image = load_bytes(turned.bytes({image.x}, {z}));
  const Tensor input = counted(shape);
  const Tensor expected = run_one(straight, input);
  const Tensor result = run_one(through_image, input);
  EXPECT_EQ(result.shape(), expected.shape());
  EXPECT_EQ(floats(result), floats(expected));
}

TEST(TfliteLayout, JoinsImagesAlongTheFilesAxis) {
  for (const std::int32_t axis : {0, 1, 2, 3, -1}) {
    expect_same_in_both_orders([&](Writer& w, std::int32_t x) {
      const auto y = w.tensor("y", TensorType::FLOAT32, {});
      w.op(BuiltinOperator::CONCATENATION, {x, x}, {y}, BuiltinOptions::ConcatenationOptions,
           schema::CreateConcatenationOptions(w.builder(), axis).Union());
      return y;
    });
  }
}

TEST(TfliteLayout, PadsTheFilesAxes) {
  expect_same_in_both_orders([](Writer& w, std::int32_t x) {
    const auto pads =
        w.constant<std::int32_t>("pads", TensorType::INT32, {4, 2}, {0, 0, 1, 2, 3, 0, 0, 1});
    const auto y = w.tensor("y", TensorType::FLOAT32, {});
    w.op(BuiltinOperator::PAD, {x, pads}, {y});
    return y;
  });
}

TEST(TfliteLayout, ReducesTheFilesAxes) {
  for (const bool keep : {false, true}) {
    for (const std::vector<std::int32_t>& axes :
         {std::vector<std::int32_t>{1, 2}, {3}, {1}, {0, 3}, {-1, -2}}) {
      expect_same_in_both_orders([&](Writer& w, std::int32_t x) {
        const auto y = w.tensor("y", TensorType::FLOAT32, {});
        w.op(BuiltinOperator::MEAN, {x, w.integers("axes", axes)}, {y},
             BuiltinOptions::ReducerOptions,
             schema::CreateReducerOptions(w.builder(), keep).Union());
        return y;
      });
    }
  }
}

TEST(TfliteLayout, BroadcastsConstantsAlongTheLastAxis) {
  for (const std::vector<std::int32_t>& shape :
       {std::vector<std::int32_t>{2}, {3, 2}, {1, 2, 1, 1}, {}}) {
    expect_same_in_both_orders([&](Writer& w, std::int32_t x) {
      std::size_t elements = 1;
      for (const std::int32_t extent : shape) elements *= std::size_t(extent);
      std::vector<float> values(elements);
      for (std::size_t i = 0; i < elements; ++i) values[i] = float(i) + 1;
      const auto y = w.tensor("y", TensorType::FLOAT32, {});
      const auto c = w.constant("c", TensorType::FLOAT32, shape, values);
      w.op(BuiltinOperator::MUL, {c, x}, {y}, BuiltinOptions::MulOptions,
           schema::CreateMulOptions(w.builder()).Union());
      return y;
    });
  }
}

TEST(TfliteLayout, OtherOpsSeeTheFilesOrder) {
  expect_same_in_both_orders([](Writer& w, std::int32_t x) {
    const auto y = w.tensor("y", TensorType::FLOAT32, {});
    w.op(BuiltinOperator::RESHAPE, {x, w.integers("shape", {3, -1})}, {y});
    return y;
  });
  expect_same_in_both_orders([](Writer& w, std::int32_t x) {
    const auto y = w.tensor("y", TensorType::FLOAT32, {});
    w.op(BuiltinOperator::SOFTMAX, {x}, {y}, BuiltinOptions::SoftmaxOptions,
         schema::CreateSoftmaxOptions(w.builder(), 1).Union());
    return y;
  });
  expect_same_in_both_orders([](Writer& w, std::int32_t x) {
    const auto y = w.tensor("y", TensorType::FLOAT32, {});
    w.op(BuiltinOperator::STRIDED_SLICE,
         {x, w.integers("begin", {0, 1, -1, 0}), w.integers("end", {1, 2, 0, 2}),
          w.integers("strides", {1, 1, -1, 1})},
         {y}, BuiltinOptions::StridedSliceOptions,
         schema::CreateStridedSliceOptions(w.builder(), 0, 0b1000, 0, 0, 0b10).Union());
    return y;
  });
}

// Between convolutions and what works element by element nothing is turned.
TEST(TfliteLayout, ImagesStayImages) {
  Writer w;
  const Imaged image(w, 4, 4, 3);
  const auto relu = w.tensor("relu", TensorType::FLOAT32, {1, 4, 4, 3});
  w.op(BuiltinOperator::RELU6, {image.t}, {relu});
  const auto sum = w.tensor("sum", TensorType::FLOAT32, {1, 4, 4, 3});
  w.op(BuiltinOperator::ADD, {relu, image.t}, {sum}, BuiltinOptions::AddOptions,
       schema::CreateAddOptions(w.builder(), schema::Activation::RELU).Union());
  const auto pool = w.tensor("pool", TensorType::FLOAT32, {1, 1, 1, 3});
  w.op(BuiltinOperator::AVERAGE_POOL_2D, {sum}, {pool}, BuiltinOptions::Pool2DOptions,
       schema::CreatePool2DOptions(w.builder(), Padding::VALID, 4, 4, 4, 4).Union());
  const auto flat = w.tensor("flat", TensorType::FLOAT32, {1, 3});
  w.op(BuiltinOperator::RESHAPE, {pool, w.integers("shape", {1, 3})}, {flat});
  const ir::Graph graph = load_bytes(w.bytes({image.x}, {flat}));
  const std::vector<std::string> ops = ops_of(graph);
  EXPECT_EQ(std::ranges::count(ops, "Transpose"), 1) << "of the input alone";
}

TEST(TfliteImport, InputsAndOutputsKeepNameShapeAndType) {
  Writer w;
  const Imaged image(w, 2, 3, 2);
  const ir::Graph graph = load_bytes(w.bytes({image.x}, {image.t}));
  const ir::Value& input = graph.value(graph.inputs.at(0));
  const ir::Value& output = graph.value(graph.outputs.at(0));
  EXPECT_EQ(input.name, "x");
  EXPECT_EQ(to_string(input.type), "f32[1,2,3,2]");
  EXPECT_EQ(output.name, "t");
  EXPECT_EQ(to_string(output.type), "f32[1,2,3,2]");
  EXPECT_EQ(floats(run_one(graph, counted({1, 2, 3, 2}))), floats(counted({1, 2, 3, 2})));
}

TEST(TfliteImport, NodesComeFromTheFirstOutput) {
  Writer w;
  const Imaged image(w, 2, 3, 2);
  const ir::Graph graph = load_bytes(w.bytes({image.x}, {image.t}));
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    if (node.op->name == "Conv") {
      EXPECT_EQ(node.sources, ir::Sources{"t"});
    }
  }
}

TEST(TfliteImport, AnOutputThatIsAnInput) {
  Writer w;
  const std::int32_t x = plain_input(w, {2});
  const ir::Graph graph = load_bytes(w.bytes({x}, {x}));
  EXPECT_EQ(floats(run_one(graph, counted({2}))), floats(counted({2})));
}

TEST(TfliteImport, ListsAllUnsupportedOperators) {
  Writer w;
  const std::int32_t x = plain_input(w, {2});
  const auto y = w.tensor("y", TensorType::FLOAT32, {2});
  w.op(BuiltinOperator::SVDF, {x}, {y});
  w.op(BuiltinOperator::RELU, {x}, {y});
  w.custom("Mine", {x}, {y});
  w.op(BuiltinOperator::SVDF, {x}, {y});
  const std::string bytes = w.bytes({x}, {y});
  expect_error(bytes, "2 ops are not supported: Mine (1, first operator 2 Mine");
  expect_error(bytes, "SVDF (2, first operator 0 SVDF writing \"y\")");
}

TEST(TfliteImport, OldFilesNameOperatorsInOneByte) {
  Writer w;
  const std::int32_t x = plain_input(w, {2});
  const auto y = w.tensor("y", TensorType::FLOAT32, {2});
  w.old_op(std::int8_t(BuiltinOperator::RELU), {x}, {y});
  EXPECT_EQ(ops_of(load_bytes(w.bytes({x}, {y}))), std::vector<std::string>{"Relu"});
}

TEST(TfliteImport, HalfPrecisionWeightsStaySmall) {
  Writer w;
  const std::int32_t x = plain_input(w, {1, 2});
  const auto half = w.constant<std::uint16_t>("half", TensorType::FLOAT16, {1, 2},
                                              {Half(1.5f).bits, Half(-2).bits});
  const auto weights = w.tensor("weights", TensorType::FLOAT32, {1, 2});
  w.op(BuiltinOperator::DEQUANTIZE, {half}, {weights});
  const auto y = w.tensor("y", TensorType::FLOAT32, {1, 1});
  w.op(BuiltinOperator::FULLY_CONNECTED, {x, weights, -1}, {y},
       BuiltinOptions::FullyConnectedOptions,
       schema::CreateFullyConnectedOptions(w.builder()).Union());
  const ir::Graph graph = load_bytes(w.bytes({x}, {y}));
  EXPECT_EQ(ops_of(graph), std::vector<std::string>{"Gemm"});
  EXPECT_EQ(graph.constant_bytes(), 4);
  EXPECT_EQ(floats(run_one(graph, Tensor::from<float>({1, 2}, {2, 3}))), std::vector<float>{-3});
}

TEST(TfliteImport, FourBitWeights) {
  Writer w;
  const auto x = w.tensor("x", TensorType::INT8, {1, 3}, {{0.5f}, {0}});
  const auto weights = w.constant<std::uint8_t>("w", TensorType::INT4, {1, 3}, {0xf7, 0x08},
                                                {{0.25f}, {0}});  // 7, -1, -8
  const auto y = w.tensor("y", TensorType::INT8, {1, 1}, {{0.125f}, {0}});
  w.op(BuiltinOperator::FULLY_CONNECTED, {x, weights, -1}, {y},
       BuiltinOptions::FullyConnectedOptions,
       schema::CreateFullyConnectedOptions(w.builder()).Union());
  const Tensor result =
      run_one(load_bytes(w.bytes({x}, {y})), Tensor::from<std::int8_t>({1, 3}, {10, 20, 5}));
  EXPECT_EQ(result.data<std::int8_t>()[0], 70 - 20 - 40);
}

/// A depthwise convolution of integers, 2 channels, whose scales name this axis.
std::string depthwise(std::int32_t axis, std::vector<float> scale = {0.5f, 0.25f}) {
  Writer w;
  const auto x = w.tensor("x", TensorType::INT8, {1, 2, 2, 2}, {{1.0f}, {0}});
  const auto weights =
      w.constant<std::int8_t>("w", TensorType::INT8, {1, 1, 1, 2}, {2, 4},
                              {scale, std::vector<std::int64_t>(scale.size()), axis});
  const auto y = w.tensor("y", TensorType::INT8, {1, 2, 2, 2}, {{1.0f}, {0}});
  w.op(BuiltinOperator::DEPTHWISE_CONV_2D, {x, weights, -1}, {y},
       BuiltinOptions::DepthwiseConv2DOptions,
       schema::CreateDepthwiseConv2DOptions(w.builder(), Padding::SAME, 1, 1, 1).Union());
  return w.bytes({x}, {y});
}

TEST(TfliteImport, WarnsOfAWrongAxisOfScales) {
  std::vector<std::string> warnings;
  set_log_sink([&](LogLevel, std::string_view text) { warnings.emplace_back(text); });
  load_bytes(depthwise(3));
  EXPECT_TRUE(warnings.empty());
  const ir::Graph graph = load_bytes(depthwise(0));
  set_log_sink({});
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("read as of axis 3"), std::string::npos) << warnings[0];
  const Tensor result =
      run_one(graph, Tensor::from<std::int8_t>({1, 2, 2, 2}, {1, 1, 2, 2, 3, 3, 4, 4}));
  EXPECT_EQ(std::vector<std::int8_t>(result.data<std::int8_t>().begin(),
                                     result.data<std::int8_t>().end()),
            (std::vector<std::int8_t>{1, 1, 2, 2, 3, 3, 4, 4}));
}

std::string arithmetic_of(Arithmetic mode) {
  LoadOptions options;
  options.arithmetic = mode;
  const ir::Graph graph = load_bytes(depthwise(3), options);
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    if (node.op->name == "QLinearConv") return node.attributes.string("arithmetic", "");
  }
  return "";
}

TEST(TfliteImport, IntegerOpsCarryTheModeAskedFor) {
  EXPECT_EQ(arithmetic_of(Arithmetic::tflite_xnnpack), "tflite_xnnpack");
  EXPECT_EQ(arithmetic_of(Arithmetic::tflite_optimized), "tflite_optimized");
  EXPECT_EQ(arithmetic_of(Arithmetic::tflite_reference), "tflite_reference");
  EXPECT_THROW(model_arithmetic("onnx"), Error);
  EXPECT_EQ(model_arithmetic("tflite_reference"), Arithmetic::tflite_reference);
}

TEST(TfliteImport, FusedActivationsOfIntegersAreBounds) {
  Writer w;
  const auto x = w.tensor("x", TensorType::INT8, {1, 2}, {{0.5f}, {-10}});
  const auto weights =
      w.constant<std::int8_t>("w", TensorType::INT8, {1, 2}, {1, 1}, {{1.0f}, {0}});
  const auto y = w.tensor("y", TensorType::INT8, {1, 1}, {{0.1f}, {-28}});
  w.op(BuiltinOperator::FULLY_CONNECTED, {x, weights, -1}, {y},
       BuiltinOptions::FullyConnectedOptions,
       schema::CreateFullyConnectedOptions(w.builder(), schema::Activation::RELU6).Union());
  const ir::Graph graph = load_bytes(w.bytes({x}, {y}));
  EXPECT_EQ(run_one(graph, Tensor::from<std::int8_t>({1, 2}, {-128, -128})).data<std::int8_t>()[0],
            -28);
  EXPECT_EQ(run_one(graph, Tensor::from<std::int8_t>({1, 2}, {127, 127})).data<std::int8_t>()[0],
            -28 + 60);
}

TEST(TfliteImport, VariablesBecomeStates) {
  Writer w;
  constexpr std::int32_t hidden = 1;
  const std::int32_t x = plain_input(w, {1, 3, 1});
  std::vector<std::int32_t> inputs{x};
  const auto weight = [&](std::string_view name, float value) {
    return w.constant<float>(name, TensorType::FLOAT32, {hidden, 1}, {value});
  };
  for (int gate = 0; gate < 8; ++gate) inputs.push_back(weight("w", 0.25f * float(gate - 3)));
  inputs.insert(inputs.end(), {-1, -1, -1});
  for (int gate = 0; gate < 4; ++gate) {
    inputs.push_back(w.constant<float>("b", TensorType::FLOAT32, {hidden}, {0.1f * float(gate)}));
  }
  inputs.insert(inputs.end(), {-1, -1});
  inputs.push_back(w.tensor("h", TensorType::FLOAT32, {1, hidden}, {}, true));
  inputs.push_back(w.tensor("c", TensorType::FLOAT32, {1, hidden}, {}, true));
  const auto y = w.tensor("y", TensorType::FLOAT32, {1, 3, hidden});
  w.op(BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_LSTM, inputs, {y},
       BuiltinOptions::UnidirectionalSequenceLSTMOptions,
       schema::CreateUnidirectionalSequenceLSTMOptions(w.builder(), schema::Activation::TANH)
           .Union());
  const ir::Graph graph = load_bytes(w.bytes({x}, {y}));
  ASSERT_EQ(graph.states.size(), 2u);
  for (const ir::State& state : graph.states) EXPECT_NE(state.read, state.written);
  EXPECT_EQ(run_one(graph, counted({1, 3, 1})).shape(), (Shape{1, 3, 1}));
}

}  // namespace
}  // namespace strata::formats::tflite
