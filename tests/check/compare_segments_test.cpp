#include <gtest/gtest.h>

#include <algorithm>

#include "strata/check/bisect.hpp"
#include "strata/check/compare.hpp"
#include "strata/ir/builder.hpp"
#include "tests/runtime/networks.hpp"

// Models whose sizes or branches depend on data.
namespace strata::check {
namespace {

using ir::Builder;
using ir::Graph;
using ir::ValueId;
using runtime::testing::random_tensor;

/// A recurrent layer as a loop over rows: h = tanh(x[i] w + h u), all of which are collected, and
/// the sum of those elements of the last that are positive.
Graph recurrent() {
  auto body = std::make_shared<Graph>();
  {
    Builder builder(*body);
    const ValueId i = body->add_input("i", {DType::i64, {}});
    const ValueId goes_on = body->add_input("goes_on", {DType::boolean, {}});
    const ValueId h = body->add_input("h", {DType::f32, {1, 8}});
    const ValueId x = body->add_input("x", {DType::f32, {5, 8}});
    const ValueId row =
        builder.op("Gather", {x, builder.op("Reshape", {i, builder.integers({1})})}, {}, "pick");
    const ValueId w = builder.constant(random_tensor({8, 8}, 1));
    const ValueId u = builder.constant(random_tensor({8, 8}, 2));
    const ValueId sum = builder.op("Add", {builder.op("MatMul", {row, w}, {}, "of_input"),
                                           builder.op("MatMul", {h, u}, {}, "of_state")});
    const ValueId next = builder.op("Tanh", {sum}, {}, "squash");
    body->outputs = {builder.op("Identity", {goes_on}), next, builder.op("Neg", {next}, {}, "neg")};
  }
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {5, 8}});
  const ValueId start =
      builder.op("ReduceMean", {x, builder.integers({0})}, {{"keepdims", std::int64_t(1)}}, "mean");
  const ValueId trips = builder.constant(Tensor::scalar<std::int64_t>(5));
  const auto rounds =
      builder.multi("Loop", {trips, ir::no_value, start, x}, 2,
                    {{"body", ir::Subgraph(body)}, {"captures", std::int64_t(1)}}, "rounds");
  const ValueId flat = builder.op("Reshape", {rounds[0], builder.integers({8})});
  const ValueId places = builder.op("NonZero", {builder.op("Relu", {flat}, {}, "positive")});
  const ValueId picked = builder.op("Gather", {flat, places}, {}, "picked");
  graph.outputs = {builder.op("ReduceSum", {picked}, {}, "total"), rounds[1]};
  return graph;
}

Side healthy() {
  Side side;
  side.graph = recurrent();
  return side;
}

std::vector<std::vector<Tensor>> some_inputs() {
  return {{random_tensor({5, 8}, 3)}, {random_tensor({5, 8}, 4)}};
}

const Layer* layer_of(const Comparison& comparison, std::string_view node) {
  const auto found = std::ranges::find(comparison.layers, node, &Layer::node);
  return found == comparison.layers.end() ? nullptr : &*found;
}

TEST(CompareSegments, AModelAgreesWithItsPlainMeaning) {
  const Comparison comparison = compare(plain(healthy()), healthy(), some_inputs());
  EXPECT_TRUE(comparison.agree());
  EXPECT_EQ(comparison.first(), nullptr);
  EXPECT_EQ(comparison.runs, 2u);
  EXPECT_EQ(comparison.outputs.size(), 2u);
  EXPECT_NE(layer_of(comparison, "squash"), nullptr);
  EXPECT_NE(layer_of(comparison, "picked"), nullptr);
}

TEST(CompareSegments, AFaultInABodyIsFoundByItsName) {
  Side faulty = healthy();
  ir::Node& loop = faulty.graph.node(*faulty.graph.find_node("rounds"));
  auto body = std::make_shared<Graph>(loop.attributes.graph("body"));
  const ValueId u = body->node(*body->find_node("of_state")).inputs[1];
  Tensor weights = body->value(u).constant->decode().clone();
  weights.mutable_data<float>()[9] += 0.25f;
  body->value(u).constant = EncodedTensor(weights);
  loop.attributes.set("body", ir::Subgraph(body));
  const Comparison comparison = compare(healthy(), faulty, some_inputs());
  EXPECT_FALSE(comparison.agree());
  ASSERT_NE(comparison.first(), nullptr);
  const ir::Sources& sources = comparison.first()->sources;
  EXPECT_TRUE(comparison.first()->node == "of_state" ||
              std::ranges::count(sources, std::string("of_state")) == 1)
      << comparison.first()->node;
  // What comes after it is computed right from what A computed.
  for (const Layer& layer : comparison.layers) {
    EXPECT_EQ(layer.diverges, &layer == comparison.first()) << layer.node;
  }
  EXPECT_GT(comparison.outputs[1].difference.max_abs, 0.0);
  const Blame blame = bisect(healthy(), faulty, some_inputs());
  EXPECT_EQ(blame.kind, Blame::Kind::model);
}

TEST(CompareSegments, OneSideMayHaveOnePlan) {
  // The same as a fixed number of rows: nothing depends on data any more.
  Graph fixed;
  Builder builder(fixed);
  const ValueId x = fixed.add_input("x", {DType::f32, {4}});
  fixed.outputs = {builder.op("Mul", {builder.op("Exp", {x}, {}, "grow"), x}, {}, "times")};
  Graph open;
  Builder with_shape(open);
  const ValueId y = open.add_input("x", {DType::f32, {4}});
  const ValueId grown = with_shape.op("Exp", {y}, {}, "grow");
  const ValueId kept =
      with_shape.op("Gather", {grown, with_shape.op("Reshape", {with_shape.op("NonZero", {grown}),
                                                                with_shape.integers({-1})})});
  open.outputs = {with_shape.op("Mul", {kept, y}, {}, "times")};
  Side a, b;
  a.graph = fixed;
  b.graph = open;
  const std::vector<std::vector<Tensor>> inputs = {{random_tensor({4}, 5)}};
  const Comparison comparison = compare(a, b, inputs);
  EXPECT_TRUE(comparison.agree());
  EXPECT_NE(layer_of(comparison, "grow"), nullptr);
}

}  // namespace
}  // namespace strata::check
