#include "strata/ir/grids.hpp"

#include <gtest/gtest.h>

#include "strata/ir/builder.hpp"

namespace strata::ir {
namespace {

struct Quantized {
  Graph graph;
  Builder builder{graph};

  ValueId scale(float value) { return builder.constant(Tensor::scalar(value)); }
  ValueId zero(int value) { return builder.constant(Tensor::scalar(std::int8_t(value))); }
  ValueId input() { return graph.add_input("x", {DType::i8, {Dim(1), Dim(4), Dim(4), Dim(2)}}); }
  ValueId dequantized(ValueId x, float s, int z) {
    return builder.op("DequantizeLinear", {x, scale(s), zero(z)});
  }
};

TEST(Grids, AreFoundThroughMovements) {
  Quantized q;
  const ValueId x = q.input();
  const ValueId moved =
      q.builder.op("Transpose", {x}, {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}});
  const ValueId y =
      q.builder.op("strata.QLinearAdd", {moved, q.scale(0.5f), q.zero(-3), moved, q.scale(0.5f),
                                         q.zero(-3), q.scale(0.25f), q.zero(7)});
  const ValueId flat = q.builder.op("Reshape", {y, q.builder.integers({1, 32})});
  q.graph.outputs = {flat};
  EXPECT_EQ(grid_by_uses(q.graph, x), (Grid{0.5f, -3}));
  EXPECT_EQ(grid_by_producer(q.graph, flat), (Grid{0.25f, 7}));
}

TEST(Grids, MustAgree) {
  Quantized q;
  const ValueId x = q.input();
  q.graph.outputs = {q.dequantized(x, 0.5f, 1), q.dequantized(x, 0.5f, 1)};
  EXPECT_EQ(grid_by_uses(q.graph, x), (Grid{0.5f, 1}));
  q.graph.outputs.push_back(q.dequantized(x, 0.5f, 2));
  EXPECT_FALSE(grid_by_uses(q.graph, x));
}

TEST(Grids, AreNothingWhereNobodySays) {
  Quantized q;
  const ValueId x = q.input();
  const ValueId cast = q.builder.op("Cast", {x}, {{"to", DType::f32}});
  q.graph.outputs = {cast};
  EXPECT_FALSE(grid_by_uses(q.graph, x));
  EXPECT_FALSE(grid_by_producer(q.graph, cast));
  EXPECT_FALSE(grid_by_producer(q.graph, x));
}

TEST(Grids, RefuseScalesThatAreNone) {
  Quantized q;
  const ValueId x = q.input();
  q.graph.outputs = {q.dequantized(x, 0.0f, 1)};
  EXPECT_FALSE(grid_by_uses(q.graph, x));
}

}  // namespace
}  // namespace strata::ir
