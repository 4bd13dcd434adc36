#include "strata/formats/onnx/unfold_quantization.hpp"

#include <gtest/gtest.h>

#include <set>

#include "strata/base/random.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/passes/fold_quantization.hpp"
#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"

namespace strata::formats {
namespace {

using ir::ValueId;
using Ints = std::vector<std::int64_t>;

/// Quantized nodes as exporters write them.
struct Net {
  ir::Graph graph;
  ir::Builder builder{graph};
  Random random{1};

  ValueId node(std::string_view op, std::vector<ValueId> inputs, std::string_view name,
               ir::Attributes attributes = {}) {
    const ValueId out = builder.op(op, std::move(inputs), std::move(attributes), name);
    graph.node(graph.value(out).producer).sources = {std::string(name)};
    graph.rename(out, name);
    return out;
  }
  ValueId scalar(float scale) { return builder.constant(Tensor::scalar(scale)); }
  ValueId zero(int code) { return builder.constant(Tensor::scalar(std::int8_t(code))); }

  /// The value on a grid.
  ValueId snapped(ValueId x, float scale, int zero_point) {
    const std::string name = graph.value(x).name;
    const ValueId s = scalar(scale), z = zero(zero_point);
    return node("DequantizeLinear", {node("QuantizeLinear", {x, s, z}, name + "_q"), s, z},
                name + "_d");
  }
  /// A weight with a scale for each index of the axis, its codes below `limit`.
  ValueId weight(const Shape& shape, int axis, std::int64_t limit, std::string_view name) {
    Tensor codes = Tensor::zeros(DType::i8, shape);
    for (std::int8_t& code : codes.mutable_data<std::int8_t>()) {
      code = std::int8_t(std::int64_t(random.below(std::uint64_t(2 * limit - 1))) - limit + 1);
    }
    std::vector<float> scales;
    for (std::int64_t i = 0; i < shape[axis]; ++i) scales.push_back(scale_of(i));
    return node(
        "DequantizeLinear",
        {builder.constant(codes, std::string(name) + "_codes"),
         builder.constant(Tensor::from<float>(Shape{shape[axis]}, std::span<const float>(scales)))},
        name, {{"axis", std::int64_t(axis)}});
  }
  static float scale_of(std::int64_t i) { return 0.01f * float(i + 1); }
  ValueId bias(std::int64_t channels, float x_scale, std::string_view name) {
    std::vector<std::int32_t> codes;
    std::vector<float> scales;
    for (std::int64_t i = 0; i < channels; ++i) {
      codes.push_back(std::int32_t(random.below(200)) - 100);
      scales.push_back(x_scale * scale_of(i));
    }
    const Shape shape{channels};
    return node(
        "DequantizeLinear",
        {builder.constant(Tensor::from<std::int32_t>(shape, std::span<const std::int32_t>(codes))),
         builder.constant(Tensor::from<float>(shape, std::span<const float>(scales)))},
        name, {{"axis", std::int64_t(0)}});
  }

  explicit Net(std::int64_t limit) {
    ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), 3, 6, 6}});
    x = snapped(x, 0.02f, 3);
    ValueId a = node("Conv", {x, weight({4, 3, 3, 3}, 0, limit, "w1"), bias(4, 0.02f, "b1")},
                     "conv1", {{"pads", Ints{1, 1, 1, 1}}});
    a = snapped(node("Relu", {a}, "relu1"), 0.03f, -128);
    const ValueId b = snapped(node("Conv", {a, weight({4, 1, 3, 3}, 0, limit, "w2")}, "conv2",
                                   {{"pads", Ints{1, 1, 1, 1}}, {"group", std::int64_t(4)}}),
                              0.05f, 10);
    const ValueId sum = snapped(node("Add", {a, b}, "sum"), 0.06f, -5);
    const ValueId pads = builder.integers({0, 0, 1, 1, 0, 0, 1, 1});
    const ValueId padded = snapped(node("Pad", {sum, pads}, "pad"), 0.06f, -5);
    const ValueId pool = snapped(
        node("MaxPool", {padded}, "pool", {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}}),
        0.06f, -5);
    const ValueId soft = snapped(node("Sigmoid", {pool}, "sigmoid"), 1.0f / 256, -128);
    const ValueId both =
        snapped(node("Concat", {pool, soft}, "both", {{"axis", std::int64_t(1)}}), 0.05f, -10);
    const ValueId mean = snapped(node("GlobalAveragePool", {both}, "mean"), 0.04f, 0);
    const ValueId flat =
        snapped(node("Reshape", {mean, builder.integers({-1, 8})}, "flat"), 0.04f, 0);
    const ValueId dense =
        snapped(node("Gemm", {flat, weight({5, 8}, 0, limit, "w3"), bias(5, 0.04f, "b3")}, "dense",
                     {{"transB", std::int64_t(1)}}),
                0.1f, 7);
    graph.outputs = {node("Softmax", {dense}, "y")};
    graph.name = "net";
  }

  ir::Graph folded() const {
    ir::Graph integers = graph;
    ir::fold_quantization(integers);
    ir::verify(integers);
    return integers;
  }
};

std::set<std::string> ops(const ir::Graph& graph) {
  std::set<std::string> names;
  for (const ir::NodeId id : graph.order()) names.insert(ir::qualified_name(*graph.node(id).op));
  return names;
}

ir::Graph read(const std::string& bytes) {
  ir::Graph graph = load(std::as_bytes(std::span(bytes)));
  ir::fold_quantization(graph);  // nothing is left to be folded if reading did
  return graph;
}

TEST(UnfoldQuantization, GivesFloatOpsOfTheSameNames) {
  const ir::Graph integers = Net(120).folded();
  EXPECT_EQ(ops(integers),
            (std::set<std::string>{"QuantizeLinear", "QLinearConv", "strata.QLinearAdd", "Pad",
                                   "MaxPool", "strata.QLinearSigmoid", "strata.QLinearConcat",
                                   "strata.QLinearReduceMean", "Reshape", "strata.QLinearGemm",
                                   "DequantizeLinear", "Softmax"}));
  ir::Graph floats = integers;
  EXPECT_EQ(onnx::unfold_quantization(floats), 7u);
  ir::verify(floats);
  for (const char* name : {"conv1", "conv2", "sum", "sigmoid", "both", "mean", "dense"}) {
    const ir::Node& node = floats.node(*floats.find_node(name));
    EXPECT_EQ(floats.value(node.outputs[0]).type.dtype, DType::f32) << name;
    EXPECT_EQ(node.op->domain, "") << name;
  }
}

TEST(UnfoldQuantization, FilesGiveTheIdenticalIntegers) {
  for (const bool narrow : {false, true}) {
    const ir::Graph integers = Net(narrow ? 8 : 120).folded();
    const ir::Graph again = read(onnx_bytes(integers, {.sources = true, .narrow_weights = narrow}));
    EXPECT_TRUE(ir::identical(again, integers)) << ir::to_text(integers) << "\nbecame\n"
                                                << ir::to_text(again);
    const Tensor x = Tensor::zeros(DType::f32, Shape{2, 3, 6, 6});
    EXPECT_TRUE(identical(ir::interpret(again, std::span(&x, 1))[0],
                          ir::interpret(integers, std::span(&x, 1))[0]));
  }
}

TEST(UnfoldQuantization, NarrowCodesTakeHalfTheBytes) {
  const ir::Graph integers = Net(8).folded();
  const auto wide = onnx_size(integers), packed = onnx_size(integers, {.narrow_weights = true});
  const std::int64_t weights = 4 * 27 + 4 * 9 + 5 * 8;
  EXPECT_GE(wide - packed, weights / 2);
  EXPECT_LT(wide - packed, weights / 2 + 16);  // zero points, and lengths in fewer digits
  // Codes of 8 bits stay what they are.
  const ir::Graph full = Net(120).folded();
  EXPECT_EQ(onnx_size(full), onnx_size(full, {.narrow_weights = true}));
}

TEST(UnfoldQuantization, LiesWithinAStepOfTheFloatNodes) {
  const Net net(120);
  const ir::Graph integers = net.folded();
  Tensor x = Tensor::zeros(DType::f32, Shape{4, 3, 6, 6});
  Random random(5);
  for (float& value : x.mutable_data<float>()) value = float(random.normal());
  const Tensor literal = ir::interpret(net.graph, std::span(&x, 1))[0];
  const Tensor folded = ir::interpret(integers, std::span(&x, 1))[0];
  for (std::int64_t i = 0; i < literal.elements(); ++i) {
    // One step of the last grid, and what steps before make of it.
    EXPECT_NEAR(literal.data<float>()[std::size_t(i)], folded.data<float>()[std::size_t(i)], 0.1);
  }
}

}  // namespace
}  // namespace strata::formats
