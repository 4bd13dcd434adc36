#include <gtest/gtest.h>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/runtime/session.hpp"

// Graphs whose sizes, or whose parts that run, depend on data.
namespace strata::runtime {
namespace {

using ir::Builder;
using ir::Graph;
using ir::ValueId;

Tensor row(std::initializer_list<float> values) {
  return Tensor::from<float>({std::int64_t(values.size())}, values);
}

/// Squares of the elements that are not zero.
Graph squares() {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N")}});
  const ValueId places =
      builder.op("Reshape", {builder.op("NonZero", {x}), builder.integers({-1})});
  const ValueId kept = builder.op("Gather", {x, places});
  graph.outputs = {builder.op("Mul", {kept, kept}, {}, "square")};
  return graph;
}

void expect_like_interpreter(const Graph& graph, Session& session,
                             const std::vector<Tensor>& inputs) {
  const std::vector<Tensor> expected = ir::interpret(graph, inputs);
  const std::vector<Tensor> actual = session.run(inputs);
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(identical(actual[i], expected[i])) << "output " << i;
  }
}

TEST(Segments, SizesFollowTheData) {
  const Graph graph = squares();
  Session session(graph);
  EXPECT_FALSE(session.is_static());
  EXPECT_EQ(session.segments().size(), 1u);  // the count is asked before anything runs
  const auto result = session.run(std::vector{row({0, 2, 0, -3})});
  EXPECT_TRUE(identical(result[0], row({4, 9})));
  expect_like_interpreter(graph, session, {row({1, 2, 3})});
  expect_like_interpreter(graph, session, {row({0, 0})});
  expect_like_interpreter(graph, session, {row({0, 0, 5, 0, 6, 7})});
}

TEST(Segments, ThereIsNoOnePlan) {
  Session session(squares());
  try {
    session.program();
    FAIL() << "gave a program";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_NE(std::string_view(error.what()).find("depend on data"), std::string_view::npos);
  }
}

TEST(Segments, WorkBeforeTheCutRunsBeforeIt) {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {4}});
  const ValueId positive = builder.op("Relu", {x});
  const ValueId places = builder.op("NonZero", {positive});
  const ValueId count = builder.op("Shape", {places}, {{"start", std::int64_t(1)}});
  graph.outputs = {positive, builder.op("ConstantOfShape", {count})};
  Session session(graph);
  EXPECT_EQ(session.segments().size(), 2u);
  const auto result = session.run(std::vector{row({-1, 2, 3, -4})});
  EXPECT_TRUE(identical(result[0], row({0, 2, 3, 0})));
  EXPECT_EQ(result[1].shape(), Shape({2}));
}

TEST(Segments, AShapeMayBeAnInput) {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {6}});
  const ValueId shape = graph.add_input("shape", {DType::i64, {2}});
  graph.outputs = {builder.op("Transpose", {builder.op("Reshape", {x, shape})})};
  Session session(graph);
  const Tensor data = row({1, 2, 3, 4, 5, 6});
  const auto result = session.run(std::vector{data, Tensor::from<std::int64_t>({2}, {2, -1})});
  EXPECT_TRUE(identical(result[0], Tensor::from<float>({3, 2}, {1, 4, 2, 5, 3, 6})));
  expect_like_interpreter(graph, session, {data, Tensor::from<std::int64_t>({2}, {3, 2})});
  try {
    session.run(std::vector{data, Tensor::from<std::int64_t>({2}, {4, 2})});
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::model);
    EXPECT_NE(std::string_view(error.what()).find("(Reshape)"), std::string_view::npos);
  }
}

TEST(Plans, SaysWhyTheAssumedSizesWouldNotDo) {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {1, 1, Dim::symbol("L")}});
  const ValueId w = builder.constant(Tensor::from<float>({1, 1, 3}, {1, 2, 3}));
  graph.outputs = {builder.op("Conv", {x, w})};
  Session session(graph);
  try {
    session.program();
    FAIL() << "gave a program";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::model);
    EXPECT_NE(std::string_view(error.what()).find("does not fit extent 1"), std::string_view::npos)
        << error.what();
  }
  EXPECT_EQ(session.run(std::vector{Tensor::zeros(DType::f32, {1, 1, 5})})[0].shape(),
            Shape({1, 1, 3}));
}

TEST(Segments, ComplaintsOfReferencesEndTheRunAlone) {
  // The axis is data that no shape depends on; it is looked at by the reference alone.
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {3}});
  const ValueId axis = graph.add_input("axis", {DType::i64, {}});
  graph.outputs = {builder.op("CumSum", {x, axis}, {}, "sums")};
  Session session(graph);
  EXPECT_THROW(session.run(std::vector{row({1, 2, 3}), Tensor::scalar<std::int64_t>(7)}), Error);
  const auto result = session.run(std::vector{row({1, 2, 3}), Tensor::scalar<std::int64_t>(0)});
  EXPECT_TRUE(identical(result[0], row({1, 3, 6})));
}

void expect_model_error(const Graph& graph, const std::vector<Tensor>& inputs,
                        std::string_view part) {
  const auto expect = [&](const auto& run) {
    try {
      run();
      FAIL() << "ran";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::model);
      EXPECT_NE(std::string_view(error.what()).find(part), std::string_view::npos) << error.what();
    }
  };
  Session session(graph);
  expect([&] { session.run(inputs); });
  expect([&] { ir::interpret(graph, inputs); });
}

TEST(Segments, WhatFollowsOpenExtentsIsChecked) {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {4}});
  const ValueId mask = graph.add_input("mask", {DType::boolean, {4}});
  const ValueId kept = builder.op("Compress", {x, mask});
  const ValueId four = builder.constant(row({1, 2, 3, 4}));
  graph.outputs = {builder.op("Add", {kept, four}, {}, "sum")};
  Session session(graph);
  const auto all = Tensor::from<bool>({4}, {true, true, true, true});
  EXPECT_TRUE(identical(session.run(std::vector{row({1, 1, 1, 1}), all})[0], row({2, 3, 4, 5})));
  expect_model_error(graph, {row({1, 1, 1, 1}), Tensor::from<bool>({4}, {true, true, false, true})},
                     "sum");
}

TEST(Segments, ProductsWithOpenExtentsAreChecked) {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {2, 4}});
  const ValueId mask = graph.add_input("mask", {DType::boolean, {4}});
  const ValueId kept = builder.op("Compress", {x, mask}, {{"axis", std::int64_t(1)}});
  graph.outputs = {
      builder.op("MatMul", {kept, builder.constant(Tensor::zeros(DType::f32, {2, 2}))}, {}, "mm")};
  expect_model_error(
      graph,
      {Tensor::zeros(DType::f32, {2, 4}), Tensor::from<bool>({4}, {true, true, false, true})},
      "mm");
}

TEST(Segments, UsersSymbolsThatLookLikeOpenOnesDoNoHarm) {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("places_dim1")}});
  const ValueId c = graph.add_input("c", {DType::f32, {3}});
  const ValueId places = builder.multi("NonZero", {c}, 1, {}, "find")[0];
  graph.rename(places, "places");
  ir::infer_types(graph);
  graph.outputs = {builder.op("Shape", {places}), builder.op("Neg", {x})};
  Session session(graph);
  EXPECT_THROW(session.run(std::vector{row({1, 2}), row({1, 1, 1})}), Error);
  EXPECT_NO_THROW(session.run(std::vector{row({1, 2, 3}), row({1, 1, 1})}));
}

/// One op on one input.
ir::Subgraph branch_of(std::string_view op) {
  auto branch = std::make_shared<Graph>();
  const ValueId x = branch->add_input("x", {DType::f32, {Dim::symbol("N")}});
  branch->outputs = {Builder(*branch).op(op, {x})};
  return branch;
}

TEST(ControlFlow, IfRunsOneBranch) {
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N")}});
  const ValueId total = builder.op("ReduceSum", {x}, {{"keepdims", std::int64_t(0)}});
  const ValueId positive = builder.op("Greater", {total, builder.constant(Tensor::scalar(0.0f))});
  const ValueId y =
      builder.op("If", {positive, x, x},
                 {{"then_branch", branch_of("Neg")}, {"else_branch", branch_of("Abs")}});
  graph.outputs = {builder.op("Add", {y, y})};
  Session session(graph);
  EXPECT_TRUE(identical(session.run(std::vector{row({1, 2})})[0], row({-2, -4})));
  EXPECT_TRUE(identical(session.run(std::vector{row({1, -2, 0})})[0], row({2, 4, 0})));
}

TEST(ControlFlow, ABranchMustGiveThePlannedSize) {
  Graph graph;
  Builder builder(graph);
  const ValueId flag = graph.add_input("flag", {DType::boolean, {}});
  const auto constant = [](const Shape& shape) {
    auto branch = std::make_shared<Graph>();
    Builder inside(*branch);
    branch->outputs = {inside.op("Identity", {inside.constant(Tensor::zeros(DType::f32, shape))})};
    return ir::Subgraph(branch);
  };
  const ValueId y = builder.op(
      "If", {flag}, {{"then_branch", constant({1000})}, {"else_branch", constant({1, 1})}}, "pick");
  graph.outputs = {builder.op("Neg", {y})};
  Session session(graph);
  EXPECT_NO_THROW(session.run(std::vector{Tensor::scalar(true)}));
  expect_model_error(graph, {Tensor::scalar(false)}, "pick");
}

TEST(ControlFlow, ABodyReadsWhatHasASizeOfItsOwn) {
  // The branch sees half of N, of which it knows nothing.
  const auto halves = [](std::string_view op) {
    auto branch = std::make_shared<Graph>();
    const Dim half = Dim::floor_div(Dim::symbol("N"), 2);
    const ValueId x = branch->add_input("x", {DType::f32, {half, 2}});
    branch->outputs = {Builder(*branch).op(op, {x})};
    return ir::Subgraph(branch);
  };
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N")}});
  const ValueId pairs = builder.op("Reshape", {x, builder.integers({-1, 2})});
  const ValueId flag = graph.add_input("flag", {DType::boolean, {}});
  graph.outputs = {builder.op("If", {flag, pairs, pairs},
                              {{"then_branch", halves("Neg")}, {"else_branch", halves("Abs")}})};
  Session session(graph);
  expect_like_interpreter(graph, session, {row({1, -2, 3, -4, 5, -6}), Tensor::scalar(true)});
  expect_like_interpreter(graph, session, {row({1, -2}), Tensor::scalar(false)});
}

/// Doubles x until its sum is 100 or more; collects what x was.
Graph doubling() {
  auto body = std::make_shared<Graph>();
  {
    Builder builder(*body);
    body->add_input("i", {DType::i64, {}});
    body->add_input("goes_on", {DType::boolean, {}});
    const ValueId x = body->add_input("x", {DType::f32, {2}});
    const ValueId limit = body->add_input("limit", {DType::f32, {}});
    const ValueId next = builder.op("Add", {x, x});
    const ValueId sum = builder.op("ReduceSum", {next}, {{"keepdims", std::int64_t(0)}});
    body->outputs = {builder.op("Less", {sum, limit}), next, builder.op("Identity", {x})};
  }
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {2}});
  const ValueId limit = graph.add_input("limit", {DType::f32, {}});
  graph.outputs =
      builder.multi("Loop", {ir::no_value, builder.constant(Tensor::scalar(true)), x, limit}, 2,
                    {{"body", ir::Subgraph(body)}, {"captures", std::int64_t(1)}}, "loop");
  return graph;
}

TEST(ControlFlow, LoopEndsWhenItsConditionDoes) {
  const Graph graph = doubling();
  Session session(graph);
  const auto result = session.run(std::vector{row({1, 2}), Tensor::scalar(20.0f)});
  EXPECT_TRUE(identical(result[0], row({8, 16})));
  EXPECT_TRUE(identical(result[1], Tensor::from<float>({3, 2}, {1, 2, 2, 4, 4, 8})));
  expect_like_interpreter(graph, session, {row({1, 1}), Tensor::scalar(1000.0f)});
}

/// A loop within loops, each around the next, whose carried extents chase each other.
ir::Subgraph nested(int depth) {
  auto body = std::make_shared<Graph>();
  Builder builder(*body);
  const ValueId i = body->add_input("i", {DType::i64, {}});
  const ValueId goes_on = body->add_input("goes_on", {DType::boolean, {}});
  const ValueId a = body->add_input("a", {DType::f32, {Dim::symbol("A")}});
  const ValueId b = body->add_input("b", {DType::f32, {Dim::symbol("B")}});
  const ValueId longer = builder.op("Concat", {a, a}, {{"axis", std::int64_t(0)}});
  std::vector<ValueId> carried = {b, longer};
  if (depth > 0) {
    carried = builder.multi("Loop", {i, goes_on, b, longer}, 2, {{"body", nested(depth - 1)}});
  }
  body->outputs = {builder.op("Identity", {goes_on}), carried[0], carried[1]};
  return body;
}

TEST(ControlFlow, LoopsNestedWithoutNeedAreRefusedSoon) {
  // Typing must not double with every loop around: this returns or throws within a test's patience.
  Graph graph;
  Builder builder(graph);
  const ValueId a = graph.add_input("a", {DType::f32, {1}});
  const ValueId b = graph.add_input("b", {DType::f32, {2}});
  try {
    builder.multi("Loop", {builder.constant(Tensor::scalar<std::int64_t>(1)), ir::no_value, a, b},
                  2, {{"body", nested(12)}});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported) << error.what();
  }
}

TEST(ControlFlow, ErrorsInABodyNameTheNodeAround) {
  auto body = std::make_shared<Graph>();
  {
    Builder builder(*body);
    body->add_input("i", {DType::i64, {}});
    const ValueId goes_on = body->add_input("goes_on", {DType::boolean, {}});
    const ValueId x = body->add_input("x", {DType::f32, {2}});
    const ValueId at = body->add_input("at", {DType::i64, {2}});
    body->outputs = {builder.op("Identity", {goes_on}), builder.op("Gather", {x, at}, {}, "pick")};
  }
  Graph graph;
  Builder builder(graph);
  const ValueId x = graph.add_input("x", {DType::f32, {2}});
  const ValueId at = graph.add_input("at", {DType::i64, {2}});
  graph.outputs = {
      builder.op("Loop", {builder.constant(Tensor::scalar<std::int64_t>(2)), ir::no_value, x, at},
                 {{"body", ir::Subgraph(body)}, {"captures", std::int64_t(1)}}, "outer")};
  Session session(graph);
  try {
    session.run(std::vector{row({1, 2}), Tensor::from<std::int64_t>({2}, {0, 7})});
    FAIL() << "ran";
  } catch (const Error& error) {
    const std::string_view text = error.what();
    EXPECT_NE(text.find("outer"), std::string_view::npos) << text;
    EXPECT_NE(text.find("pick"), std::string_view::npos) << text;
  }
}

TEST(ControlFlow, PinsReachIntoBodies) {
  SessionOptions options;
  options.target.pins = {{"pick", "reference"}};
  EXPECT_NO_THROW(Session(doubling(), options));
}

// One branch gives a scalar, the other a list of one: what follows takes either as a scalar.
TEST(ControlFlow, OneElementFitsAnyRank) {
  const auto branch = [](SymbolicShape shape, float value) {
    auto graph = std::make_shared<Graph>();
    const auto constant = as_constant(shape);
    graph->outputs = {
        graph->add_constant("", EncodedTensor(Tensor::from<float>(*constant, {value})))};
    return ir::Subgraph(graph);
  };
  Graph graph;
  Builder builder(graph);
  const ValueId condition = graph.add_input("condition", {DType::boolean, {}});
  const ValueId x = graph.add_input("x", {DType::f32, {3}});
  const ValueId factor = builder.op(
      "If", {condition}, {{"then_branch", branch({}, 2)}, {"else_branch", branch({1}, 5)}});
  graph.outputs = {builder.op("Mul", {x, factor})};
  Session session(graph);
  EXPECT_TRUE(
      identical(session.run(std::vector{Tensor::scalar(true), row({1, 2, 3})})[0], row({2, 4, 6})));
  EXPECT_TRUE(identical(session.run(std::vector{Tensor::scalar(false), row({1, 2, 3})})[0],
                        row({5, 10, 15})));
}

}  // namespace
}  // namespace strata::runtime
