#include "strata/tune/rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "strata/ir/builder.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/tune/float_twins.hpp"

namespace strata::tune {
namespace {

ir::Graph small_network() {
  ir::Graph graph;
  ir::Builder builder(graph);
  const auto constant = [&](const Shape& shape, std::string_view name) {
    Tensor tensor = Tensor::zeros(DType::f32, shape);
    std::ranges::fill(tensor.mutable_data<float>(), 0.125f);
    return builder.constant(tensor, name);
  };
  ir::ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), 3, 9, 9}});
  x = builder.op("Conv", {x, constant({16, 3, 3, 3}, "conv.w")}, {}, "conv");
  x = builder.op("Relu", {x}, {}, "relu");
  x = builder.op("Flatten", {x}, {}, "flat");
  x = builder.op("MatMul", {x, constant({16 * 49, 10}, "mm.w")}, {}, "mm");
  graph.outputs = {x};
  return graph;
}

// On floats a product of integers would be the same product.
TEST(FloatTwins, AreThoseOfProductsOnIntegers) {
  ir::Graph graph;
  ir::Builder builder(graph);
  const auto number = [&](float value) { return builder.constant(Tensor::scalar(value)); };
  const auto zero = [&] { return builder.constant(Tensor::scalar(std::int8_t(0))); };
  ir::ValueId x = graph.add_input("x", {DType::i8, {1, 16, 9, 9}});
  const ir::ValueId w = builder.constant(Tensor::zeros(DType::i8, {8, 16, 3, 3}));
  x = builder.op("QLinearConv",
                 {x, number(0.5f), zero(), w, number(0.5f), zero(), number(1), zero()}, {}, "conv");
  x = builder.op("Relu", {builder.op("DequantizeLinear", {x, number(1), zero()})});
  graph.outputs = {x};
  ir::optimize(graph);
  const auto program = runtime::Program::compile(graph, runtime::default_target());
  const std::vector<FloatTwin> twins = float_twins(*program);
  ASSERT_EQ(twins.size(), 1u);
  EXPECT_EQ(program->steps()[twins[0].step].name, "conv");
  EXPECT_GT(twins[0].float_seconds, 0);
  EXPECT_EQ(twins[0].seconds, program->steps()[twins[0].step].estimate);

  ir::Graph floats = small_network();
  ir::optimize(floats);
  EXPECT_TRUE(float_twins(*runtime::Program::compile(floats, runtime::default_target())).empty());
}

TEST(Rows, WorthTryingAreThoseThatWon) {
  std::vector<NodeRows> nodes{
      {"slow", "a", {{"a", 1, 2e-6}, {"b", 1, 1.95e-6}, {"c", 1, 0}}},
      {"small", "a", {{"a", 1, 1e-6}, {"b", 1, 0.8e-6}}},
      {"large", "a", {{"a", 1, 9e-6}, {"b", 1, 10e-6}, {"c", 1, 5e-6}, {"d", 1, 6e-6}}},
      {"never", "a", {{"a", 1, 0}, {"b", 1, 0}}}};
  const std::vector<NodeRows> left = worth_trying(nodes);
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].node, "large");
  EXPECT_EQ(left[0].options.size(), 3u);
  EXPECT_EQ(left[0].fastest()->row, "c");
  EXPECT_EQ(left[1].node, "small");
  EXPECT_DOUBLE_EQ(left[0].gain(), 4e-6);
}

// Every row that is offered runs when it is pinned.
TEST(Rows, EachCanBePinned) {
  ir::Graph graph = small_network();
  ir::optimize(graph);
  const runtime::Target target = runtime::default_target();
  const auto program = runtime::Program::compile(graph, target);
  RowOptions all;
  all.most_slower = 1e9;
  const auto nodes = rows_to_try(*program, all);
  const auto conv = std::ranges::find(nodes, "conv", &NodeRows::node);
  ASSERT_NE(conv, nodes.end());
  EXPECT_TRUE(std::ranges::is_sorted(conv->options, {}, &RowOption::seconds));
  for (const NodeRows& rows : nodes) {
    EXPECT_NE(std::ranges::find(rows.options, rows.chosen, &RowOption::row), rows.options.end());
    for (const RowOption& option : rows.options) {
      SCOPED_TRACE(rows.node + " " + option.row);
      runtime::Target pinned = target;
      pinned.pins = {{rows.node, option.row}};
      const auto forced = runtime::Program::compile(graph, pinned);
      const auto step = std::ranges::find(forced->steps(), rows.node, &runtime::Step::name);
      ASSERT_NE(step, forced->steps().end());
      EXPECT_EQ(step->row->name, option.row);
    }
  }
}

TEST(Rows, ThatTheModelFindsFarSlowerAreLeftOut) {
  ir::Graph graph = small_network();
  ir::optimize(graph);
  const auto program = runtime::Program::compile(graph, runtime::default_target());
  RowOptions only_best;
  only_best.most_slower = 1;
  for (const NodeRows& rows : rows_to_try(*program, only_best)) {
    for (const RowOption& option : rows.options) {
      EXPECT_TRUE(option.seconds == rows.options.front().seconds || option.row == rows.chosen);
    }
  }
}

}  // namespace
}  // namespace strata::tune
