#include <gtest/gtest.h>

#include <cmath>

#include "strata/base/random.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/interpreter.hpp"
#include "tests/ir/passes/passes.hpp"

namespace strata::formats {
namespace {

using namespace ir::testing;
using ir::Builder;
using ir::Graph;
using ir::ValueId;
using Ints = std::vector<std::int64_t>;

std::vector<Tensor> run(const Graph& graph) {
  Random random(11);
  std::vector<Tensor> inputs;
  for (const ValueId id : graph.inputs) {
    const ir::TensorType& type = graph.value(id).type;
    Tensor x = random_tensor(random, *as_constant(type.shape), -1, 1);
    if (!is_float(type.dtype)) {
      for (float& e : x.mutable_data<float>()) {
        e = std::floor((type.dtype == DType::u8 ? 127.5f : 0.0f) + 127.0f * e);
      }
    }
    inputs.push_back(x.cast(type.dtype));
  }
  return ir::interpret(graph, inputs);
}

/// Writes, reads and runs both; the largest difference between their outputs.
double difference(const Graph& graph) {
  const std::string bytes = tflite_bytes(graph);
  LoadOptions options;
  const Graph again = load(std::as_bytes(std::span(bytes)), options);
  EXPECT_EQ(again.inputs.size(), graph.inputs.size());
  for (std::size_t i = 0; i < graph.inputs.size(); ++i) {
    EXPECT_EQ(again.value(again.inputs[i]).name, graph.value(graph.inputs[i]).name);
    EXPECT_EQ(again.value(again.inputs[i]).type, graph.value(graph.inputs[i]).type);
  }
  const auto a = run(graph), b = run(again);
  EXPECT_EQ(a.size(), b.size());
  double worst = 0;
  for (std::size_t k = 0; k < a.size(); ++k) {
    EXPECT_EQ(a[k].shape(), b[k].shape());
    EXPECT_EQ(a[k].dtype(), b[k].dtype());
    const auto x = a[k].to_float(), y = b[k].to_float();
    for (std::size_t i = 0; i < x.size(); ++i) {
      worst = std::max(worst, std::abs(double(x[i]) - double(y[i])));
    }
  }
  return worst;
}

// Both graphs run by references that add in the same order but for the axes of images.
double float_tolerance(int products) {
  return 4.0 * products * double(std::numeric_limits<float>::epsilon());
}

TEST(TfliteExport, FloatNetworksKeepNamesTypesAndResults) {
  Random random(5);
  Graph graph;
  const ValueId x = graph.add_input("x", f32({1, 4, 9, 7}));
  const auto weights = [&](const Shape& shape) {
    return Builder(graph).constant(random_tensor(random, shape, -0.5, 0.5));
  };
  // SAME for odd extents, explicit padding, dilation, depthwise, groups.
  ValueId y = user_node(graph, "Conv", {x, weights({8, 4, 3, 3}), weights({8})}, "same",
                        {{"pads", Ints{1, 1, 1, 1}}});
  y = user_node(graph, "Relu", {y}, "relu");
  y = user_node(graph, "Conv", {y, weights({8, 1, 3, 3})}, "depthwise",
                {{"group", std::int64_t(8)}, {"pads", Ints{2, 0, 1, 1}}, {"strides", Ints{2, 1}}});
  y = user_node(graph, "Conv", {y, weights({6, 4, 1, 1})}, "groups", {{"group", std::int64_t(2)}});
  y = user_node(graph, "Conv", {y, weights({6, 6, 2, 2})}, "dilated", {{"dilations", Ints{2, 2}}});
  y = user_node(graph, "MaxPool", {y}, "pool",
                {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1, 1, 0, 0}}});
  const ValueId skip = user_node(graph, "Sigmoid", {y}, "gate");
  y = user_node(graph, "Mul", {y, skip}, "mul");
  y = user_node(graph, "Add", {y, weights({6, 1, 1})}, "add");
  y = user_node(graph, "Concat", {y, skip}, "concat", {{"axis", std::int64_t(1)}});
  y = user_node(graph, "GlobalAveragePool", {y}, "average");
  y = user_node(graph, "Flatten", {y}, "flat");
  y = user_node(graph, "Gemm", {y, weights({12, 5}), weights({5})}, "dense");
  graph.outputs = {user_node(graph, "Softmax", {y}, "scores", {{"axis", std::int64_t(1)}})};
  EXPECT_LE(difference(graph), float_tolerance(8 * 9));
}

TEST(TfliteExport, FlattenOfAnImageKeepsItsOrder) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({1, 3, 4, 5}));
  const ValueId y = user_node(graph, "Relu", {x}, "relu");
  graph.outputs = {user_node(graph, "Flatten", {y}, "flat")};
  EXPECT_EQ(difference(graph), 0);
}

TEST(TfliteExport, TransposedConvolutions) {
  for (const Ints& pads : {Ints{0, 0, 0, 0}, Ints{1, 1, 1, 1}, Ints{0, 1, 1, 0}}) {
    Random random(5);
    Graph graph;
    const ValueId x = graph.add_input("x", f32({1, 3, 4, 5}));
    const ValueId w = Builder(graph).constant(random_tensor(random, {3, 2, 4, 4}));
    graph.outputs = {
        user_node(graph, "ConvTranspose", {x, w}, "up", {{"pads", pads}, {"strides", Ints{2, 2}}})};
    EXPECT_LE(difference(graph), float_tolerance(3 * 16));
  }
}

/// A quantized convolution with a bound behind it.
Graph quantized(DType activations, DType weights) {
  Random random(9);
  Graph graph;
  Builder builder(graph);
  const auto number = [&](double v, DType type) {
    return builder.constant(Tensor::scalar(float(v)).cast(type));
  };
  const auto codes = [&](const Shape& shape, DType type) {
    Tensor t = random_tensor(random, shape, type == DType::u8 ? 0 : -127, 127);
    for (float& e : t.mutable_data<float>()) e = std::floor(e);
    return builder.constant(t.cast(type));
  };
  const bool u8 = activations == DType::u8;
  const ValueId x = graph.add_input("x", {activations, {1, 4, 6, 6}});
  const ValueId scales = builder.constant(Tensor::from<float>({3}, {0.01f, 0.02f, 0.015f}));
  const bool per_channel = weights == DType::i8;
  const ValueId zero =
      per_channel ? builder.constant(Tensor::zeros(DType::i8, {3})) : number(120, weights);
  ValueId y = user_node(
      graph, "QLinearConv",
      {x, number(0.05, DType::f32), number(u8 ? 130 : 2, activations), codes({3, 4, 3, 3}, weights),
       per_channel ? scales : number(0.01, DType::f32), zero, number(0.08, DType::f32),
       number(u8 ? 100 : -28, activations),
       builder.constant(Tensor::from<std::int32_t>({3}, {100, -2000, 5}))},
      "conv", {{"arithmetic", std::string("tflite_xnnpack")}, {"pads", Ints{1, 1, 1, 1}}});
  y = user_node(graph, "Clip",
                {y, number(u8 ? 100 : -28, activations), number(u8 ? 175 : 47, activations)},
                "relu6");
  graph.outputs = {y};
  return graph;
}

TEST(TfliteExport, IntegersStayTheSame) {
  EXPECT_EQ(difference(quantized(DType::i8, DType::i8)), 0);
  EXPECT_EQ(difference(quantized(DType::u8, DType::u8)), 0);
  // Codes of u8 become i8 inside where weights are signed; the model's own types stay.
  EXPECT_EQ(difference(quantized(DType::u8, DType::i8)), 0);
}

TEST(TfliteExport, SaysAllThatItCannotSay) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2, 3}));
  const ValueId a = user_node(graph, "Erf", {x}, "first erf");
  const ValueId b = user_node(graph, "Erf", {a}, "second erf");
  graph.outputs = {user_node(graph, "Hardmax", {b}, "hard")};
  EXPECT_EQ(error_of([&] { tflite_bytes(graph); }),
            "2 ops have no form in TensorFlow Lite: Erf (2, first first erf), Hardmax (1, first "
            "hard)");
  Graph open;
  const ValueId n = open.add_input("x", f32({Dim::symbol("N"), 3}));
  open.outputs = {user_node(open, "Relu", {n}, "relu")};
  EXPECT_NE(error_of([&] { tflite_bytes(open); }).find("--dim"), std::string::npos);
}

}  // namespace
}  // namespace strata::formats
