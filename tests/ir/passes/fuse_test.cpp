#include <gtest/gtest.h>

#include "tests/ir/passes/passes.hpp"

namespace strata::ir {
namespace {

using namespace testing;

struct Net {
  Random random{11};
  Graph graph;
  ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 4, 6, 6}));
  int count = 0;

  ValueId conv(ValueId from) {
    const std::string name = "conv" + std::to_string(++count);
    return user_node(graph, "Conv", {from, weight(graph, random, name + ".w", {4, 4, 1, 1})}, name);
  }
  ValueId node(std::string_view op, std::vector<ValueId> inputs, std::string_view name,
               Attributes attributes = {}) {
    return user_node(graph, op, std::move(inputs), name, std::move(attributes));
  }
};

std::string body_of(const Graph& graph, std::string_view name) {
  return nodes_of(node_named(graph, name).attributes.graph("body"));
}

TEST(Fuse, JoinsActivations) {
  for (const char* op : {"Relu", "Sigmoid", "Tanh", "LeakyRelu", "HardSwish", "HardSigmoid"}) {
    Net net;
    net.graph.outputs = {net.node(op, {net.conv(net.x)}, "act")};
    run(net.graph, {"fuse"});
    EXPECT_EQ(nodes_of(net.graph), "strata.Fused:conv1");
    EXPECT_EQ(body_of(net.graph, "conv1"), "Conv:conv1 " + std::string(op) + ":act");
    EXPECT_EQ(node_named(net.graph, "conv1").sources, (Sources{"act", "conv1"}));
    EXPECT_EQ(net.graph.value(net.graph.outputs[0]).name, "act");
    // The weight is an operand, so that its encoding and packing are the graph's.
    EXPECT_EQ(net.graph.value(node_named(net.graph, "conv1").inputs[1]).name, "conv1.w");
  }
}

TEST(Fuse, BoundsOfClipGoInside) {
  Net net;
  const ValueId low = net.graph.add_constant("low", Tensor::scalar(0.0f));
  const ValueId high = net.graph.add_constant("high", Tensor::scalar(6.0f));
  const ValueId a = net.node("Clip", {net.conv(net.x), low, high}, "relu6");
  net.graph.outputs = {net.node("Clip", {net.conv(a), low}, "from0")};
  run(net.graph, {"fuse"});
  EXPECT_EQ(nodes_of(net.graph), "strata.Fused:conv1 strata.Fused:conv2");
  EXPECT_EQ(node_named(net.graph, "conv1").inputs.size(), 2u);
  EXPECT_EQ(node_named(net.graph, "conv1").attributes.graph("body").constant_bytes(), 8);
}

TEST(Fuse, JoinsGates) {
  Net net;
  const ValueId c = net.conv(net.x);
  const ValueId silu = net.node("Mul", {net.node("Sigmoid", {c}, "sigmoid"), c}, "silu");
  const ValueId d = net.conv(silu);
  const ValueId gate = net.node("HardSigmoid", {d}, "gate", {{"alpha", 1.0f / 6}, {"beta", 0.5f}});
  net.graph.outputs = {net.node("Mul", {d, gate}, "swish")};
  run(net.graph, {"fuse"});
  EXPECT_EQ(nodes_of(net.graph), "strata.Fused:conv1 strata.Fused:conv2");
  EXPECT_EQ(body_of(net.graph, "conv1"), "Conv:conv1 Sigmoid:sigmoid Mul:silu");
  EXPECT_EQ(body_of(net.graph, "conv2"), "Conv:conv2 HardSwish:swish");
  EXPECT_EQ(node_named(net.graph, "conv2").sources, (Sources{"conv2", "gate", "swish"}));
}

struct Product {
  Random random{12};
  Graph graph;
  ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 3, 4}));
  ValueId y = user_node(graph, "MatMul", {x, weight(graph, random, "w", {4, 5})}, "product");

  ValueId add(ValueId a, ValueId b, std::string_view name) {
    return user_node(graph, "Add", {a, b}, name);
  }
};

TEST(Fuse, JoinsTheBiasOfProducts) {
  Product net;
  const ValueId bias = weight(net.graph, net.random, "bias", {1, 5});
  const ValueId other = net.graph.add_input("other", f32({Dim::symbol("N"), 3, 5}));
  const ValueId sum = net.add(other, net.add(bias, net.y, "biased"), "sum");
  net.graph.outputs = {user_node(net.graph, "Relu", {sum}, "relu")};
  run(net.graph, {"fuse"});
  EXPECT_EQ(nodes_of(net.graph), "strata.Fused:product");
  EXPECT_EQ(body_of(net.graph, "product"), "MatMul:product Add:biased Add:sum Relu:relu");
  // Weights and bias are operands, so that they are packed together.
  const Node& fused = node_named(net.graph, "product");
  ASSERT_EQ(fused.inputs.size(), 4u);
  EXPECT_EQ(net.graph.value(fused.inputs[2]).name, "bias");
}

TEST(Fuse, LeavesSumsThatAreNoBias) {
  for (const Shape& shape : {Shape{1}, Shape{3, 1}, Shape{3, 5}, Shape{1, 1, 1, 5}}) {
    Product net;
    net.graph.outputs = {net.add(net.y, weight(net.graph, net.random, "c", shape), "sum")};
    run(net.graph, {"fuse"});
    EXPECT_EQ(nodes_of(net.graph), "MatMul:product Add:sum") << to_string(shape);
  }
}

struct Heads {
  Graph graph;
  ValueId a = graph.add_input("a", f32({Dim::symbol("N"), 7, 2, 4}));
  ValueId b = graph.add_input("b", f32({Dim::symbol("N"), 9, 2, 4}));

  ValueId node(std::string_view op, std::vector<ValueId> inputs, std::string_view name,
               std::vector<std::int64_t> perm = {}) {
    Attributes attributes;
    if (!perm.empty()) attributes.set("perm", perm);
    return user_node(graph, op, std::move(inputs), name, std::move(attributes));
  }
};

TEST(Fuse, ReadsTransposedOperandsOfProductsInPlace) {
  Heads net;
  const ValueId query = net.node("Transpose", {net.a}, "query", {0, 2, 1, 3});
  const ValueId key = net.node("Transpose", {net.b}, "key", {0, 2, 3, 1});
  const ValueId scores = net.node("MatMul", {query, key}, "scores");
  const ValueId root = net.graph.add_constant("root", Tensor::scalar(8.0f));
  net.graph.outputs = {net.node("Div", {scores, root}, "scaled")};
  run(net.graph, {"fuse"});
  EXPECT_EQ(nodes_of(net.graph), "strata.Fused:scores");
  EXPECT_EQ(body_of(net.graph, "scores"), "Transpose:query Transpose:key MatMul:scores Div:scaled");
}

TEST(Fuse, LeavesTransposesThatOthersReadOrThatScatterElements) {
  Heads net;
  const ValueId read_twice = net.node("Transpose", {net.a}, "twice", {0, 2, 1, 3});
  const ValueId scattered = net.node("Transpose", {net.b}, "scattered", {0, 3, 2, 1});
  const ValueId by_columns = net.node("Transpose", {net.b}, "columns", {0, 2, 3, 1});
  const ValueId left = net.graph.add_input("left", f32({Dim::symbol("N"), 4, 7, 2}));
  net.graph.outputs = {net.node("MatMul", {read_twice, by_columns}, "first"),
                       net.node("Relu", {read_twice}, "relu"),
                       net.node("MatMul", {left, scattered}, "second")};
  run(net.graph, {"fuse"});
  EXPECT_EQ(nodes_of(net.graph),
            "Transpose:twice Transpose:scattered strata.Fused:first Relu:relu MatMul:second");
}

TEST(Fuse, JoinsResiduals) {
  Net net;
  const ValueId a = net.node("Relu", {net.conv(net.x)}, "relu1");
  const ValueId sum = net.node("Add", {a, net.conv(a)}, "add");
  net.graph.outputs = {net.node("Relu", {sum}, "relu2")};
  run(net.graph, {"fuse"});
  EXPECT_EQ(nodes_of(net.graph), "strata.Fused:conv1 strata.Fused:conv2");
  EXPECT_EQ(body_of(net.graph, "conv2"), "Conv:conv2 Add:add Relu:relu2");
  EXPECT_EQ(node_named(net.graph, "conv2").inputs.size(), 3u);
}

TEST(Fuse, TheLaterOfTwoBranchesTakesTheSum) {
  Net net;
  const ValueId a = net.conv(net.x), b = net.conv(net.x);
  net.graph.outputs = {net.node("Relu", {net.node("Add", {a, b}, "add")}, "relu")};
  run(net.graph, {"fuse"});
  EXPECT_EQ(nodes_of(net.graph), "Conv:conv1 strata.Fused:conv2");
}

TEST(Fuse, LeavesWhatOthersReadAndBroadcasts) {
  Net net;
  const ValueId a = net.conv(net.x);
  const ValueId r = net.node("Relu", {a}, "relu");
  const ValueId small = net.graph.add_input("small", f32({4, 1, 1}));
  const ValueId s = net.node("Add", {net.conv(r), small}, "add");
  net.graph.outputs = {a, s};
  run(net.graph, {"fuse"});
  EXPECT_EQ(nodes_of(net.graph), "Conv:conv1 Relu:relu Conv:conv2 Add:add");
}

/// Nodes, and those of their bodies in brackets.
std::string all_nodes_of(const Graph& graph) {
  std::string text;
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    text += qualified_name(*node.op) + " ";
    if (node.attributes.has("body"))
      text += "[" + all_nodes_of(node.attributes.graph("body")) + "]";
  }
  return text;
}

/// What is joined already stays as it is: kernels know bodies of single ops only.
void expect_same_when_run_again(Graph graph, std::vector<std::string_view> passes) {
  run(graph, passes);
  const std::string once = all_nodes_of(graph);
  EXPECT_NE(once.find('['), std::string::npos) << once;
  run(graph, passes);
  EXPECT_EQ(all_nodes_of(graph), once);
}

TEST(Fuse, LeavesWhatIsFused) {
  for (const char* op : {"Relu", "HardSwish", "Clip"}) {
    Net net;
    const ValueId sum = net.node("Add", {net.conv(net.x), net.x}, "sum");
    const ValueId product = net.node("Mul", {net.x, net.node(op, {sum}, "act")}, "product");
    net.graph.outputs = {net.node(op, {product}, "act2")};
    expect_same_when_run_again(net.graph, {"fuse"});
  }
  for (const char* op : {"Sigmoid", "HardSigmoid"}) {
    Net net;
    const ValueId c = net.conv(net.x);
    Attributes attributes;
    if (op[0] == 'H') attributes = {{"alpha", 1.0f / 6}, {"beta", 0.5f}};
    const ValueId gate = net.node(op, {c}, "gate", attributes);
    net.graph.outputs = {net.node("Mul", {c, gate}, "gated")};
    expect_same_when_run_again(net.graph, {"fuse"});
  }
  for (const bool residual : {false, true}) {
    Product net;
    ValueId sum = net.add(net.y, weight(net.graph, net.random, "bias", {5}), "biased");
    if (residual) {
      sum = net.add(sum, net.graph.add_input("other", f32({Dim::symbol("N"), 3, 5})), "sum");
    }
    net.graph.outputs = {user_node(net.graph, "Relu", {sum}, "relu")};
    expect_same_when_run_again(net.graph, {"fuse"});
  }
  Heads net;
  const ValueId query = net.node("Transpose", {net.a}, "query", {0, 2, 1, 3});
  const ValueId key = net.node("Transpose", {net.b}, "key", {0, 2, 3, 1});
  const ValueId root = net.graph.add_constant("root", Tensor::scalar(2.0f));
  const ValueId scaled =
      net.node("Div", {net.node("MatMul", {query, key}, "scores"), root}, "scaled");
  Graph scores = net.graph;
  scores.outputs = {scaled};
  expect_same_when_run_again(scores, {"fuse"});
  const ValueId values = net.graph.add_input("c", f32({Dim::symbol("N"), 9, 2, 4}));
  const ValueId value = net.node("Transpose", {values}, "value", {0, 2, 1, 3});
  net.graph.outputs = {
      net.node("MatMul", {net.node("Softmax", {scaled}, "softmax"), value}, "mix")};
  expect_same_when_run_again(net.graph, {"fuse_attention", "fuse"});
}

TEST(Fuse, JoinsActivationsToArithmetic) {
  Net net;
  const ValueId sum = net.node("Add", {net.x, net.node("Sigmoid", {net.x}, "s")}, "add");
  net.graph.outputs = {net.node("Relu", {sum}, "relu")};
  run(net.graph, {"fuse"});
  EXPECT_EQ(nodes_of(net.graph), "Sigmoid:s strata.Fused:add");
}

}  // namespace
}  // namespace strata::ir
