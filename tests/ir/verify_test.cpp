#include "strata/ir/verify.hpp"

#include <gtest/gtest.h>

#include "strata/ir/op.hpp"
#include "tests/ir/graphs.hpp"

namespace strata::ir {
namespace {

using namespace testing;

/// x -> relu "r" -> y -> add "a" with constant c -> z
struct Small {
  Graph graph;
  ValueId x = graph.add_input("x", f32({2}));
  ValueId c = graph.add_constant("c", Tensor::from<float>({2}, {1, 2}));
  ValueId y = user_node(graph, "Relu", {x}, "r");
  ValueId z = user_node(graph, "Add", {y, c}, "a");
  Small() {
    graph.rename(y, "y");
    graph.rename(z, "z");
    graph.outputs = {z};
  }
  Node& relu() { return graph.node(graph.value(y).producer); }
  Node& add() { return graph.node(graph.value(z).producer); }
};

/// Rules that the textual form cannot break; tests/ir/rejected.txt breaks the others.
struct Broken {
  const char* expected;
  void (*spoil)(Small& small);
};

const Broken broken[] = {
    {"node a (Add): an input is value y, which is not defined before",
     [](Small& s) { s.graph.erase(std::vector{s.graph.value(s.y).producer}); }},
    {"node r (Relu): an input is value z, which is not defined before",
     [](Small& s) { s.relu().inputs = {s.z}; }},
    {"an input has id 77, expected less than 4", [](Small& s) { s.relu().inputs = {ValueId(77)}; }},
    {"value y is defined twice", [](Small& s) { s.add().outputs = {s.y}; }},
    {"output y names another producer",
     [](Small& s) { s.graph.value(s.y).producer = s.graph.value(s.z).producer; }},
    {"output y has type i32[2], but the shape rule says f32[2]",
     [](Small& s) { s.graph.value(s.y).type.dtype = DType::i32; }},
    {"the known elements of output y are out of date",
     [](Small& s) {
       s.graph.value(s.y).elements = std::vector<Dim>{1, 2};
     }},
    {"output 'x' bears a name that is empty or another value's",
     [](Small& s) { s.graph.value(s.y).name = "x"; }},
    {"node 'a' bears a name that is empty or another node's",
     [](Small& s) { s.relu().name = "a"; }},
    {"constant c holds f32[2], but its type is f32[3]",
     [](Small& s) { s.graph.value(s.c).type.shape = {3}; }},
    {"constant c has no encoding",
     [](Small& s) { s.graph.value(s.c).constant->encoding = nullptr; }},
    {"input x is also a constant",
     [](Small& s) { s.graph.value(s.x).constant = s.graph.value(s.c).constant; }},
    {"input x has type f32[-2]", [](Small& s) { s.graph.value(s.x).type.shape = {-2}; }},
    {"an output has id 4294967295", [](Small& s) { s.graph.outputs = {no_value}; }},
    {"state s has type f32[1], but z of type f32[2] is written to it",
     [](Small& s) {
       s.graph.add_state("s", Tensor::from<float>({1}, {0}));
       s.graph.states[0].written = s.z;
     }},
    {"node r (Relu): 0 inputs, expected 1", [](Small& s) { s.relu().inputs = {}; }},
};

TEST(Verify, AcceptsWhatIsRight) {
  Small small;
  verify(small.graph);
}

TEST(Verify, NamesTheBrokenRule) {
  for (const Broken& example : broken) {
    Small small;
    example.spoil(small);
    const std::string error = error_of([&] { verify(small.graph); });
    EXPECT_NE(error.find(example.expected), std::string::npos)
        << "expected: " << example.expected << "\nerror:    " << error;
  }
}

TEST(Verify, LooksIntoSubgraphs) {
  Small small;
  auto body = std::make_shared<Graph>(small.graph);
  body->value(body->outputs[0]).type.dtype = DType::i32;
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2}));
  graph.outputs = {user_node(graph, "strata.Fused", {x}, "f", {{"body", Subgraph(body)}})};
  const std::string error = error_of([&] { verify(graph); });
  EXPECT_EQ(error.find("node f (strata.Fused): attribute 'body': node a (Add): output z"), 0u)
      << error;
}

}  // namespace
}  // namespace strata::ir
