// Operands of a Concat that lie in its result: the same bits, no more memory than copies take.

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

using testing::Net;
using testing::random_tensor;

/// Steps of Concats, and how many of them copy nothing.
struct Concats {
  int all = 0, placed = 0;
};
Concats concats_of(const Binding& binding) {
  Concats found;
  for (const BoundStep& step : binding.steps()) {
    if (step.problem->kind != kernels::ProblemKind::concat) continue;
    ++found.all;
    found.placed += step.placed;
  }
  return found;
}

std::shared_ptr<const Binding> bind(const ir::Graph& graph, int threads = 1) {
  BindOptions options;
  options.threads = threads;
  return Binding::bind(Program::compile(graph, default_target()), {}, options);
}

/// The outputs on one thread and on three, from dead buffers full of NaNs, bit for bit as the
/// interpreter's.
void expect_same_bits(const ir::Graph& graph, const std::vector<Tensor>& inputs) {
  const std::vector<Tensor> expected = ir::interpret(graph, inputs);
  for (const int threads : {1, 3}) {
    const auto binding = bind(graph, threads);
    Context context(binding, std::make_shared<ThreadPool>(threads));
    context.poison_dead_buffers(std::byte(0xFF));
    std::vector<const void*> in;
    for (const Tensor& x : inputs) in.push_back(x.raw());
    std::vector<Tensor> results;
    std::vector<void*> out;
    for (const Tensor& y : expected) {
      results.push_back(Tensor::zeros(y.dtype(), y.shape()));
    }
    for (Tensor& y : results) out.push_back(y.mutable_raw());
    for (int run = 0; run < 2; ++run) context.run(in, out);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(identical(results[i], expected[i])) << "output " << i << ", threads " << threads;
    }
  }
}

ir::ValueId join(Net& net, std::vector<ir::ValueId> values, std::int64_t axis = 1) {
  return net.op("Concat", std::move(values), {{"axis", axis}});
}

TEST(Concat, BranchesOfConvolutionsCopyNothing) {
  Net net(1);
  const auto x = net.relu(net.conv(net.input({1, 3, 24, 24}), 16, 3));
  const auto y = join(net, {net.relu(net.conv(x, 32, 1)), net.relu(net.conv(x, 48, 3))});
  net.graph.outputs = {net.op("GlobalAveragePool", {net.relu(net.conv(y, 16, 1))})};
  ir::infer_types(net.graph);
  const Concats found = concats_of(*bind(net.graph));
  EXPECT_EQ(found.all, 1);
  EXPECT_EQ(found.placed, 1);
}

TEST(Concat, OneInsideOfAnotherCopiesNothing) {
  Net net(1);
  const auto x = net.input({1, 16, 4, 4});
  const auto a = net.relu(x), b = net.op("Neg", {x}), c = net.op("Abs", {x});
  const auto inner = join(net, {a, b});
  net.graph.outputs = {net.op("Neg", {join(net, {c, inner})}), net.op("Abs", {inner})};
  ir::infer_types(net.graph);
  const Concats found = concats_of(*bind(net.graph));
  EXPECT_EQ(found.all, 2);
  EXPECT_EQ(found.placed, 2);
  expect_same_bits(net.graph, {random_tensor({1, 16, 4, 4}, 2, 1)});
}

TEST(Concat, WhatCannotLieThereIsCopied) {
  Net net(1);
  const auto x = net.input({2, 16, 4, 4});
  const auto a = net.relu(x), b = net.op("Neg", {x});
  // The graph's input; one operand twice; two Concats of one operand; batches; odd sizes.
  const auto first = join(net, {x, a}, 0), second = join(net, {b, b}, 0);
  const auto third = join(net, {b, a}, 0), fourth = join(net, {a, b}, 1);
  net.graph.outputs = {net.op("Abs", {first}), net.op("Abs", {second}), net.op("Abs", {third}),
                       net.op("Abs", {fourth})};
  ir::infer_types(net.graph);
  EXPECT_EQ(concats_of(*bind(net.graph)).placed, 0);
  expect_same_bits(net.graph, {random_tensor({2, 16, 4, 4}, 3, 1)});
}

TEST(Concat, IsCopiedWhereThatTakesLessMemory) {
  Net net(1);
  const auto x = net.input({1, 16, 4, 4});
  const auto early = net.relu(x);
  // What is wide is gone before the second operand is there, which is negated in place.
  const auto wide = net.op("Neg", {join(net, std::vector<ir::ValueId>(16, x))});
  const auto list = [&](std::int64_t value) {
    return net.builder().constant(Tensor::from<std::int64_t>({1}, {value}));
  };
  const auto late = net.op("Neg", {net.op("Slice", {wide, list(8), list(72), list(1)})});
  net.graph.outputs = {net.op("Abs", {join(net, {early, late})})};
  ir::infer_types(net.graph);
  const auto binding = bind(net.graph);
  EXPECT_EQ(concats_of(*binding).placed, 0);
  constexpr std::size_t channel = 4 * 4 * sizeof(float);
  EXPECT_EQ(binding->bound_bytes(), (256 + 64 + 16) * channel);
  expect_same_bits(net.graph, {random_tensor({1, 16, 4, 4}, 4, 1)});
}

/// Element-wise ops and Concats along all axes, of whatever fits, several outputs.
ir::Graph random_graph(std::uint64_t seed) {
  Random random(seed);
  Net net(seed);
  std::vector<ir::ValueId> values{net.input({1, 16, 4, 4}), net.input({1, 5, 4, 4}, "other")};
  const auto pick = [&] { return values[std::size_t(random.below(values.size()))]; };
  for (int i = 0; i < 14; ++i) {
    const std::uint64_t kind = random.below(8);
    if (kind < 4) {
      constexpr std::string_view ops[] = {"Relu", "Neg", "Abs", "Sign"};
      values.push_back(net.op(ops[kind], {pick()}));
    } else if (kind == 4) {
      const auto x = pick();
      values.push_back(net.add(x, net.op("Neg", {net.relu(x)})));
    } else {
      const std::int64_t axis = random.below(4) == 0 ? std::int64_t(random.below(4)) : 1;
      std::vector<ir::ValueId> joined{pick()};
      const auto fits = [&](ir::ValueId id) {
        ir::infer_types(net.graph);
        const SymbolicShape &a = net.graph.value(joined[0]).type.shape,
                            &b = net.graph.value(id).type.shape;
        for (std::size_t k = 0; k < 4; ++k) {
          if (std::int64_t(k) != axis && a[k] != b[k]) return false;
        }
        return a[std::size_t(axis)].constant() < 200;
      };
      for (std::uint64_t k = random.below(4); k > 0; --k) {
        const auto next = pick();
        if (fits(next)) joined.push_back(next);
      }
      values.push_back(join(net, joined, axis));
    }
  }
  for (std::size_t i = values.size() - 4; i < values.size(); ++i) {
    const bool is_new = std::ranges::count(net.graph.outputs, values[i]) == 0;
    if (is_new) net.graph.outputs.push_back(values[i]);
  }
  ir::infer_types(net.graph);
  return std::move(net.graph);
}

TEST(Concat, RandomGraphsGiveTheSameBits) {
  int placed = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const ir::Graph graph = random_graph(seed);
    expect_same_bits(graph, {random_tensor({1, 16, 4, 4}, seed, 1),
                             random_tensor({1, 5, 4, 4}, seed + 1000, 1)});
    if (HasFailure()) return;
    placed += concats_of(*bind(graph)).placed;
  }
  EXPECT_GT(placed, 20);
}

}  // namespace
}  // namespace strata::runtime
