#include "strata/runtime/apart.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

using testing::Net;

std::string reasons(const std::vector<Apart>& all) {
  std::string text;
  for (const Apart& apart : all) {
    EXPECT_FALSE(apart.nodes.empty());
    text += (text.empty() ? "" : "; ") + apart.reason;
  }
  return text;
}

std::string chains(const Net& net, std::vector<std::string> off = {}) {
  SessionOptions options;
  options.passes.off = std::move(off);
  return reasons(chains_apart(Session(net.graph, options).program()));
}

TEST(Apart, ActivationsAndSums) {
  const auto convolved = [](Net& net) { return net.conv(net.input({1, 8, 9, 9}), 8, 3); };
  {
    Net net(1);
    net.graph.outputs = {net.relu(convolved(net))};
    EXPECT_EQ(chains(net), "");
    EXPECT_EQ(chains(net, {"fuse"}), "the pass that joins them is off");
  }
  {
    Net net(1);
    const auto x = convolved(net);
    net.graph.outputs = {net.relu(x), x};
    EXPECT_EQ(chains(net), "what lies between them is wanted 2 times");
  }
  {
    Net net(1);
    net.graph.outputs = {net.op("Tanh", {net.relu(convolved(net))})};
    EXPECT_EQ(chains(net), "a kernel applies one activation");
  }
  {
    Net net(1);
    const auto high = net.input({}, "high");
    net.graph.outputs = {net.op("Clip", {convolved(net), ir::no_value, high})};
    EXPECT_EQ(chains(net), "its bounds are not constant");
  }
  {
    Net net(1);
    const auto column = net.input({8, 1, 1}, "column");
    net.graph.outputs = {net.add(convolved(net), column)};
    EXPECT_EQ(chains(net), "the other operand is broadcast");
  }
  {
    Net net(1);
    const auto other = net.input({1, 8, 9, 9}, "other");
    net.graph.outputs = {net.add(net.relu(convolved(net)), other)};
    EXPECT_EQ(chains(net), "a kernel adds before its activation");
  }
}

TEST(Apart, ChainsOfArithmetic) {
  Net net(1);
  auto x = net.input({1, 8, 9}, "x");
  const auto y = net.input({1, 8, 9}, "y");
  x = net.op("Mul", {net.op("Add", {net.op("Exp", {x}), y}), y});
  net.graph.outputs = {net.relu(x)};
  Session session(net.graph);
  const std::vector<Apart> all = chains_apart(session.program());
  ASSERT_EQ(all.size(), 1u) << reasons(all);
  EXPECT_EQ(all[0].nodes.size(), 3u);  // the activation is part of the product
  EXPECT_EQ(all[0].reason, "kernels compute arithmetic and then one activation in one pass");
}

TEST(Apart, Attention) {
  Net net(1);
  const auto scores = net.op("MatMul", {net.input({2, 5, 8}, "q"), net.input({2, 8, 7}, "k")});
  const auto bent = net.op("Tanh", {scores});
  net.graph.outputs = {net.op("MatMul", {net.op("Softmax", {bent}), net.input({2, 7, 6}, "v")})};
  EXPECT_EQ(chains(net),
            "no attention: more than a constant scale and a mask lie before the Softmax");
}

TEST(Apart, Convolutions) {
  if (!has_isa(detected_isa(), Isa::avx2)) GTEST_SKIP() << "no kernels on blocks of channels";
  for (const bool read_twice : {false, true}) {
    Net net(7);
    const auto x = net.relu(net.conv(net.input({1, 3, 32, 32}), 32, 3, 2));
    const auto y = net.relu(net.conv(x, 32, 3, 1, 32));
    net.graph.outputs = {net.conv(y, 16, 1)};
    if (read_twice) net.graph.outputs.push_back(net.conv(y, 8, 1));
    Session session(net.graph);
    const Tensor in = testing::random_tensor({1, 3, 32, 32}, 12, 1);
    session.run(std::span(&in, 1));
    const std::vector<Apart> all = blocks_apart(*session.bindings()[0]);
    const std::string text = reasons(all);
    EXPECT_NE(text.find("what lies between them stays in the cache anyway"), std::string::npos)
        << text;
    EXPECT_EQ(text.find("its result is wanted elsewhere") != std::string::npos, read_twice) << text;
  }
}

}  // namespace
}  // namespace strata::runtime
