#include <gtest/gtest.h>

#include "strata/base/error.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"
#include "tests/formats/model_writer.hpp"

// Models written in an opset that is older than the form of their nodes.
namespace strata::formats::onnx {
namespace {

using test::Model;

ir::Graph loaded(const std::string& bytes) {
  return formats::load(std::as_bytes(std::span(bytes)));
}

std::string in_opset(const ir::Graph& graph, int opset) {
  return onnx_bytes(graph, {.opset = opset, .raise_opset = false});
}

Tensor counting(const Shape& shape) {
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  float next = -3;
  for (float& value : tensor.mutable_data<float>()) value = next += 0.75f;
  return tensor;
}

/// The graph written in the opset and read again computes the same, to the bit.
void expect_same(const ir::Graph& graph, int opset, const Shape& shape) {
  const std::vector<Tensor> inputs{counting(shape)};
  const std::vector<Tensor> expected = ir::interpret(graph, inputs);
  const std::vector<Tensor> actual = ir::interpret(loaded(in_opset(graph, opset)), inputs);
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(identical(actual[i], expected[i])) << "opset " << opset << ", output " << i;
  }
}

Tensor axes(std::initializer_list<std::int64_t> values) {
  return Tensor::from<std::int64_t>({std::int64_t(values.size())}, values);
}

TEST(OlderForm, AxesOfReductionsAreAnAttribute) {
  for (const std::string_view op : {"ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd",
                                    "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceSum"}) {
    Model model;
    model.input("x", DType::f32, {2, 3, 4}).initializer("axes", axes({1, -1}));
    model.node(op, {"x", "axes"}, {"y"}, {}, "reduce").output("y");
    const ir::Graph graph = loaded(model.bytes(18));
    for (int opset = 13; opset <= 18; ++opset) expect_same(graph, opset, {2, 3, 4});
  }
}

TEST(OlderForm, NoAxesMeansAllOfThem) {
  Model model;
  model.input("x", DType::f32, {2, 3}).initializer("axes", Tensor::zeros(DType::i64, {0}));
  model.node("ReduceMax", {"x", "axes"}, {"y"}).output("y");
  expect_same(loaded(model.bytes(18)), 13, {2, 3});
}

TEST(OlderForm, AxesThatAreNotKnownAreRefusedByNode) {
  Model model;
  model.input("x", DType::f32, {2, 3}).input("axes", DType::i64, {1});
  model.node("ReduceMean", {"x", "axes"}, {"y"}, {}, "mean").output("y");
  const ir::Graph graph = loaded(model.bytes(18));
  try {
    in_opset(graph, 17);
    FAIL() << "was written";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "node mean (ReduceMean) needs opset 18; asked for is opset 17");
  }
  EXPECT_NO_THROW(in_opset(graph, 18));
}

TEST(OlderForm, PartsOfASplitHaveSizes) {
  for (const std::int64_t parts : {2, 4}) {
    Model model;
    std::vector<std::string> names;
    for (std::int64_t i = 0; i < parts; ++i) names.push_back(fmt::format("y{}", i));
    test::Attributes attributes;
    attributes.push_back(test::integer("num_outputs", parts));
    attributes.push_back(test::integer("axis", 1));
    model.input("x", DType::f32, {2, 10});
    model.node("Split", {"x"}, {names.begin(), names.end()}, std::move(attributes), "split");
    for (const std::string& name : names) model.output(name);
    expect_same(loaded(model.bytes(18)), 13, {2, 10});
  }
}

TEST(OlderForm, AllAxesArePadded) {
  Model model;
  model.input("x", DType::f32, {2, 3, 4}).initializer("pads", axes({1, 0, 2, 1}));
  model.initializer("axes", axes({-1, 1})).initializer("value", Tensor::scalar(0.5f));
  model.node("Pad", {"x", "pads", "value", "axes"}, {"y"}).output("y");
  expect_same(loaded(model.bytes(18)), 13, {2, 3, 4});
}

TEST(OlderForm, AllAxesAreResized) {
  for (const bool by_scale : {true, false}) {
    Model model;
    test::Attributes attributes;
    attributes.push_back(test::integers("axes", {3, -2}));
    attributes.push_back(test::text("mode", "linear"));
    model.input("x", DType::f32, {1, 2, 3, 4}).initializer("sizes", axes({9, 5}));
    model.initializer("scales", Tensor::from<float>({2}, {2.0f, 3.0f}));
    model.node("Resize", {"x", "", by_scale ? "scales" : "", by_scale ? "" : "sizes"}, {"y"},
               std::move(attributes));
    expect_same(loaded(model.output("y").bytes(18)), 13, {1, 2, 3, 4});
  }
}

TEST(OlderForm, TheAxisOfATransformIsAnAttribute) {
  Model model;
  test::Attributes attributes;
  attributes.push_back(test::integer("onesided", 1));
  model.input("x", DType::f32, {2, 8, 3, 1}).initializer("axis", Tensor::scalar<std::int64_t>(-3));
  model.node("DFT", {"x", "", "axis"}, {"y"}, std::move(attributes)).output("y");
  expect_same(loaded(model.bytes(20)), 17, {2, 8, 3, 1});
}

TEST(OlderForm, AttributesThatSayNothingNewAreLeftOut) {
  Model model;
  test::Attributes attributes;
  attributes.push_back(test::integer("allowzero", 0));
  model.input("x", DType::f32, {2, 3}).initializer("shape", axes({3, 2}));
  model.node("Reshape", {"x", "shape"}, {"y"}, std::move(attributes)).output("y");
  expect_same(loaded(model.bytes(14)), 13, {2, 3});
}

TEST(OlderForm, OpsThatCameLaterAreWhatTheyAreMadeOf) {
  for (const std::string_view op : {"HardSwish", "Mish"}) {
    Model model;
    model.input("x", DType::f32, {2, 3}).node(op, {"x"}, {"y"}, {}, "late").output("y");
    const ir::Graph graph = loaded(model.bytes(18));
    const ir::Graph written = loaded(in_opset(graph, 13));
    for (const ir::NodeId id : written.order()) EXPECT_NE(written.node(id).op->name, op);
    EXPECT_EQ(written.value(written.outputs[0]).name, "y");
  }
}

TEST(OlderForm, BodiesAreRewrittenToo) {
  Model yes;
  yes.initializer("axes", axes({0})).node("ReduceMean", {"x", "axes"}, {"a"}).output("a");
  Model no;
  no.initializer("axes", axes({0})).node("ReduceMax", {"x", "axes"}, {"b"}).output("b");
  test::Attributes branches;
  branches.push_back(yes.as_attribute("then_branch"));
  branches.push_back(no.as_attribute("else_branch"));
  Model model;
  model.input("x", DType::f32, {4}).initializer("zero", Tensor::scalar(0.0f));
  model.initializer("all", axes({0}));
  model.node("ReduceMax", {"x", "all"}, {"top"}, [] {
    test::Attributes keep;
    keep.push_back(test::integer("keepdims", 0));
    return keep;
  }());
  model.node("Less", {"top", "zero"}, {"cond"});
  model.node("If", {"cond"}, {"y"}, std::move(branches), "choice").output("y");
  expect_same(loaded(model.bytes(18)), 13, {4});
}

TEST(OlderForm, WithoutAnOpsetTheNodesStayAsTheyAre) {
  Model model;
  model.input("x", DType::f32, {2, 3}).initializer("axes", axes({1}));
  model.node("ReduceMean", {"x", "axes"}, {"y"}).output("y");
  const ir::Graph graph = loaded(model.bytes(18));
  const ir::Graph again = loaded(onnx_bytes(graph, {}));
  EXPECT_TRUE(again.find_value("axes").has_value());
}

}  // namespace
}  // namespace strata::formats::onnx
