#include "strata/ir/graph.hpp"

#include <gtest/gtest.h>

#include "strata/ir/op.hpp"
#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"
#include "tests/ir/graphs.hpp"

namespace strata::ir {
namespace {

using namespace testing;

TEST(Graph, MakesNamesUnique) {
  Graph graph;
  const ValueId a = graph.add_value("x");
  const ValueId b = graph.add_value("x");
  const ValueId c = graph.add_value("");
  EXPECT_EQ(graph.value(a).name, "x");
  EXPECT_EQ(graph.value(b).name, "x_1");
  EXPECT_EQ(graph.value(c).name, "value");
  graph.rename(a, "y");
  graph.rename(b, "x");
  EXPECT_EQ(graph.value(b).name, "x");
  EXPECT_EQ(graph.find_value("y"), a);
  EXPECT_EQ(graph.find_value("x_1"), std::nullopt);
}

TEST(Graph, ErasedNodesFreeTheirNamesAndOutputs) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2}));
  const ValueId y = user_node(graph, "Relu", {x}, "r");
  const NodeId node = graph.value(y).producer;
  graph.erase(std::vector{node});
  EXPECT_EQ(graph.value(y).producer, no_node);
  EXPECT_TRUE(graph.order().empty());
  graph.outputs = {y};
  EXPECT_NE(error_of([&] { verify(graph); }).find("not defined before"), std::string::npos);
  graph.add_node(find_op("Sigmoid"), "r", {x}, {y});
  infer_types(graph);
  verify(graph);
  EXPECT_EQ(graph.node(graph.value(y).producer).name, "r");
}

TEST(Graph, ReplaceUsesFollowsChains) {
  Graph graph;
  const ValueId a = graph.add_input("a", f32({2}));
  const ValueId b = graph.add_input("b", f32({2}));
  const ValueId c = graph.add_input("c", f32({2}));
  const ValueId y = user_node(graph, "Add", {a, b}, "add");
  graph.outputs = {y, a};
  const std::pair<ValueId, ValueId> pairs[] = {{a, b}, {b, c}};
  graph.replace_uses(pairs);
  EXPECT_EQ(graph.node(graph.order()[0]).inputs, (std::vector{c, c}));
  EXPECT_EQ(graph.outputs, (std::vector{y, c}));
}

TEST(Graph, SortIsStableAndNamesCycles) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2}));
  const ValueId a = graph.add_value("a"), b = graph.add_value("b"), c = graph.add_value("c");
  const OpDef& relu = find_op("Relu");
  graph.add_node(relu, "third", {b}, {c});
  graph.add_node(relu, "first", {x}, {a});
  graph.add_node(relu, "second", {a}, {b});
  graph.sort();
  std::string names;
  for (NodeId id : graph.order()) names += graph.node(id).name + " ";
  EXPECT_EQ(names, "first second third ");

  graph.node(*graph.find_node("first")).inputs = {c};
  const std::string error = error_of([&] { graph.sort(); });
  EXPECT_NE(error.find("depends on its own output"), std::string::npos) << error;
}

TEST(Graph, CompactKeepsMeaningAndDropsTheRest) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2}));
  graph.add_constant("unused", Tensor::from<float>({2}, {1, 2}));
  const ValueId dead = user_node(graph, "Relu", {x}, "dead");
  const ValueId y = user_node(graph, "Sigmoid", {x}, "s");
  graph.outputs = {y};
  graph.erase(std::vector{graph.value(dead).producer});
  graph.compact();
  verify(graph);
  EXPECT_EQ(graph.value_limit(), 2u);
  EXPECT_EQ(graph.node_limit(), 1u);
  EXPECT_EQ(graph.constant_bytes(), 0);
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "s");
  EXPECT_EQ(graph.find_value("unused"), std::nullopt);
}

TEST(Graph, UsesCountReadersAndExits) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2}));
  const ValueId y = user_node(graph, "Add", {x, x}, "a");
  const ValueId z = user_node(graph, "Relu", {y}, "r");
  graph.outputs = {y, z};
  const Uses uses(graph);
  EXPECT_EQ(uses.of(x).size(), 2u);
  EXPECT_EQ(uses.of(y).size(), 1u);
  EXPECT_EQ(uses.count(y), 2u);
  EXPECT_EQ(uses.count(z), 1u);
}

TEST(Graph, SourcesMergeSorted) {
  Sources sources = {"b", "d"};
  add_sources(sources, {"a", "b", "e"});
  EXPECT_EQ(sources, (Sources{"a", "b", "d", "e"}));
}

/// Edits of a hundred thousand nodes are sweeps; quadratic ones would run for minutes here.
TEST(Graph, LargeGraphsAreLinear) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({Dim::symbol("N")}));
  const OpDef& relu = find_op("Relu");
  constexpr int count = 100'000;
  std::vector<ValueId> values = {x};
  for (int i = 0; i < count; ++i) {
    const ValueId y = graph.add_value("same");
    graph.add_node(relu, "same", {values.back()}, {y}, {}, {"same"});
    values.push_back(y);
  }
  graph.outputs = {values.back()};
  infer_types(graph);
  std::vector<NodeId> odd;
  std::vector<std::pair<ValueId, ValueId>> pairs;
  for (std::size_t i = 1; i < values.size(); i += 2) {
    pairs.emplace_back(values[i], values[i - 1]);
    odd.push_back(graph.value(values[i]).producer);
  }
  graph.replace_uses(pairs);
  graph.erase(odd);
  graph.sort();
  graph.compact();
  verify(graph);
  EXPECT_EQ(graph.order().size(), std::size_t(count / 2));
}

}  // namespace
}  // namespace strata::ir
