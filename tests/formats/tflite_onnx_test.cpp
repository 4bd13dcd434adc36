// Integers in TensorFlow Lite's arithmetic keep it in a file of ONNX.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "strata/base/random.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/text.hpp"
#include "tests/ir/passes/passes.hpp"

namespace strata::formats {
namespace {

using namespace ir::testing;
using ir::Graph;
using ir::ValueId;
using Ints = std::vector<std::int64_t>;

/// Builds nodes on codes of i8 with grids of their own.
class Network {
 public:
  explicit Network(std::string arithmetic) : arithmetic_(std::move(arithmetic)) {
    graph.name = "network";
    x = graph.add_input("x", {DType::i8, {1, 4, 6, 6}});
  }

  ValueId scale(double value) { return constant(Tensor::scalar(float(value))); }
  ValueId zero(int value) { return constant(Tensor::scalar(std::int8_t(value))); }
  ValueId codes(const Shape& shape, DType type, double most) {
    Tensor t = random_tensor(random_, shape, -most, most);
    for (float& e : t.mutable_data<float>()) e = std::floor(e);
    return constant(t.cast(type));
  }
  ValueId constant(Tensor tensor) { return ir::Builder(graph).constant(std::move(tensor)); }
  ValueId node(std::string_view op, std::vector<ValueId> operands, std::string_view name,
               ir::Attributes attributes = {}) {
    attributes.set("arithmetic", arithmetic_);
    return user_node(graph, op, std::move(operands), name, std::move(attributes));
  }
  /// On one grid, that of x.
  ValueId unary(std::string_view op, ValueId from, const ir::Attributes& attributes = {}) {
    return node(op, {from, scale(0.05), zero(3), scale(0.05), zero(3)}, op, attributes);
  }

  Graph graph;
  ValueId x;

 private:
  std::string arithmetic_;
  Random random_{3};
};

Graph network(const std::string& arithmetic) {
  Network n(arithmetic);
  const ValueId channels = n.constant(Tensor::from<float>({4}, {0.01f, 0.02f, 0.03f, 0.015f}));
  const ValueId zeros = n.constant(Tensor::zeros(DType::i8, {4}));
  ValueId y = n.node("QLinearConv",
                     {n.x, n.scale(0.05), n.zero(3), n.codes({4, 4, 3, 3}, DType::i8, 127),
                      channels, zeros, n.scale(0.05), n.zero(3), n.codes({4}, DType::i32, 900)},
                     "conv", {{"pads", Ints{1, 1, 1, 1}}});
  y = user_node(n.graph, "Clip", {y, n.zero(3), n.zero(123)}, "relu6");
  for (const char* op : {"strata.QLinearAdd", "strata.QLinearSub", "strata.QLinearMul"}) {
    y = n.node(
        op, {y, n.scale(0.05), n.zero(3), n.x, n.scale(0.05), n.zero(3), n.scale(0.05), n.zero(3)},
        op);
  }
  y = n.unary("strata.QLinearLeakyRelu", y, {{"alpha", 0.125f}});
  y = n.unary("strata.QLinearHardSwish", y);
  y = n.unary("strata.QLinearElu", y);
  y = n.node("strata.QLinearPRelu",
             {y, n.scale(0.05), n.zero(3), n.codes({4, 1, 1}, DType::i8, 127), n.scale(0.01),
              n.zero(0), n.scale(0.05), n.zero(3)},
             "prelu");
  y = n.node("strata.QLinearConcat",
             {n.scale(0.05), n.zero(3), y, n.scale(0.05), n.zero(3), n.x, n.scale(0.05), n.zero(3)},
             "concat", {{"axis", std::int64_t(1)}});
  y = n.unary("strata.QLinearAveragePool", y,
              {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  y = n.node("strata.QLinearTanh", {y, n.scale(0.05), n.zero(3), n.scale(0x1p-7), n.zero(0)},
             "tanh");
  y = n.node("strata.QLinearIdentity", {y, n.scale(0x1p-7), n.zero(0), n.scale(0.05), n.zero(3)},
             "requantized");
  y = n.node("strata.QLinearReduceMean", {y, n.scale(0.05), n.zero(3), n.scale(0.02), n.zero(1)},
             "mean", {{"axes", Ints{2, 3}}, {"keepdims", std::int64_t(0)}});
  y = n.node("strata.QLinearGemm",
             {y, n.scale(0.02), n.zero(1), n.codes({5, 8}, DType::i8, 127), n.scale(0.01),
              n.zero(0), n.scale(0.05), n.zero(3), n.codes({5}, DType::i32, 900)},
             "dense");
  const ValueId logits = n.node("DequantizeLinear", {y, n.scale(0.05), n.zero(3)}, "logits");
  y = n.node("strata.QLinearSoftmax", {y, n.scale(0.05), n.zero(3), n.scale(0x1p-8), n.zero(-128)},
             "scores", {{"axis", std::int64_t(-1)}, {"beta", 1.0f}});
  n.graph.outputs = {y, logits, n.node("QuantizeLinear", {logits, n.scale(0.1), n.zero(0)}, "q")};
  return std::move(n.graph);
}

Graph read(const std::string& bytes) { return load(std::as_bytes(std::span(bytes))); }

TEST(TfliteOnnx, ReadingTheFileGivesTheSameIntegers) {
  for (const char* arithmetic : {"tflite_xnnpack", "tflite_optimized", "tflite_reference"}) {
    const std::string tflite = tflite_bytes(network(arithmetic));
    LoadOptions options;
    options.arithmetic = model_arithmetic(arithmetic);
    const Graph graph = load(std::as_bytes(std::span(tflite)), options);
    const Graph again = read(onnx_bytes(graph, {.sources = true}));
    EXPECT_TRUE(ir::identical(again, graph)) << ir::to_text(graph) << "\nbecame\n"
                                             << ir::to_text(again);
  }
}

TEST(TfliteOnnx, WhatTheArithmeticIsComesFromTheFile) {
  // Nothing but a word of the metadata tells the two apart.
  const std::string ours = onnx_bytes(network("tflite_reference"));
  std::string other = ours;
  const std::string_view from = "tflite_reference", to = "tflite_optimized";
  for (std::size_t at = 0; (at = other.find(from, at)) != std::string::npos; at += to.size()) {
    other.replace(at, from.size(), to);
  }
  const auto arithmetics = [](const Graph& graph) {
    std::vector<std::string> list;
    for (const ir::NodeId id : graph.order()) {
      const std::string word = graph.node(id).attributes.string("arithmetic", "");
      if (!word.empty()) list.push_back(word);
    }
    return list;
  };
  const auto before = arithmetics(read(ours)), after = arithmetics(read(other));
  EXPECT_EQ(before.size(), after.size());
  EXPECT_EQ(std::ranges::count(before, from), std::ssize(before));
  EXPECT_EQ(std::ranges::count(after, to), std::ssize(after));
  EXPECT_GT(before.size(), 15u);

  std::string damaged = ours;
  damaged.replace(damaged.find(from), from.size(), "tflite_reverence");
  EXPECT_NE(error_of([&] { read(damaged); }).find("arithmetic is tflite_reverence"),
            std::string::npos);
}

}  // namespace
}  // namespace strata::formats
