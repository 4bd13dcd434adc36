#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "tests/ir/passes/passes.hpp"

namespace strata::ir {
namespace {

using testing::nodes_of;
using testing::run;
using testing::user_node;

/// Builds what exporters write for GELU, the product in one of three orders.
struct Spelling {
  int order = 0;
  bool divides = true;
  float half = 0.5f;
  bool gate_is_output = false;
};

Graph spelled(const Spelling& spelling) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), 7}});
  const auto scalar = [&](std::string_view name, double value) {
    return graph.add_constant(name, Tensor::scalar(float(value)));
  };
  const ValueId half = scalar("half", double(spelling.half));
  const ValueId argument =
      spelling.divides
          ? user_node(graph, "Div", {x, scalar("root", std::numbers::sqrt2)}, "argument")
          : user_node(graph, "Mul", {scalar("root", 1 / std::numbers::sqrt2), x}, "argument");
  const ValueId erf = user_node(graph, "Erf", {argument}, "erf");
  const ValueId gate = user_node(graph, "Add", {erf, scalar("one", 1)}, "gate");
  ValueId y = no_value;
  switch (spelling.order) {
    case 0:
      y = user_node(graph, "Mul", {user_node(graph, "Mul", {x, gate}, "product"), half}, "y");
      break;
    case 1:
      y = user_node(graph, "Mul", {user_node(graph, "Mul", {x, half}, "product"), gate}, "y");
      break;
    default:
      y = user_node(graph, "Mul", {x, user_node(graph, "Mul", {gate, half}, "product")}, "y");
  }
  graph.outputs = {y};
  if (spelling.gate_is_output) graph.outputs.push_back(gate);
  return graph;
}

TEST(RecognizeGelu, EverySpelling) {
  for (const int order : {0, 1, 2}) {
    for (const bool divides : {false, true}) {
      Graph graph = spelled({.order = order, .divides = divides});
      run(graph, {"recognize_gelu"});
      EXPECT_EQ(nodes_of(graph), "Gelu:y") << order << " " << divides;
      EXPECT_TRUE(std::ranges::count(testing::node_named(graph, "y").sources, "erf"));
    }
  }
}

/// tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)) in the place of erf.
Graph approximated(bool by_power, bool swapped, float factor = 0.044715f) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), 7}});
  const auto scalar = [&](std::string_view name, double value) {
    return graph.add_constant(name, Tensor::scalar(float(value)));
  };
  const auto node = [&](std::string_view op, std::vector<ValueId> inputs, std::string_view name) {
    if (swapped && op != "Pow" && op != "Tanh") std::ranges::reverse(inputs);
    return user_node(graph, op, std::move(inputs), name);
  };
  const ValueId cube = by_power ? node("Pow", {x, scalar("three", 3)}, "cube")
                                : node("Mul", {node("Mul", {x, x}, "square"), x}, "cube");
  const ValueId small = node("Mul", {cube, scalar("factor", double(factor))}, "small");
  const ValueId sum = node("Add", {x, small}, "sum");
  const ValueId scaled =
      node("Mul", {sum, scalar("root", std::sqrt(2 / std::numbers::pi))}, "scaled");
  const ValueId gate = node("Add", {node("Tanh", {scaled}, "tanh"), scalar("one", 1)}, "gate");
  graph.outputs = {node("Mul", {node("Mul", {x, scalar("half", 0.5)}, "product"), gate}, "y")};
  return graph;
}

TEST(RecognizeGelu, ByTanh) {
  for (const bool by_power : {false, true}) {
    for (const bool swapped : {false, true}) {
      Graph graph = approximated(by_power, swapped);
      run(graph, {"recognize_tanh_gelu"});
      ASSERT_EQ(nodes_of(graph), "Gelu:y") << by_power << " " << swapped;
      const Node& gelu = testing::node_named(graph, "y");
      EXPECT_EQ(gelu.attributes.string("approximate", "none"), "tanh");
      EXPECT_TRUE(std::ranges::count(gelu.sources, "cube"));
    }
  }
  Graph other = approximated(true, false, 0.0447f);
  const std::string before = nodes_of(other);
  run(other, {"recognize_tanh_gelu"});
  EXPECT_EQ(nodes_of(other), before);
}

TEST(RecognizeGelu, LeavesWhatIsAnotherFunctionOrReadElsewhere) {
  Graph other = spelled({.half = 0.51f});
  run(other, {"recognize_gelu"});
  EXPECT_NE(nodes_of(other).find("Erf:erf"), std::string::npos);
  Graph read = spelled({.gate_is_output = true});
  run(read, {"recognize_gelu"});
  EXPECT_NE(nodes_of(read).find("Erf:erf"), std::string::npos);
}

}  // namespace
}  // namespace strata::ir
