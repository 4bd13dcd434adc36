// Old definitions of ops mean what their opset says: results against numbers worked out by hand.
#include <gtest/gtest.h>

#include <cmath>

#include "strata/formats/load.hpp"
#include "strata/ir/interpreter.hpp"
#include "tests/formats/model_writer.hpp"

namespace strata::formats::onnx::test {
namespace {

using Floats = std::vector<float>;

ir::Graph load_bytes(const std::string& bytes) { return load(std::as_bytes(std::span(bytes))); }

Tensor floats(Shape shape, Floats values) { return Tensor::from<float>(shape, values); }

// Runs a model of inputs x (and y) and output z.
Tensor run(Model& model, std::int64_t opset, const std::vector<Tensor>& inputs) {
  return ir::interpret(load_bytes(model.output("z").bytes(opset)), inputs).at(0);
}

void expect_floats(const Tensor& actual, const Shape& shape, const Floats& expected) {
  EXPECT_EQ(actual.shape(), shape) << to_string(actual.shape());
  const Floats values = actual.to_float();
  ASSERT_EQ(values.size(), expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_FLOAT_EQ(values[i], expected[i]) << i;
}

std::string error_of(const std::string& bytes) {
  try {
    load_bytes(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Opset, ClipTakesItsBoundsFromAttributesBefore11) {
  Model model;
  model.input("x", DType::f32, {4}).node("Clip", {"x"}, {"z"}, {real("min", -1), real("max", 2)});
  expect_floats(run(model, 6, {floats({4}, {-3, -1, 0, 5})}), {4}, {-1, -1, 0, 2});
}

TEST(Opset, ClipWithOneBound) {
  Model model;
  model.input("x", DType::f32, {3}).node("Clip", {"x"}, {"z"}, {real("max", 2)});
  expect_floats(run(model, 10, {floats({3}, {-3, 1, 5})}), {3}, {-3, 1, 2});
}

TEST(Opset, SliceTakesItsRangesFromAttributesBefore10) {
  Model model;
  model.input("x", DType::f32, {2, 4})
      .node("Slice", {"x"}, {"z"},
            {integers("starts", {1}), integers("ends", {3}), integers("axes", {1})});
  expect_floats(run(model, 9, {floats({2, 4}, {0, 1, 2, 3, 4, 5, 6, 7})}), {2, 2}, {1, 2, 5, 6});
}

TEST(Opset, PadTakesAttributesBefore11) {
  Model model;
  model.input("x", DType::f32, {2})
      .node("Pad", {"x"}, {"z"}, {integers("pads", {1, 2}), real("value", 9)});
  expect_floats(run(model, 2, {floats({2}, {3, 4})}), {5}, {9, 3, 4, 9, 9});
}

TEST(Opset, SqueezeUnsqueezeAndReduceTakeAxesFromAttributes) {
  Model model;
  model.input("x", DType::f32, {1, 2, 2})
      .node("Squeeze", {"x"}, {"a"}, {integers("axes", {0})})
      .node("Unsqueeze", {"a"}, {"b"}, {integers("axes", {2})})
      .node("ReduceMean", {"b"}, {"z"}, {integers("axes", {1}), integer("keepdims", 0)});
  expect_floats(run(model, 11, {floats({1, 2, 2}, {1, 3, 5, 9})}), {2, 1}, {2, 7});
}

TEST(Opset, SplitWithoutSizesIsEven) {
  Model model;
  model.input("x", DType::f32, {4}).node("Split", {"x"}, {"a", "z"}, {integer("axis", 0)});
  expect_floats(run(model, 13, {floats({4}, {1, 2, 3, 4})}), {2}, {3, 4});
}

TEST(Opset, SplitTakesSizesFromAttributeBefore13) {
  Model model;
  model.input("x", DType::f32, {4}).node("Split", {"x"}, {"a", "z"}, {integers("split", {3, 1})});
  expect_floats(run(model, 11, {floats({4}, {1, 2, 3, 4})}), {1}, {4});
}

TEST(Opset, ReshapeTakesItsShapeFromAnAttributeBefore5) {
  Model model;
  model.input("x", DType::f32, {4}).node("Reshape", {"x"}, {"z"}, {integers("shape", {2, -1})});
  expect_floats(run(model, 1, {floats({4}, {1, 2, 3, 4})}), {2, 2}, {1, 2, 3, 4});
}

// exp(0) = 1 each: every row of n elements is 1/n.
TEST(Opset, SoftmaxFlattensBefore13) {
  Model model;
  model.input("x", DType::f32, {2, 2, 3}).node("Softmax", {"x"}, {"z"});
  expect_floats(run(model, 11, {floats({2, 2, 3}, Floats(12, 0))}), {2, 2, 3},
                Floats(12, 1.0f / 6));
}

TEST(Opset, SoftmaxOverOneLongAxisNeedsNoFlattening) {
  Model model;
  model.input("x", DType::f32, {2, 4, 1, 1}).node("Softmax", {"x"}, {"z"}).output("z");
  const ir::Graph graph = load_bytes(model.bytes(11));
  ASSERT_EQ(graph.order().size(), 1u);
  EXPECT_EQ(graph.node(graph.order()[0]).attributes.integer("axis", -1), 1);
}

TEST(Opset, SoftmaxOverNothingIsOne) {
  Model model;
  model.input("x", DType::f32, {2, 3}).node("Softmax", {"x"}, {"z"}, {integer("axis", 2)});
  expect_floats(run(model, 12, {floats({2, 3}, {1, 2, 3, 4, 5, 6})}), {2, 3}, Floats(6, 1));
}

TEST(Opset, DropoutIsIdentity) {
  Model model;
  model.input("x", DType::f32, {2}).node("Dropout", {"x"}, {"z", "mask"}, {real("ratio", .5)});
  expect_floats(run(model, 7, {floats({2}, {3, 4})}), {2}, {3, 4});
}

TEST(Opset, DftTookItsAxisFromAnAttributeBefore20) {
  Model model;
  model.input("x", DType::f32, {1, 3, 2, 1}).node("DFT", {"x"}, {"z"}, {integer("axis", 1)});
  const Tensor y = run(model, 17, {floats({1, 3, 2, 1}, {1, 2, 0, 0, 0, 0})});
  expect_floats(y, {1, 3, 2, 2}, {1, 0, 2, 0, 1, 0, 2, 0, 1, 0, 2, 0});
}

TEST(Opset, RoiAlignDidNotShiftBefore16) {
  const auto aligned = [](int opset) {
    Model model;
    model.input("x", DType::f32, {1, 1, 1, 4});
    model.input("rois", DType::f32, {1, 4}).input("batch", DType::i64, {1});
    model.node("RoiAlign", {"x", "rois", "batch"}, {"z"}, {integer("sampling_ratio", 1)});
    return run(model, opset,
               {floats({1, 1, 1, 4}, {0, 10, 20, 30}), floats({1, 4}, {1, 0, 3, 1}),
                Tensor::from<std::int64_t>({1}, {0})});
  };
  expect_floats(aligned(10), {1, 1, 1, 1}, {20});
  expect_floats(aligned(16), {1, 1, 1, 1}, {15});
}

TEST(Opset, RandomNodesWithoutSeedDiffer) {
  Model model;
  model.node("RandomNormal", {}, {"a"}, {integers("shape", {8})});
  model.node("RandomNormal", {}, {"b"}, {integers("shape", {8})});
  const ir::Graph graph = load_bytes(model.output("a").output("b").bytes(13));
  const auto first = ir::interpret(graph, {});
  const auto again = ir::interpret(graph, {});
  EXPECT_TRUE(identical(first[0], again[0]));
  EXPECT_FALSE(identical(first[0], first[1]));
}

TEST(Opset, MaskOfDropoutKeepsAll) {
  Model model;
  model.input("x", DType::f32, {2}).node("Dropout", {"x"}, {"y", "m"}, {real("ratio", .5)});
  const ir::Graph graph = load_bytes(model.output("y").output("m").bytes(10));
  const auto y = ir::interpret(graph, std::vector{floats({2}, {3, 4})});
  expect_floats(y[0], {2}, {3, 4});
  EXPECT_TRUE(identical(y[1], Tensor::from<bool>({2}, {true, true})));
}

// y = (x - mean) / sqrt(var + epsilon) * scale + b with one statistic for each channel, or for
// each element of a sample.
TEST(Opset, BatchNormalizationPerElementBefore9) {
  const auto add_parameters = [](Model& model, const Shape& shape) {
    model.initializer("scale", floats(shape, {1, 2, 3, 4}));
    model.initializer("b", floats(shape, {0, 0, 0, 1}));
    model.initializer("mean", floats(shape, {0, 1, 0, 1}));
    model.initializer("var", floats(shape, {1, 1, 4, 4}));
  };
  Model model;
  add_parameters(model, {2, 2});
  model.input("x", DType::f32, {1, 2, 2})
      .node("BatchNormalization", {"x", "scale", "b", "mean", "var"}, {"z"},
            {integer("spatial", 0), real("epsilon", 0)});
  expect_floats(run(model, 7, {floats({1, 2, 2}, {1, 2, 2, 5})}), {1, 2, 2}, {1, 2, 3, 9});
}

TEST(Opset, BatchNormalizationInTrainingPerElementIsRefused) {
  Model model;
  model.input("x", DType::f32, {1, 1, 1}).input("p", DType::f32, {1});
  model.node("BatchNormalization", {"x", "p", "p", "p", "p"}, {"z"}, {integer("spatial", 0)}, "bn");
  model.output("z");
  EXPECT_EQ(
      error_of(model.bytes(6)),
      "reading model: node bn (BatchNormalization): it is in training mode on X of rank 3 with "
      "spatial = 0; accepted in that mode: rank 2 and more, spatial = 1");
}

TEST(Opset, BroadcastAlongAnAxisBefore7) {
  Model model;
  model.input("x", DType::f32, {1, 2, 2})
      .initializer("c", floats({2}, {10, 20}))
      .node("Add", {"x", "c"}, {"z"}, {integer("broadcast", 1), integer("axis", 1)});
  expect_floats(run(model, 6, {floats({1, 2, 2}, {1, 2, 3, 4})}), {1, 2, 2}, {11, 12, 23, 24});
}

TEST(Opset, DifferentShapesNeedTheBroadcastAttributeBefore7) {
  Model model;
  model.input("x", DType::f32, {2, 2}).input("y", DType::f32, {2});
  model.node("Add", {"x", "y"}, {"z"}, {}, "sum").output("z");
  EXPECT_EQ(error_of(model.bytes(6)),
            "reading model: node sum (Add): shapes [2,2] and [2] differ and broadcast is not set");
}

TEST(Opset, PReluSlopesBelongToChannelsBefore7) {
  Model model;
  model.input("x", DType::f32, {1, 2, 2})
      .initializer("slope", floats({2}, {2, 3}))
      .node("PRelu", {"x", "slope"}, {"z"});
  expect_floats(run(model, 6, {floats({1, 2, 2}, {-1, 1, -1, 1})}), {1, 2, 2}, {-2, 1, -3, 1});
}

TEST(Opset, ConcatAlongAxis1ByDefaultBefore4) {
  Model model;
  model.input("x", DType::f32, {1, 1}).node("Concat", {"x", "x"}, {"z"});
  expect_floats(run(model, 3, {floats({1, 1}, {7})}), {1, 2}, {7, 7});
}

TEST(Opset, CastNamesItsTypeBefore6) {
  Model model;
  model.input("x", DType::f32, {2}).node("Cast", {"x"}, {"z"}, {text("to", "INT32")});
  const Tensor result = run(model, 5, {floats({2}, {1.5f, -2})});
  EXPECT_EQ(result.dtype(), DType::i32);
  expect_floats(result, {2}, {1, -2});
}

TEST(Opset, ConstantsOfAllKinds) {
  Model model;
  model.input("x", DType::f32, {2})
      .node("Constant", {}, {"a"}, {tensor_attribute("value", floats({2}, {1, 2}))})
      .node("Constant", {}, {"b"}, {real("value_float", 3)})
      .node("Constant", {}, {"c"}, {reals("value_floats", {4, 5})})
      .node("Sum", {"x", "a", "b", "c"}, {"z"});
  expect_floats(run(model, 13, {floats({2}, {0, 0})}), {2}, {8, 10});
}

TEST(Opset, NamesAndSourcesAreKept) {
  Model model;
  model.input("x", DType::f32, {2})
      .node("Relu", {"x"}, {"y"}, {}, "first")
      .node("Clip", {"y"}, {"z"}, {real("min", 0)})
      .output("z");
  const ir::Graph graph = load_bytes(model.bytes(7));
  ASSERT_EQ(graph.order().size(), 2u);
  EXPECT_EQ(graph.node(graph.order()[0]).sources, ir::Sources{"first"});
  const ir::Node& clip = graph.node(graph.order()[1]);
  EXPECT_EQ(clip.name, "Clip_z");
  EXPECT_EQ(clip.sources, ir::Sources{"Clip_z"});
  EXPECT_EQ(graph.sources(clip.inputs[1]), ir::Sources{"Clip_z"});
  EXPECT_TRUE(graph.find_value("y"));
}

TEST(Opset, AllOpsThatAreMissingAreListed) {
  Model model;
  model.input("x", DType::f32, {2})
      .node("Frobnicate", {"x"}, {"a"}, {}, "f1")
      .node("Frobnicate", {"a"}, {"b"}, {}, "f2")
      .node("Relu", {"b"}, {"c"}, {}, {}, "com.example")
      .output("c");
  EXPECT_EQ(error_of(model.bytes(13)),
            "reading model: 2 ops are not supported: Frobnicate (2 nodes, first f1), "
            "com.example.Relu (1 node, first Relu_c)");
}

// Sums along the sequence of each entry of the batch.
TEST(Opset, ScanBefore9RunsForEachEntryOfABatch) {
  const auto model = [](std::string_view lengths) {
    Model body;
    body.input("sum", DType::f32, {1})
        .input("row", DType::f32, {1})
        .node("Add", {"sum", "row"}, {"after"})
        .node("Identity", {"after"}, {"kept"})
        .output("after")
        .output("kept");
    Attributes attributes;
    attributes.push_back(integer("num_scan_inputs", 1));
    attributes.push_back(body.as_attribute("body"));
    Model result;
    result.input("lengths", DType::i64, {2})
        .input("start", DType::f32, {2, 1})
        .input("x", DType::f32, {2, 3, 1})
        .node("Scan", {lengths, "start", "x"}, {"total", "z"}, std::move(attributes))
        .output("total")
        .output("z");
    return result.bytes(8);
  };
  const std::vector<Tensor> results =
      ir::interpret(load_bytes(model("")),
                    std::vector{Tensor::from<std::int64_t>({2}, {3, 3}), floats({2, 1}, {0, 10}),
                                floats({2, 3, 1}, {1, 2, 3, 4, 5, 6})});
  expect_floats(results[0], {2, 1}, {6, 25});
  expect_floats(results[1], {2, 3, 1}, {1, 3, 6, 14, 19, 25});
  EXPECT_NE(error_of(model("lengths")).find("sequence_lens is given"), std::string::npos);
}

// Channel 0 holds 1 and 3: mean 2, variance 1; channel 1 holds 2 and 6: mean 4, variance 4.
TEST(Opset, BatchNormalizationInTrainingUsesTheStatisticsOfTheBatch) {
  Model model;
  model.input("x", DType::f32, {2, 2, 1})
      .initializer("s", floats({2}, {1, 2}))
      .initializer("b", floats({2}, {0, 1}))
      .initializer("m", floats({2}, {10, 20}))
      .initializer("v", floats({2}, {1, 1}))
      .node("BatchNormalization", {"x", "s", "b", "m", "v"}, {"z", "mean", "var"},
            {integer("training_mode", 1), real("epsilon", 0), real("momentum", 0.75f)})
      .output("mean")
      .output("var");
  const std::vector<Tensor> results = ir::interpret(load_bytes(model.output("z").bytes(15)),
                                                    std::vector{floats({2, 2, 1}, {1, 2, 3, 6})});
  expect_floats(results[0], {2}, {8, 16});    // 10 * 0.75 + 2 * 0.25, 20 * 0.75 + 4 * 0.25
  expect_floats(results[1], {2}, {1, 1.75});  // 0.75 + 0.25, 0.75 + 4 * 0.25
  expect_floats(results[2], {2, 2, 1}, {-1, -1, 1, 3});
}

}  // namespace
}  // namespace strata::formats::onnx::test
