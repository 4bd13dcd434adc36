#include "tests/ir/ops/single_op.hpp"

namespace strata::ir::testing {
namespace {

const Dim n = Dim::symbol("N");
const Dim h = Dim::symbol("H");

struct SymbolicShapes : ::testing::Test {
  Graph graph;
  Builder builder{graph};
  ValueId x = graph.add_input("x", {DType::f32, {n, 3, h, 8}});

  std::string shape_of(ValueId id) { return to_string(graph.value(id).type.shape); }
  ValueId pick(ValueId list, std::int64_t i) {
    return builder.op("Gather", {list, builder.constant(Tensor::scalar(i))});
  }
  ValueId front(ValueId scalar) { return builder.op("Unsqueeze", {scalar, builder.integers({0})}); }
};

// What torch.onnx writes for x.view(x.size(0), -1).
TEST_F(SymbolicShapes, ViewWithTheBatchSize) {
  const ValueId batch = front(pick(builder.op("Shape", {x}), 0));
  const ValueId target =
      builder.op("Concat", {batch, builder.integers({-1})}, {{"axis", integer(0)}});
  const ValueId flat = builder.op("Reshape", {x, target});
  EXPECT_EQ(graph.value(flat).type.shape, (SymbolicShape{n, h * Dim(24)}));
}

TEST_F(SymbolicShapes, ArithmeticOnExtents) {
  const ValueId height = pick(builder.op("Shape", {x}), 2);
  const auto number = [&](std::int64_t v) { return builder.constant(Tensor::scalar(v)); };
  const ValueId doubled = builder.op("Mul", {height, number(2)});
  const ValueId shifted = builder.op("Sub", {builder.op("Add", {doubled, number(4)}), number(2)});
  const ValueId halved = builder.op("Div", {shifted, number(2)});
  ASSERT_TRUE(graph.value(halved).elements);
  EXPECT_EQ(graph.value(halved).elements->front(), h + Dim(1));
}

// What torch.onnx writes for expand(-1, 5): -1 becomes 1 by Equal and Where.
TEST_F(SymbolicShapes, ExpandThatKeepsAnExtent) {
  const ValueId column = graph.add_input("column", {DType::f32, {n, 1}});
  const ValueId wanted = builder.integers({-1, 5});
  const ValueId ones = builder.op("ConstantOfShape", {builder.integers({2})},
                                  {{"value", Tensor::from<std::int64_t>({1}, {1})}});
  const ValueId minus =
      builder.op("Mul", {ones, builder.constant(Tensor::scalar<std::int64_t>(-1))});
  const ValueId target = builder.op("Where", {builder.op("Equal", {wanted, minus}), ones, wanted});
  EXPECT_EQ(graph.value(builder.op("Expand", {column, target})).type.shape, (SymbolicShape{n, 5}));
}

TEST_F(SymbolicShapes, SlicesOfShapesAndOfTensors) {
  const ValueId tail = builder.op(
      "Slice", {builder.op("Shape", {x}), builder.integers({2}), builder.integers({INT64_MAX})});
  ASSERT_TRUE(graph.value(tail).elements);
  EXPECT_EQ(*graph.value(tail).elements, (std::vector<Dim>{h, 8}));
  const ValueId rows = builder.op(
      "Slice", {x, builder.integers({1}), builder.integers({INT64_MAX}), builder.integers({2})});
  EXPECT_EQ(graph.value(rows).type.shape, (SymbolicShape{n, 3, h - Dim(1), 8}));
}

TEST_F(SymbolicShapes, ConvolutionAndPooling) {
  const ValueId w = builder.constant(counting({4, 3, 3, 3}));
  const ValueId y = builder.op("Conv", {x, w}, {{"pads", Ints{1, 1, 1, 1}}});
  EXPECT_EQ(graph.value(y).type.shape, (SymbolicShape{n, 4, h, 8}));
  const ValueId pooled =
      builder.op("MaxPool", {y}, {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}});
  EXPECT_EQ(graph.value(pooled).type.shape,
            (SymbolicShape{n, 4, Dim::floor_div(h - Dim(2), 2) + Dim(1), 4}))
      << shape_of(pooled);
}

TEST_F(SymbolicShapes, AShapeFromDataIsOpen) {
  const ValueId target = graph.add_input("target", {DType::i64, {2}});
  const ValueId y = builder.op("Reshape", {x, target});
  const Node& node = graph.node(graph.order().back());
  EXPECT_TRUE(node.open);
  const SymbolicShape& shape = graph.value(y).type.shape;
  ASSERT_EQ(shape.size(), 2u);
  EXPECT_TRUE(shape[0].as_symbol());
  EXPECT_TRUE(shape[1].as_symbol());
  EXPECT_NE(shape[0], shape[1]);
}

TEST_F(SymbolicShapes, ARankFromDataIsRefused) {
  const ValueId target = graph.add_input("target", {DType::i64, {Dim::symbol("K")}});
  try {
    builder.op("Reshape", {x, target});
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string_view(error.what()).find("shape has K entries"), std::string::npos)
        << error.what();
  }
}

TEST_F(SymbolicShapes, SmallIntegerResultsAreEvaluated) {
  const ValueId three = builder.integers({3, -4});
  const ValueId y = builder.op("Neg", {three});
  EXPECT_EQ(graph.value(y).elements, (std::vector<Dim>{-3, 4}));
  const ValueId equal = builder.op("Equal", {y, builder.integers({-3, 5})});
  EXPECT_EQ(graph.value(equal).elements, (std::vector<Dim>{1, 0}));
}

// Whatever the target, an extent other than 1 stays.
TEST_F(SymbolicShapes, ExpandToATargetThatOnlyDataTell) {
  const ValueId target = graph.add_input("target", {DType::i64, {5}});
  const ValueId wide = builder.op("Expand", {x, target});
  const SymbolicShape& shape = graph.value(wide).type.shape;
  ASSERT_EQ(shape.size(), 5u);
  EXPECT_EQ(shape[2], Dim(3));
  EXPECT_EQ(shape[4], Dim(8));
  for (const std::size_t open : {0u, 1u, 3u}) EXPECT_FALSE(shape[open].is_constant());
}

}  // namespace
}  // namespace strata::ir::testing
