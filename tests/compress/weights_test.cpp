#include "strata/compress/quantize/weights.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "strata/base/error.hpp"
#include "strata/base/random.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/verify.hpp"

namespace strata::compress {
namespace {

Tensor random_tensor(const Shape& shape, std::uint64_t seed) {
  Random random(seed);
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  for (float& x : tensor.mutable_data<float>()) x = float(random.normal());
  return tensor;
}

/// conv + relu, flatten, gemm (transB), matmul; one weight of each kind.
struct Net {
  ir::Graph graph;

  Net() {
    ir::Builder builder(graph, {});
    const auto node = [&](std::string_view op, std::vector<ir::ValueId> inputs,
                          std::string_view name, ir::Attributes attributes = {}) {
      const ir::ValueId out = builder.op(op, std::move(inputs), std::move(attributes), name);
      graph.node(graph.value(out).producer).sources = {std::string(name)};
      return out;
    };
    const auto constant = [&](const Shape& shape, std::uint64_t seed, std::string_view name) {
      return builder.constant(random_tensor(shape, seed), name);
    };
    ir::ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), 2, 5, 5}});
    x = node("Conv", {x, constant({4, 2, 3, 3}, 1, "conv.w")}, "conv");
    x = node("Relu", {x}, "relu");
    x = node("Flatten", {x}, "flat");
    x = node("Gemm", {x, constant({6, 36}, 2, "gemm.w"), constant({6}, 3, "gemm.b")}, "gemm",
             {{"transB", std::int64_t(1)}});
    x = node("MatMul", {x, constant({6, 5}, 4, "mm.w")}, "mm");
    graph.outputs = {x};
    ir::verify(graph);
  }
};

TEST(Weights, AreFoundWithTheAxisOfTheirOutputChannels) {
  const Net net;
  const auto layers = weight_layers(net.graph);
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].name, "conv");
  EXPECT_EQ(layers[0].op, "Conv");
  EXPECT_EQ(layers[0].axis, 0);
  EXPECT_EQ(layers[0].elements, 72);
  EXPECT_EQ(layers[0].stored_bytes, 288);
  EXPECT_EQ(layers[1].name, "gemm");
  EXPECT_EQ(layers[1].axis, 0);
  EXPECT_EQ(layers[2].name, "mm");
  EXPECT_EQ(layers[2].axis, 1);
}

TEST(Weights, AreFoundInsideFusedNodes) {
  Net net;
  const auto plain = weight_layers(net.graph);
  ir::optimize(net.graph);
  const auto fused = weight_layers(net.graph);
  ASSERT_EQ(fused.size(), plain.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(fused[i].name, plain[i].name);
    EXPECT_EQ(fused[i].axis, plain[i].axis);
    EXPECT_TRUE(net.graph.is_constant(fused[i].weight));
  }
}

TEST(Weights, SharedByTwoNodesAreOneLayer) {
  ir::Graph graph;
  ir::Builder builder(graph);
  const ir::ValueId x = graph.add_input("x", {DType::f32, {Dim(3), Dim(4)}});
  const ir::ValueId w = builder.constant(random_tensor({4, 4}, 1), "w");
  graph.outputs = {builder.op("MatMul", {builder.op("MatMul", {x, w}, {}, "a"), w}, {}, "b")};
  const auto layers = weight_layers(graph);
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0].name, "a");
}

// Every encoding there is keeps the graph valid, and the network computes what the decoded weights
// say, fused or not.
TEST(Weights, EveryEncodingRunsAsItsDecodedWeights) {
  const Tensor input = random_tensor({2, 2, 5, 5}, 9);
  for (const Encoding* encoding : all_encodings()) {
    SCOPED_TRACE(encoding->name);
    Net net;
    Net decoded;
    for (const WeightLayer& layer : weight_layers(net.graph)) {
      encode_weights(net.graph, layer, *encoding);
      const EncodedTensor& stored = *net.graph.value(layer.weight).constant;
      EXPECT_EQ(stored.encoding, encoding);
      decoded.graph.value(layer.weight).constant = EncodedTensor(stored.decode());
    }
    ir::verify(net.graph);
    const Tensor inputs[] = {input};
    const auto expected = ir::interpret(decoded.graph, inputs);
    EXPECT_TRUE(identical(ir::interpret(net.graph, inputs)[0], expected[0]));
    ir::optimize(net.graph);
    const Tensor fused = ir::interpret(net.graph, inputs)[0];
    EXPECT_TRUE(identical(fused, expected[0]));
    for (const WeightLayer& layer : weight_layers(net.graph)) {
      EXPECT_EQ(net.graph.value(layer.weight).constant->encoding, encoding) << layer.name;
    }
  }
}

TEST(Weights, ErrorsNameTheLayer) {
  Net net;
  const WeightLayer conv = weight_layers(net.graph)[0];
  Tensor huge = random_tensor({4, 2, 3, 3}, 1);
  huge.mutable_data<float>()[5] = 1e6f;
  net.graph.value(conv.weight).constant = EncodedTensor(huge);
  try {
    encode_weights(net.graph, conv, f16_encoding);
    FAIL() << "1e6 has no half precision";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(error.what()).find("layer conv: weights conv.w as f16"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace strata::compress
