#include "strata/compress/quantize/encode_layers.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "strata/base/random.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/verify.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::compress {
namespace {

/// Products named conv_a, conv_b and head.
ir::Graph chain() {
  ir::Graph graph;
  ir::ValueId x = graph.add_input("x", {DType::f32, {Dim(2), Dim(32)}});
  std::uint64_t seed = 1;
  for (const std::string name : {"conv_a", "conv_b", "head"}) {
    Random random(seed++);
    Tensor weights = Tensor::zeros(DType::f32, Shape{32, 32});
    for (float& w : weights.mutable_data<float>()) w = float(random.normal());
    const ir::ValueId w = graph.add_constant(name + ".w", EncodedTensor(weights), {name});
    x = ir::Builder(graph, {name}).op("MatMul", {x, w}, {}, name);
  }
  graph.outputs = {x};
  ir::verify(graph);
  return graph;
}

std::string encodings_of(const ir::Graph& graph) {
  std::string text;
  for (const WeightLayer& layer : weight_layers(graph)) {
    text += std::string(graph.value(layer.weight).constant->encoding->name) + " ";
  }
  return text;
}

std::string encoded(std::string_view weights, std::vector<std::string> layers) {
  ir::Graph graph = chain();
  encode_layers(graph, layer_rules(weights, layers));
  ir::verify(graph);
  return encodings_of(graph);
}

TEST(EncodeLayers, RulesSayWhichLayers) {
  EXPECT_EQ(encoded("q4_0", {}), "q4_0 q4_0 q4_0 ");
  EXPECT_EQ(encoded("q4_0", {"conv*"}), "q4_0 q4_0 dense ");
  EXPECT_EQ(encoded("", {"conv*=i4_channel"}), "i4_channel i4_channel dense ");
  EXPECT_EQ(encoded("q8_0", {"conv_?=i4_channel"}), "i4_channel i4_channel q8_0 ");
  EXPECT_EQ(encoded("q8_0", {"*", "conv_b=dense"}), "q8_0 dense q8_0 ");
  EXPECT_EQ(encoded("", {"conv*=i4_channel", "conv_a=f16"}), "f16 i4_channel dense ");
}

TEST(EncodeLayers, RefusesWhatNamesNothing) {
  ir::Graph graph = chain();
  expect_error(ErrorCode::usage,
               "no layer with weights is named cnv*; there are conv_a, conv_b, head",
               [&] { encode_layers(graph, layer_rules("f16", std::vector<std::string>{"cnv*"})); });
  std::vector<WeightLayer> many(12);
  for (std::size_t i = 0; i < many.size(); ++i) many[i].name = "l" + std::to_string(i);
  const std::vector<LayerRule> rules{{"cnv*", &dense_encoding}};
  expect_error(ErrorCode::usage, "is named cnv*; there are 12, among them l0, l1, l2, l3, l4",
               [&] { choose_encodings(many, rules); });
  expect_error(ErrorCode::usage, "unknown encoding 'int3'", [] { layer_rules("int3", {}); });
  expect_error(ErrorCode::usage, "is missing", [] { layer_rules("", {}); });
  expect_error(ErrorCode::usage, "--layers conv*: say their encoding by --weights",
               [] { layer_rules("", std::vector<std::string>{"conv*"}); });
  ir::Graph empty;
  expect_error(ErrorCode::unsupported, "no Conv, Gemm or MatMul",
               [&] { encode_layers(empty, layer_rules("f16", {})); });
}

TEST(EncodeLayers, SaysWhatEachLayerLost) {
  ir::Graph graph = chain();
  const auto changes = encode_layers(
      graph, layer_rules("", std::vector<std::string>{"conv_a=i8_channel", "conv_b=i2_channel",
                                                      "head=dense"}));
  ASSERT_EQ(changes.size(), 3u);
  EXPECT_EQ(changes[0].layer.stored_bytes, 32 * 32 * 4);
  EXPECT_EQ(changes[0].bytes, 32 * 32 + 32 * 4);
  EXPECT_GT(changes[0].sqnr_db, changes[1].sqnr_db);
  EXPECT_TRUE(std::isinf(changes[2].sqnr_db));
  ASSERT_TRUE(worst(changes));
  EXPECT_EQ(worst(changes)->layer.name, "conv_b");
  EXPECT_EQ(worst(std::span(changes).last(1)), nullptr);
}

TEST(EncodeLayers, SqnrIsTheRatioOfEnergies) {
  const Tensor x = Tensor::from<float>(Shape{2}, {3, 4});
  const Tensor y = Tensor::from<float>(Shape{2}, {3, 4.5f});
  EXPECT_DOUBLE_EQ(sqnr_db(x, y), 20);
}

}  // namespace
}  // namespace strata::compress
