#include <gtest/gtest.h>

#include "tests/ir/passes/passes.hpp"

namespace strata::ir {
namespace {

using namespace testing;
using Ints = std::vector<std::int64_t>;

TensorType images() { return f32({Dim::symbol("N"), 2, 3, 4}); }

TEST(EliminateIdentity, RemovesWhatChangesNothing) {
  Graph graph;
  ValueId v = graph.add_input("x", images());
  v = user_node(graph, "Identity", {v}, "identity");
  v = user_node(graph, "Relu", {v}, "relu");
  v = user_node(graph, "Dropout", {v}, "dropout");
  v = user_node(graph, "Reshape", {v, Builder(graph).integers({0, 2, 3, 4})}, "reshape");
  v = user_node(graph, "Transpose", {v}, "transpose", {{"perm", Ints{0, 1, 2, 3}}});
  v = user_node(graph, "Concat", {v}, "concat", {{"axis", std::int64_t(1)}});
  graph.rename(v, "y");
  graph.outputs = {v};
  run(graph, {"eliminate_identity"});
  EXPECT_EQ(nodes_of(graph), "Relu:relu");
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "y");
}

TEST(EliminateIdentity, KeepsNamesOfInputsAndOutputs) {
  Graph graph;
  const ValueId x = graph.add_input("x", images());
  const ValueId r = user_node(graph, "Relu", {x}, "relu");
  const ValueId a = user_node(graph, "Identity", {r}, "a");
  const ValueId b = user_node(graph, "Identity", {r}, "b");
  graph.outputs = {user_node(graph, "Identity", {x}, "direct"), r, a, b};
  run(graph, {"eliminate_identity"});
  // An output needs a producer of its own: nothing can go.
  EXPECT_EQ(nodes_of(graph), "Relu:relu Identity:a Identity:b Identity:direct");
}

TEST(EliminateDead, RemovesUnreachedNodesAndConstants) {
  Random random(1);
  Graph graph;
  const ValueId x = graph.add_input("x", images());
  user_node(graph, "Add", {user_node(graph, "Relu", {x}, "d1"), weight(graph, random, "c", {4})},
            "d2");
  const auto live = Builder(graph, {"drop"}).multi("Dropout", {x}, 2, {}, "drop");
  graph.outputs = {user_node(graph, "Relu", {live[0]}, "relu")};
  run(graph, {"eliminate_dead"});
  EXPECT_EQ(nodes_of(graph), "Dropout:drop Relu:relu");
  EXPECT_EQ(graph.node(graph.order()[0]).outputs.size(), 1u);
  EXPECT_EQ(graph.constant_bytes(), 0);
}

TEST(MergeDuplicates, ComputesEqualNodesOnce) {
  Graph graph;
  const ValueId x = graph.add_input("x", images());
  const ValueId c = graph.add_constant("c", Tensor::scalar(2.0f), {"c"});
  const ValueId d = graph.add_constant("d", Tensor::scalar(2.0f), {"d"});
  const ValueId a = user_node(graph, "Mul", {x, c}, "a");
  const ValueId b = user_node(graph, "Mul", {x, d}, "b");
  const ValueId e = user_node(graph, "LeakyRelu", {a}, "e", {{"alpha", 0.5f}});
  const ValueId f = user_node(graph, "LeakyRelu", {b}, "f", {{"alpha", 0.25f}});
  graph.outputs = {user_node(graph, "Sub", {e, f}, "sub")};
  run(graph, {"merge_duplicates"});
  EXPECT_EQ(nodes_of(graph), "Mul:a LeakyRelu:e LeakyRelu:f Sub:sub");
  EXPECT_EQ(node_named(graph, "a").sources, (Sources{"a", "b"}));
  EXPECT_EQ(graph.sources(node_named(graph, "a").inputs[1]), (Sources{"c", "d"}));
}

TEST(MergeDuplicates, LeavesWeightsOfLayersApart) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 17}));
  const Tensor ones = Tensor::zeros(DType::f32, {17});
  const ValueId a = user_node(graph, "Add", {x, graph.add_constant("w1", ones)}, "a");
  graph.outputs = {user_node(graph, "Add", {a, graph.add_constant("w2", ones.clone())}, "b")};
  run(graph, {"merge_duplicates"});
  EXPECT_TRUE(graph.find_value("w1") && graph.find_value("w2"));
}

ValueId transpose(Graph& graph, ValueId x, std::string_view name, Ints perm) {
  return user_node(graph, "Transpose", {x}, name, {{"perm", std::move(perm)}});
}

TEST(CleanTransposes, CancelsInversePairs) {
  Graph graph;
  ValueId v = graph.add_input("x", images());
  v = user_node(graph, "Relu", {v}, "relu");
  v = transpose(graph, v, "to_nhwc", {0, 2, 3, 1});
  v = transpose(graph, v, "to_nchw", {0, 3, 1, 2});
  graph.outputs = {user_node(graph, "Sigmoid", {v}, "sigmoid")};
  run(graph, {"clean_transposes"});
  EXPECT_EQ(nodes_of(graph), "Relu:relu Sigmoid:sigmoid");
}

TEST(CleanTransposes, ComposesOthers) {
  Graph graph;
  ValueId v = graph.add_input("x", images());
  v = transpose(graph, v, "a", {0, 2, 3, 1});
  v = transpose(graph, v, "b", {1, 0, 2, 3});
  v = transpose(graph, v, "c", {3, 2, 1, 0});
  graph.outputs = {user_node(graph, "Relu", {v}, "relu")};
  run(graph, {"clean_transposes"});
  EXPECT_EQ(nodes_of(graph), "Transpose:c Relu:relu");
  EXPECT_EQ(node_named(graph, "c").sources, (Sources{"a", "b", "c"}));
}

TEST(CleanTransposes, CancelsAcrossElementwiseOps) {
  Graph graph;
  const ValueId x = graph.add_input("x", images());
  ValueId v = transpose(graph, x, "to_nhwc", {0, 2, 3, 1});
  v = user_node(graph, "Relu", {v}, "relu");
  v = user_node(graph, "Mul", {graph.add_constant("two", Tensor::scalar(2.0f)), v}, "mul");
  v = transpose(graph, v, "to_nchw", {0, 3, 1, 2});
  v = user_node(graph, "Sigmoid", {v}, "sigmoid");
  v = transpose(graph, v, "to_nhwc_again", {0, 2, 3, 1});
  v = user_node(graph, "Abs", {v}, "abs");
  graph.outputs = {transpose(graph, v, "back", {0, 3, 1, 2})};
  run(graph, {"clean_transposes"});
  EXPECT_EQ(nodes_of(graph), "Relu:relu Mul:mul Sigmoid:sigmoid Abs:abs");
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "back");
}

TEST(CleanTransposes, LeavesWhatOthersRead) {
  Random random(2);
  Graph graph;
  const ValueId x = graph.add_input("x", images());
  const ValueId t = transpose(graph, x, "t", {0, 2, 3, 1});
  const ValueId r = user_node(graph, "Relu", {t}, "relu");
  const ValueId s = user_node(graph, "Add", {t, weight(graph, random, "w", {2})}, "add");
  graph.outputs = {transpose(graph, r, "u", {0, 3, 1, 2}), r,
                   transpose(graph, s, "v", {0, 3, 1, 2})};
  run(graph, {"clean_transposes"});
  EXPECT_EQ(nodes_of(graph), "Transpose:t Relu:relu Add:add Transpose:u Transpose:v");
}

}  // namespace
}  // namespace strata::ir
