#include "strata/tune/rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "strata/ir/builder.hpp"
#include "strata/ir/passes/pipeline.hpp"

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
