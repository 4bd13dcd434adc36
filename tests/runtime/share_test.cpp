#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/runtime/packing.hpp"
#include "strata/runtime/session.hpp"

// One plan for several callers at once, and sessions in forked processes.
namespace strata::runtime {
namespace {

using ir::Builder;
using ir::Graph;
using ir::ValueId;

constexpr int callers = 4;
constexpr int runs = 25;

Tensor filled(const Shape& shape, float first) {
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  for (float& value : tensor.mutable_data<float>()) value = first += 0.25f;
  return tensor;
}

/// Two dense layers of 32.
Graph dense() {
  Graph graph;
  Builder builder(graph);
  ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), 32}});
  for (const float first : {-3.0f, -100.0f}) {
    const ValueId weights = builder.constant(filled({32, 32}, first));
    x = builder.op("Relu", {builder.op("MatMul", {x, weights})});
  }
  graph.outputs = {x};
  return graph;
}

/// Adds the sum of all inputs so far, the present one included.
Graph running_sum() {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {2}});
  const ValueId sum = graph.add_state("sum", Tensor::zeros(DType::f32, {2}));
  const ValueId next = builder.op("Add", {x, sum});
  graph.states[0].written = next;
  graph.outputs = {next};
  return graph;
}

/// The elements that are not zero, doubled where the first one is positive.
Graph kept() {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N")}});
  const ValueId places =
      builder.op("Reshape", {builder.op("NonZero", {x}), builder.integers({-1})});
  const ValueId values = builder.op("Gather", {x, places});
  graph.outputs = {builder.op("Add", {values, values})};
  return graph;
}

/// Several callers run on inputs of their own, and find what one caller alone finds.
void expect_independent(const Graph& graph, const SessionOptions& options,
                        const std::vector<Tensor>& inputs) {
  Session first(graph, options);
  std::vector<std::vector<Tensor>> expected;
  for (const Tensor& input : inputs) expected.push_back(first.run(std::span(&input, 1)));
  std::vector<Session> sessions;
  for (std::size_t i = 0; i < inputs.size(); ++i) sessions.push_back(first.share());
  std::vector<int> differing(inputs.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    threads.emplace_back([&, i] {
      for (int run = 0; run < runs; ++run) {
        const std::vector<Tensor> actual = sessions[i].run(std::span(&inputs[i], 1));
        differing[i] += !identical(actual[0], expected[i][0]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : differing) EXPECT_EQ(count, 0);
}

TEST(Share, OnePlanServesSeveralThreads) {
  std::vector<Tensor> inputs;
  for (int i = 0; i < callers; ++i) inputs.push_back(filled({1 + i % 2, 32}, float(i)));
  for (const int threads : {1, 2}) {
    SessionOptions options;
    options.threads = threads;
    expect_independent(dense(), options, inputs);
  }
}

TEST(Share, SegmentsServeSeveralThreads) {
  std::vector<Tensor> inputs;
  for (int i = 0; i < callers; ++i) {
    inputs.push_back(Tensor::from<float>({4}, {0, float(i), 1, float(i % 2)}));
  }
  expect_independent(kept(), {}, inputs);
}

TEST(Share, NeitherCompilesNorPacksAgain) {
  const SessionOptions options;
  const Session first(dense(), options);
  const std::size_t packings = options.target.packed->packings();
  EXPECT_GT(packings, 0u);
  Session second = first.share();
  EXPECT_EQ(first.shared_program(), second.shared_program());
  const Tensor input = filled({3, 32}, 0);
  second.run(std::span(&input, 1));
  EXPECT_EQ(options.target.packed->packings(), packings);
  EXPECT_TRUE(first.bindings().empty()) << "nothing ran there";
}

TEST(Share, StatesAreTheCallersOwn) {
  Session first(running_sum());
  const Tensor one = Tensor::from<float>({2}, {1, 10});
  first.run(std::span(&one, 1));
  Session second = first.share();
  EXPECT_EQ(second.run(std::span(&one, 1))[0].data<float>()[1], 10) << "from the initial values";
  EXPECT_EQ(first.run(std::span(&one, 1))[0].data<float>()[1], 20);
}

TEST(Share, OutlivesWhatItCameFrom) {
  auto first = std::make_unique<Session>(dense());
  Session second = first->share();
  const Tensor input = filled({1, 32}, 0);
  const std::vector<Tensor> expected = first->run(std::span(&input, 1));
  first.reset();
  EXPECT_TRUE(identical(second.run(std::span(&input, 1))[0], expected[0]));
}

// ThreadSanitizer does not follow a process with threads through fork.
#if !defined(__SANITIZE_THREAD__)
TEST(Fork, TheChildUsesWhatItInherits) {
  SessionOptions options;
  options.threads = 4;
  Session session(dense(), options);
  const Tensor input = filled({8, 32}, 0), other = filled({5, 32}, 1);
  const Tensor expected = session.run(std::span(&input, 1))[0];
  const Tensor expected_other = Session(dense()).run(std::span(&other, 1))[0];
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Sizes known before and new ones, and sessions with threads of their own.
    bool good = identical(session.run(std::span(&input, 1))[0], expected) &&
                identical(session.run(std::span(&other, 1))[0], expected_other);
    {
      Session shared = session.share();
      good =
          good && shared.threads() == 4 && identical(shared.run(std::span(&input, 1))[0], expected);
    }
    _exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_TRUE(identical(session.run(std::span(&input, 1))[0], expected)) << "the parent goes on";
}
#endif

}  // namespace
}  // namespace strata::runtime
