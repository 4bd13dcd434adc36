#include <gtest/gtest.h>

#include "strata/base/error.hpp"
#include "strata/base/memory.hpp"
#include "strata/ir/builder.hpp"
#include "strata/runtime/session.hpp"

// What a run in segments may use: bytes, calls of bodies, time.
namespace strata::runtime {
namespace {

using ir::Builder;
using ir::Graph;
using ir::ValueId;

Tensor ones(std::int64_t count) {
  Tensor tensor = Tensor::zeros(DType::f32, {count});
  std::ranges::fill(tensor.mutable_data<float>(), 1.0f);
  return tensor;
}

/// A value of all elements lives across the cut, whose other side is small.
Graph across_a_cut() {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N")}});
  const ValueId kept = builder.op("Exp", {x}, {}, "kept");
  const ValueId places = builder.op("NonZero", {builder.op("Relu", {x})}, {}, "places");
  const ValueId picked = builder.op("Gather", {kept, places});
  graph.outputs = {builder.op("ReduceSum", {picked}), builder.op("Neg", {kept})};
  return graph;
}

/// Doubles x once for every trip and collects what each gives; goes on as long as `goes_on` says.
ir::Subgraph doubling_body(bool collects, bool ends) {
  auto body = std::make_shared<Graph>();
  Builder builder(*body);
  const ValueId i = body->add_input("i", {DType::i64, {}});
  const ValueId goes_on = body->add_input("goes_on", {DType::boolean, {}});
  const ValueId x = body->add_input("x", {DType::f32, {Dim::symbol("N")}});
  const ValueId twice = builder.op("Add", {x, x}, {}, "twice");
  const ValueId last = builder.constant(Tensor::scalar<std::int64_t>(5));
  body->outputs = {ends ? builder.op("Less", {i, last}) : builder.op("Identity", {goes_on}), twice};
  if (collects) body->outputs.push_back(builder.op("Neg", {twice}));
  return body;
}

Graph loop(bool collects, bool ends) {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N")}});
  const ValueId goes_on = graph.add_input("goes_on", {DType::boolean, {}});
  graph.outputs = builder.multi("Loop", {ir::no_value, goes_on, x}, collects ? 2 : 1,
                                {{"body", doubling_body(collects, ends)}}, "rounds");
  return graph;
}

/// A branch that runs a loop.
Graph loop_in_a_branch() {
  auto yes = std::make_shared<Graph>();
  Builder inside(*yes);
  const ValueId x = yes->add_input("x", {DType::f32, {Dim::symbol("N")}});
  const auto rounds =
      inside.multi("Loop", {inside.constant(Tensor::scalar<std::int64_t>(4)), ir::no_value, x}, 2,
                   {{"body", doubling_body(true, false)}}, "rounds");
  yes->outputs = {inside.op("ReduceSum", {rounds[1]})};
  auto no = std::make_shared<Graph>();
  no->outputs = {
      Builder(*no).op("ReduceSum", {no->add_input("x", {DType::f32, {Dim::symbol("N")}})})};
  Graph graph;
  Builder builder(graph);
  const ValueId input = graph.add_input("x", {DType::f32, {Dim::symbol("N")}});
  const ValueId which = graph.add_input("which", {DType::boolean, {}});
  graph.outputs = {builder.op(
      "If", {which, input, input},
      {{"then_branch", ir::Subgraph(yes)}, {"else_branch", ir::Subgraph(no)}}, "choice")};
  return graph;
}

std::string refusal(Session& session, const std::vector<Tensor>& inputs, ErrorCode code) {
  try {
    session.run(inputs);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "was accepted";
  return {};
}

/// A run takes its peak and not one byte less.
void expect_exact_budget(const Graph& graph, const std::vector<Tensor>& inputs,
                         std::size_t at_least) {
  Session free(graph);
  const std::vector<Tensor> expected = free.run(inputs);
  const std::size_t peak = free.peak_bytes();
  EXPECT_GE(peak, at_least);
  SessionOptions options;
  options.memory_budget = peak;
  Session exact(graph, options);
  for (int run = 0; run < 2; ++run) {
    const std::vector<Tensor> actual = exact.run(inputs);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(identical(actual[i], expected[i])) << "output " << i;
    }
    EXPECT_EQ(exact.peak_bytes(), peak);
  }
  options.memory_budget = peak - 1;
  Session tight(graph, options);
  const std::string text = refusal(tight, inputs, ErrorCode::usage);
  EXPECT_NE(text.find(fmt::format("memory budget of {} bytes does not hold", peak - 1)),
            std::string::npos)
      << text;
  EXPECT_TRUE(text.find(" of node ") != std::string::npos || text.starts_with("node ") ||
              text.find("most of them at ") != std::string::npos)
      << text;
}

constexpr std::int64_t count = 10'000;
constexpr std::size_t vector_bytes = count * sizeof(float);

TEST(MemoryBudget, CountsValuesBetweenSegments) {
  // What is kept, its copy in the second segment and the places.
  expect_exact_budget(across_a_cut(), {ones(count)}, 2 * vector_bytes + count * 8);
}

TEST(MemoryBudget, CountsWhatLoopsCollect) {
  // Six trips: their slices, and these put together.
  expect_exact_budget(loop(true, true), {ones(count), Tensor::scalar(true)}, 12 * vector_bytes);
}

TEST(MemoryBudget, CountsBodiesWithinBodies) {
  expect_exact_budget(loop_in_a_branch(), {ones(count), Tensor::scalar(true)}, 8 * vector_bytes);
  expect_exact_budget(loop_in_a_branch(), {ones(count), Tensor::scalar(false)}, 4);
}

TEST(MemoryBudget, EndsALoopThatCollectsForever) {
  SessionOptions options;
  options.memory_budget = 100 * vector_bytes;
  Session session(loop(true, false), options);
  const std::string text = refusal(session, {ones(count), Tensor::scalar(true)}, ErrorCode::usage);
  EXPECT_TRUE(text.starts_with("node rounds (Loop): ")) << text;
  // Another run has the whole budget again.
  EXPECT_EQ(session.run(std::vector{ones(count), Tensor::scalar(false)}).size(), 2u);
}

TEST(MemoryBudget, OfAnEarlierRunOrSizeTakesNothing) {
  const Graph graph = across_a_cut();
  SessionOptions options;
  Session largest(graph);
  largest.run(std::vector{ones(count)});
  options.memory_budget = largest.peak_bytes();
  Session session(graph, options);
  for (std::int64_t size : {count, count / 2, count - 1, std::int64_t(3), count}) {
    const std::vector<Tensor> outputs = session.run(std::vector{ones(size)});
    EXPECT_EQ(outputs[1].shape(), Shape({size}));
  }
}

TEST(MemoryBudget, OutputsOutliveTheSession) {
  std::vector<Tensor> outputs;
  {
    Session session(loop(true, true));
    outputs = session.run(std::vector{ones(2), Tensor::scalar(true)});
  }
  EXPECT_EQ(outputs[0].data<float>()[1], 64.0f);
  EXPECT_EQ(outputs[1].shape(), Shape({6, 2}));
  outputs[1].mutable_data<float>()[0] = 1;
}

TEST(MemoryBudget, IsThatOfTheMachineIfNoneIsGiven) {
  EXPECT_GE(usable_memory(), std::size_t(1) << 20);
}

TEST(LoopLimit, EndsALoopThatDoesNot) {
  SessionOptions options;
  options.loop_limit = 1000;
  Session session(loop(false, false), options);
  const std::string text = refusal(session, {ones(1), Tensor::scalar(true)}, ErrorCode::model);
  EXPECT_TRUE(text.starts_with("node rounds (Loop): ")) << text;
  EXPECT_NE(text.find("1000"), std::string::npos) << text;
}

TEST(LoopLimit, IsOfEachRunAndCountsAllBodies) {
  SessionOptions options;
  options.loop_limit = 5;  // a branch and four trips of the loop in it
  Session session(loop_in_a_branch(), options);
  for (int run = 0; run < 3; ++run) {
    session.run(std::vector{ones(1), Tensor::scalar(true)});
  }
  options.loop_limit = 4;
  Session tight(loop_in_a_branch(), options);
  const std::string text = refusal(tight, {ones(1), Tensor::scalar(true)}, ErrorCode::model);
  EXPECT_NE(text.find("node rounds (Loop)"), std::string::npos) << text;
}

TEST(Interruption, EndsALoop) {
  SessionOptions options;
  int asked = 0;
  options.stopped = [&] { return ++asked > 20; };
  Session session(loop(false, false), options);
  const std::string text = refusal(session, {ones(1), Tensor::scalar(true)}, ErrorCode::usage);
  EXPECT_NE(text.find("interrupted"), std::string::npos) << text;
  EXPECT_EQ(asked, 21);
}

}  // namespace
}  // namespace strata::runtime
