#include "strata/compress/quantize/flatten.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/compress/quantize/post_training.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/verify.hpp"
#include "tests/compress/net.hpp"

namespace strata::compress {
namespace {

using ir::Graph;
using ir::ValueId;

constexpr std::int64_t tokens = 5, width = 12, hidden = 20;

std::string_view op_of(const Graph& graph, std::string_view name) {
  const auto id = graph.find_node(name);
  return id ? graph.node(*id).op->name : "";
}

/// Two products that read one tensor, one with a bias, as an exporter of transformers writes them:
/// relu(x W + b) V, and x U, whose sum with a whole tensor is no bias.
Graph products(std::vector<Dim> batch) {
  Graph graph;
  ir::Builder builder(graph, {});
  SymbolicShape shape(std::move(batch));
  shape.insert(shape.end(), {Dim(tokens), Dim(width)});
  const ValueId x = graph.add_input("x", {DType::f32, shape});
  const auto op = [&](std::string_view type, std::vector<ValueId> inputs, std::string_view name) {
    const ValueId out = builder.op(type, std::move(inputs), {}, name);
    graph.node(graph.value(out).producer).sources = {std::string(name)};
    return out;
  };
  const ValueId w = builder.constant(normal_tensor({width, hidden}, 1), "w");
  const ValueId b = builder.constant(normal_tensor({1, hidden}, 2), "b");
  const ValueId v = builder.constant(normal_tensor({hidden, width}, 3), "v");
  const ValueId u = builder.constant(normal_tensor({width, width}, 4), "u");
  const ValueId first = op("Add", {b, op("MatMul", {x, w}, "up")}, "up.add");
  const ValueId second = op("MatMul", {op("Relu", {first}, "relu"), v}, "down");
  const ValueId whole = op("Add", {op("MatMul", {x, u}, "side"), x}, "side.add");
  graph.outputs = {second, whole};
  return graph;
}

std::vector<Tensor> outputs(const Graph& graph, const Tensor& x) {
  const Tensor inputs[] = {x};
  return ir::interpret(graph, inputs);
}

double largest(const Tensor& tensor) {
  double result = 0;
  for (const float x : tensor.data<float>()) result = std::max(result, std::abs(double(x)));
  return result;
}

TEST(FlattenProducts, ComputesTheSame) {
  const Graph given = products({Dim(2)});
  Graph flat = given;
  flatten_products(flat);
  ir::verify(flat);
  EXPECT_EQ(op_of(flat, "up"), "Gemm");
  EXPECT_EQ(op_of(flat, "down"), "Gemm");
  EXPECT_EQ(op_of(flat, "side"), "Gemm");
  EXPECT_EQ(op_of(flat, "side.add"), "Add");
  EXPECT_EQ(flat.node(*flat.find_node("up")).inputs.size(), 3u);
  EXPECT_EQ(flat.node(*flat.find_node("side")).inputs.size(), 2u);
  const auto reads = [&](const char* name) { return flat.node(*flat.find_node(name)).inputs[0]; };
  EXPECT_EQ(reads("up"), reads("side"));
  const Tensor x = normal_tensor({2, tokens, width}, 9);
  const auto constant = [&](const char* name) {
    return largest(given.value(*given.find_value(name)).constant->decode());
  };
  // The bias is added before the sum is rounded, or after; the next product carries that on.
  const double sum = width * largest(x) * constant("w") + constant("b");
  const double rounding = 2 * std::numeric_limits<float>::epsilon() * sum * hidden * constant("v");
  const auto before = outputs(given, x), after = outputs(flat, x);
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    ASSERT_EQ(before[i].shape(), after[i].shape());
    const auto a = before[i].data<float>(), b = after[i].data<float>();
    for (std::size_t j = 0; j < a.size(); ++j) EXPECT_NEAR(a[j], b[j], rounding);
  }
}

TEST(FlattenProducts, OneExtentMayBeOpen) {
  Graph one = products({Dim::symbol("N")});
  flatten_products(one);
  ir::verify(one);
  EXPECT_EQ(op_of(one, "up"), "Gemm");
  const Tensor x = normal_tensor({3, tokens, width}, 9);
  EXPECT_EQ(outputs(one, x)[0].shape(), (Shape{3, tokens, width}));

  Graph two = products({Dim::symbol("N"), Dim::symbol("M")});
  flatten_products(two);
  ir::verify(two);
  EXPECT_EQ(op_of(two, "up"), "MatMul");
}

TEST(FlattenProducts, LetPostTrainingComputeThemOnIntegers) {
  const NormalData items(24, {tokens, width});
  for (const bool reconstruct : {false, true}) {
    PostTrainingOptions options;
    options.reconstruct = reconstruct;
    const PostTraining result = quantize_post_training(products({Dim::symbol("N")}), items,
                                                       eval::all_items(items), options);
    const Graph graph = result.graph();
    ir::verify(graph);
    for (const char* name : {"up", "down", "side"}) {
      EXPECT_EQ(op_of(graph, name), "QLinearGemm") << name;
    }
  }
}

}  // namespace
}  // namespace strata::compress
