#include <gtest/gtest.h>

#include "strata/ir/passes/attention_form.hpp"
#include "strata/ir/passes/rewrite.hpp"
#include "tests/ir/passes/passes.hpp"

namespace strata::ir {
namespace {

using namespace testing;
using Perm = std::vector<std::int64_t>;

/// Attention over heads that lie beside one another, with every way to depart from it.
struct Heads {
  Graph graph;
  Dim n = Dim::symbol("N");
  ValueId q = graph.add_input("q", f32({n, 5, 2, 4}));
  ValueId k = graph.add_input("k", f32({n, 7, 2, 4}));
  ValueId v = graph.add_input("v", f32({n, 7, 2, 6}));

  ValueId node(std::string_view op, std::vector<ValueId> inputs, std::string_view name,
               Attributes attributes = {}) {
    return user_node(graph, op, std::move(inputs), name, std::move(attributes));
  }
  ValueId turned(ValueId value, Perm perm, std::string_view name) {
    return node("Transpose", {value}, name, {{"perm", std::move(perm)}});
  }
  ValueId number(float value, std::string_view name) {
    return graph.add_constant(name, Tensor::scalar(value));
  }
  ValueId query() { return turned(q, {0, 2, 1, 3}, "query"); }
  ValueId key() { return turned(k, {0, 2, 3, 1}, "key"); }
  ValueId value() { return turned(v, {0, 2, 1, 3}, "value"); }
  ValueId scores() { return node("MatMul", {query(), key()}, "scores"); }
  ValueId scaled() { return node("Div", {scores(), number(2, "root")}, "scaled"); }
  ValueId mix(ValueId weights) { return node("MatMul", {weights, value()}, "mix"); }
  /// What becomes of the scores.
  ValueId finish(ValueId from) {
    return turned(mix(node("Softmax", {from}, "softmax")), {0, 2, 1, 3}, "tokens");
  }

  std::string reason() const {
    const Uses uses(graph);
    for (NodeId id : graph.order()) {
      if (is_op(graph.node(id), "Softmax"))
        return std::string(match_attention(graph, uses, id).reason);
    }
    return "no Softmax";
  }
};

std::string body_of(const Graph& graph, std::string_view name) {
  return nodes_of(node_named(graph, name).attributes.graph("body"));
}

TEST(FuseAttention, JoinsAllFromTheTransposesToThat) {
  Heads net;
  net.graph.outputs = {net.finish(net.scaled())};
  run(net.graph, {"fuse_attention"});
  EXPECT_EQ(nodes_of(net.graph), "strata.Fused:softmax");
  EXPECT_EQ(body_of(net.graph, "softmax"),
            "Transpose:query Transpose:key MatMul:scores Div:scaled Softmax:softmax "
            "Transpose:value MatMul:mix Transpose:tokens");
  EXPECT_EQ(net.graph.value(net.graph.outputs[0]).name, "tokens");
  EXPECT_EQ(node_named(net.graph, "softmax").inputs.size(), 3u);
}

TEST(FuseAttention, ItsPartsAreFusedToo) {
  Heads net;
  net.graph.outputs = {net.finish(net.scaled())};
  run(net.graph, {"fuse_attention", "fuse"});
  EXPECT_EQ(nodes_of(net.graph), "strata.Fused:softmax");
  EXPECT_EQ(body_of(net.graph, "softmax"),
            "strata.Fused:scores Softmax:softmax strata.Fused:mix Transpose:tokens");
}

TEST(FuseAttention, ScalesStandAnywhere) {
  const auto scale_of = [](Heads& net) {
    const Uses uses(net.graph);
    for (NodeId id : net.graph.order()) {
      if (!is_op(net.graph.node(id), "Softmax")) continue;
      const auto form = match_attention(net.graph, uses, id).form;
      if (!form) return 0.0f;
      EXPECT_EQ(form->q.value, net.q);
      EXPECT_EQ(form->k.value, net.k);
      EXPECT_EQ(form->v.value, net.v);
      return form->scale;
    }
    return 0.0f;
  };
  {
    Heads net;  // on the stored and on the turned operand, of either side of the product
    const ValueId q = net.node("Mul", {net.q, net.number(0.5f, "a")}, "scaled_q");
    const ValueId k = net.node("Div", {net.key(), net.number(4, "b")}, "scaled_k");
    const ValueId product = net.node("MatMul", {net.turned(q, {0, 2, 1, 3}, "query"), k}, "scores");
    net.graph.outputs = {net.finish(product)};
    EXPECT_EQ(scale_of(net), 0.125f);
    run(net.graph, {"fuse_attention"});
    EXPECT_EQ(nodes_of(net.graph), "strata.Fused:softmax");
  }
  {
    Heads net;
    net.graph.outputs = {net.finish(net.node("Mul", {net.number(-0.25f, "a"), net.scores()}, "s"))};
    EXPECT_EQ(scale_of(net), -0.25f);
  }
  {
    Heads net;
    net.graph.outputs = {net.finish(net.scores())};
    EXPECT_EQ(scale_of(net), 1.0f);
  }
}

TEST(FuseAttention, MasksAreOperands) {
  for (const bool first : {false, true}) {
    Heads net;
    const ValueId mask = net.graph.add_input("mask", f32({net.n, 1, 1, 7}));
    const ValueId scaled = net.scaled();
    const ValueId sum = first ? net.node("Add", {mask, scaled}, "masked")
                              : net.node("Add", {scaled, mask}, "masked");
    net.graph.outputs = {net.finish(sum)};
    run(net.graph, {"fuse_attention"});
    EXPECT_EQ(nodes_of(net.graph), "strata.Fused:softmax");
    EXPECT_EQ(node_named(net.graph, "softmax").inputs.size(), 4u);
  }
  Heads net;
  Random random{3};
  const ValueId mask = weight(net.graph, random, "mask", {1, 1, 5, 7});
  net.graph.outputs = {net.finish(net.node("Add", {net.scores(), mask}, "masked"))};
  run(net.graph, {"fuse_attention"});
  EXPECT_EQ(node_named(net.graph, "softmax").inputs.size(), 4u);
}

/// As TensorFlow Lite's converter writes a single head.
TEST(FuseAttention, ProductsMayBeGemmBetweenReshapes) {
  Heads net;
  const auto shape = [&](std::vector<std::int64_t> dims, std::string_view name) {
    return net.graph.add_constant(name,
                                  Tensor::from<std::int64_t>({std::int64_t(dims.size())}, dims));
  };
  const ValueId q = net.graph.add_input("q2", f32({5, 4})),
                k = net.graph.add_input("k2", f32({7, 4}));
  const ValueId v = net.graph.add_input("v2", f32({7, 6}));
  const Attributes turned{{"transB", std::int64_t(1)}};
  const ValueId scores = net.node("Gemm", {q, k}, "scores", turned);
  const ValueId scaled = net.node("Mul", {scores, net.number(0.5f, "scale")}, "scaled");
  const ValueId four = net.node("Reshape", {scaled, shape({1, 1, 5, 7}, "four")}, "whole");
  const ValueId mask = net.graph.add_input("mask", f32({1, 1, 1, 7}));
  const ValueId weights = net.node("Softmax", {net.node("Add", {four, mask}, "masked")}, "softmax",
                                   {{"axis", std::int64_t(3)}});
  const ValueId two = net.node("Reshape", {weights, shape({5, 7}, "two")}, "flat");
  const ValueId columns = net.turned(v, {1, 0}, "columns");
  net.graph.outputs = {net.node("Gemm", {two, columns}, "mix", turned)};
  Graph other = net.graph;
  run(net.graph, {"fuse_attention"});
  EXPECT_EQ(nodes_of(net.graph), "strata.Fused:softmax");
  EXPECT_EQ(node_named(net.graph, "softmax").inputs.size(), 4u);
  other.node(*other.find_node("mix")).attributes.set("alpha", 0.5f);
  const Uses uses(other);
  EXPECT_EQ(match_attention(other, uses, *other.find_node("softmax")).reason,
            "what the Softmax gives is scaled");
}

TEST(FuseAttention, SaysWhyNot) {
  {
    Heads net;
    const ValueId scaled = net.scaled();
    net.graph.outputs = {net.finish(scaled), scaled};
    EXPECT_EQ(net.reason(), "its scores are wanted elsewhere");
  }
  {
    Heads net;
    const ValueId weights = net.node("Softmax", {net.scaled()}, "softmax");
    net.graph.outputs = {net.mix(weights), weights};
    EXPECT_EQ(net.reason(), "what the Softmax gives is wanted elsewhere");
  }
  {
    Heads net;
    const ValueId weights =
        net.node("Softmax", {net.scaled()}, "softmax", {{"axis", std::int64_t(2)}});
    net.graph.outputs = {net.mix(weights)};
    EXPECT_EQ(net.reason(), "the Softmax is not along the keys");
  }
  {
    Heads net;
    net.graph.outputs = {net.finish(net.node("Tanh", {net.scaled()}, "bent"))};
    EXPECT_EQ(net.reason(), "more than a constant scale and a mask lie before the Softmax");
  }
  {
    Heads net;
    const ValueId mask = net.graph.add_input("mask", f32({3, 2, 5, 7}));
    const ValueId sum = net.node("Add", {net.scores(), mask}, "masked");
    net.graph.outputs = {net.finish(net.node("Mul", {sum, net.number(0.5f, "half")}, "scaled"))};
    EXPECT_EQ(net.reason(), "its mask is scaled with the scores");
  }
  {
    Heads net;
    net.graph.outputs = {net.finish(net.node("Mul", {net.scores(), net.number(8, "s")}, "scaled"))};
    EXPECT_EQ(net.reason(), "the scale makes scores larger, or next to nothing");
  }
  {
    Heads net;
    const ValueId mask = net.graph.add_input("mask", f32({1, 1, 1, 7}));
    const ValueId once = net.node("Add", {net.scores(), mask}, "once");
    net.graph.outputs = {net.finish(net.node("Add", {once, mask}, "twice"))};
    EXPECT_EQ(net.reason(), "two things are added to its scores");
  }
  {
    Heads net;
    net.graph.outputs = {net.finish(net.node("Sqrt", {net.scaled()}, "rooted"))};
    EXPECT_EQ(net.reason(), "");  // no candidate
  }
  {
    Graph graph;
    const ValueId a = graph.add_input("a", f32({1, 1, 5, 4})),
                  b = graph.add_input("b", f32({4, 7}));
    const ValueId product = user_node(graph, "MatMul", {a, b}, "scores");
    const ValueId c = graph.add_input("c", f32({7, 3}));
    graph.outputs = {
        user_node(graph, "MatMul", {user_node(graph, "Softmax", {product}, "s"), c}, "m")};
    run(graph, {"fuse_attention"});
    EXPECT_EQ(nodes_of(graph), "MatMul:scores Softmax:s MatMul:m");
  }
}

/// Files may hold them.
TEST(FuseAttention, ManyReshapesAreNoAttention) {
  Heads net;
  const ValueId q = net.graph.add_input("q2", f32({5, 4})),
                k = net.graph.add_input("k2", f32({4, 7}));
  const ValueId shape = net.graph.add_constant("shape", Tensor::from<std::int64_t>({2}, {5, 7}));
  ValueId weights = net.node("Softmax", {net.node("MatMul", {q, k}, "scores")}, "softmax");
  constexpr int many = 200'000;
  for (int i = 0; i < many; ++i) {
    weights = net.node("Reshape", {weights, shape}, "reshape" + std::to_string(i));
  }
  const ValueId v = net.graph.add_input("v2", f32({7, 6}));
  net.graph.outputs = {net.node("MatMul", {weights, v}, "mix")};
  const Uses uses(net.graph);
  EXPECT_FALSE(match_attention(net.graph, uses, *net.graph.find_node("softmax")).candidate);
}

/// Nodes of other heads lie between those of one, and operands are made late.
TEST(FuseAttention, OrdersNodesOfHeadsThatAreInterleaved) {
  Heads net;
  const ValueId scaled = net.scaled();
  const Perm perm{0, 2, 1, 3};
  const ValueId other = net.turned(net.q, perm, "other_query");
  const ValueId other_key = net.turned(net.k, {0, 2, 3, 1}, "other_key");
  const ValueId other_value = net.turned(net.v, perm, "other_value");
  const ValueId first = net.finish(scaled);
  const ValueId scores = net.node("MatMul", {other, other_key}, "other_scores");
  const ValueId weights = net.node("Softmax", {scores}, "other_softmax");
  net.graph.outputs = {first, net.node("MatMul", {weights, other_value}, "other_mix")};
  run(net.graph, {"fuse_attention"});
  EXPECT_EQ(nodes_of(net.graph), "strata.Fused:softmax strata.Fused:other_softmax");
  EXPECT_EQ(body_of(net.graph, "other_softmax"),
            "Transpose:other_query Transpose:other_key MatMul:other_scores Softmax:other_softmax "
            "Transpose:other_value MatMul:other_mix");
}

TEST(FuseAttention, LeavesWhatIsNoAttention) {
  Heads net;
  net.graph.outputs = {
      net.mix(net.node("Softmax", {net.graph.add_input("x", f32({1, 2, 5, 7}))}, "s"))};
  EXPECT_EQ(net.reason(), "");
  run(net.graph, {"fuse_attention"});
  EXPECT_EQ(nodes_of(net.graph), "Softmax:s Transpose:value MatMul:mix");
}

}  // namespace
}  // namespace strata::ir
