// States: what a run leaves behind for the next.

#include <gtest/gtest.h>

#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

struct Accumulator {
  testing::Net net{1};
  ir::ValueId state;
  explicit Accumulator(SymbolicShape input) {
    const auto x = net.input(std::move(input), "x");
    state = net.graph.add_state("sum", Tensor::zeros(DType::f32, {1}));
    const auto total = net.op("ReduceSum", {x}, {{"keepdims", std::int64_t(0)}});
    const auto next = net.add(state, net.op("Reshape", {total, net.builder().integers({1})}));
    net.graph.states[0].written = next;
    net.graph.outputs = {net.op("Neg", {next})};
    ir::infer_types(net.graph);
  }
};

float run(Session& session, std::vector<float> values) {
  const Tensor x = Tensor::from<float>({std::int64_t(values.size())}, values);
  return session.run(std::span(&x, 1))[0].data<float>()[0];
}

TEST(State, OutlivesRunsAndBindingsUntilReset) {
  Session session(std::move(Accumulator({Dim::symbol("N")}).net.graph));
  EXPECT_EQ(run(session, {1, 2}), -3);
  EXPECT_EQ(run(session, {4, 5}), -12);
  EXPECT_EQ(run(session, {1, 1, 1}), -15);  // another binding, the same state
  session.reset();
  EXPECT_EQ(run(session, {7, 0}), -7);
}

TEST(State, TwoThatTradePlacesKeepBoth) {
  testing::Net net(1);
  const auto a = net.graph.add_state("a", Tensor::from<float>({1}, {1.0f}));
  const auto b = net.graph.add_state("b", Tensor::from<float>({1}, {2.0f}));
  net.graph.states[0].written = b;
  net.graph.states[1].written = a;
  const auto x = net.input({1}, "x");
  net.graph.outputs = {net.op("Sub", {net.add(a, x), b})};
  ir::infer_types(net.graph);
  Session session(std::move(net.graph));
  EXPECT_EQ(run(session, {0}), -1);
  EXPECT_EQ(run(session, {0}), 1);
  EXPECT_EQ(run(session, {0}), -1);
}

}  // namespace
}  // namespace strata::runtime
