#include "strata/ir/builder.hpp"

#include <gtest/gtest.h>

#include "strata/ir/cost.hpp"
#include "strata/ir/inline.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/verify.hpp"
#include "tests/ir/graphs.hpp"

namespace strata::ir {
namespace {

using namespace testing;

TEST(Builder, InfersAtOnceAndNamesFromSources) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 3}));
  const ValueId y = Builder(graph, {"conv1"}).op("Relu", {x});
  EXPECT_EQ(to_string(graph.value(y).type), "f32[N,3]");
  EXPECT_EQ(graph.node(graph.value(y).producer).name, "conv1/Relu");
  EXPECT_EQ(graph.sources(y), Sources{"conv1"});
}

TEST(Builder, ErrorsNameTheNode) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2, 3}));
  const ValueId w = graph.add_input("w", f32({4, 5}));
  const std::string error = error_of([&] {
    Builder(graph).op("MatMul", {x, w}, {}, "layer 7/dense");
  });
  EXPECT_EQ(error.find("node layer 7/dense (MatMul): "), 0u) << error;
  EXPECT_EQ(error_of([&] { Builder(graph).op("strata.Nothing", {x}); }),
            "there is no op 'strata.Nothing'");
}

TEST(Builder, KnowsElementsOfConstants) {
  Graph graph;
  const ValueId c = Builder(graph).integers({3, -1});
  Node node;
  node.inputs = {c};
  EXPECT_EQ(InferContext(graph, node).integers(0), (std::vector<std::int64_t>{3, -1}));
}

TEST(Fused, TypesCostAndDecompositionAreThoseOfTheBody) {
  Graph graph;
  auto body = std::make_shared<Graph>();
  const ValueId a = body->add_input("a", f32({Dim::symbol("N"), 3}));
  const ValueId b = body->add_input("b", f32({3, 5}));
  body->outputs = {Builder(*body).op("Relu", {Builder(*body).op("MatMul", {a, b})})};
  const ValueId x = graph.add_input("x", f32({7, 3}));
  const ValueId w = graph.add_input("w", f32({3, 5}));
  graph.outputs = {user_node(graph, "strata.Fused", {x, w}, "f", {{"body", Subgraph(body)}})};
  verify(graph);
  EXPECT_EQ(to_string(graph.value(graph.outputs[0]).type), "f32[7,5]");
  EXPECT_EQ(total_cost(graph, {}).macs, 7 * 3 * 5);

  const Node node = graph.node(graph.order()[0]);
  Builder builder(graph);
  const auto values = node.op->decompose(builder, node);
  ASSERT_TRUE(values.has_value());
  EXPECT_EQ(to_string(graph.value(values->front()).type), "f32[7,5]");
  EXPECT_EQ(graph.order().size(), 3u);
  verify(graph);
}

TEST(Registry, NamesAreUniqueAndRowsComplete) {
  for (const OpDef* op : all_ops()) {
    EXPECT_EQ(find_op(op->domain, op->name), op) << qualified_name(*op);
    EXPECT_TRUE(op->infer) << qualified_name(*op);
    EXPECT_TRUE(op->reference || op->decompose || op->control) << qualified_name(*op);
    EXPECT_TRUE(op->cases) << qualified_name(*op);
  }
}

}  // namespace
}  // namespace strata::ir
