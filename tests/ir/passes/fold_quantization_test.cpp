#include "strata/ir/passes/fold_quantization.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "strata/ir/interpreter.hpp"
#include "strata/ir/verify.hpp"
#include "tests/ir/passes/passes.hpp"

namespace strata::ir {
namespace {

using namespace testing;

/// A network between one quantized input and one quantized output.
class Network {
 public:
  explicit Network(DType dtype = DType::u8) : dtype_(dtype) {}

  Graph graph;
  Random random{7};

  ValueId scalar(float value) { return Builder(graph).constant(Tensor::scalar(value)); }
  ValueId zero(std::int64_t value, DType dtype) {
    return Builder(graph).constant(Tensor::from<std::int64_t>(Shape{}, {value}).cast(dtype));
  }
  ValueId input(SymbolicShape shape, std::string_view name = "x") {
    return graph.add_input(name, {dtype_, std::move(shape)});
  }
  ValueId dequantize(ValueId codes, float scale, std::int64_t zero_point) {
    const DType dtype = graph.value(codes).type.dtype;
    return user_node(graph, "DequantizeLinear", {codes, scalar(scale), zero(zero_point, dtype)},
                     "dq");
  }
  ValueId quantize(ValueId x, float scale, std::int64_t zero_point) {
    return user_node(graph, "QuantizeLinear", {x, scalar(scale), zero(zero_point, dtype_)}, "q");
  }
  /// Seeded i8 codes with scales along the axis.
  ValueId weight(const Shape& shape, std::int64_t axis, std::string_view name = "w") {
    Tensor codes = Tensor::zeros(DType::i8, shape);
    for (auto& code : codes.mutable_data<std::int8_t>()) {
      code = std::int8_t(std::int64_t(random.below(255)) - 127);
    }
    const ValueId id = graph.add_constant(name, codes, {std::string(name)});
    Tensor scales = Tensor::zeros(DType::f32, {shape[int(axis)]});
    for (float& s : scales.mutable_data<float>()) s = float(0.01 + 0.02 * random.uniform());
    scales_ = scales;
    return user_node(graph, "DequantizeLinear", {id, Builder(graph).constant(scales)}, "dq_w",
                     {{"axis", axis}});
  }
  /// i32 codes whose unit is that of the products with the last weight.
  ValueId bias(float x_scale) {
    Tensor codes = Tensor::zeros(DType::i32, scales_.shape());
    for (auto& code : codes.mutable_data<std::int32_t>()) {
      code = std::int32_t(random.below(4001)) - 2000;
    }
    Tensor units = scales_.clone();
    for (float& s : units.mutable_data<float>()) s *= x_scale;
    return user_node(graph, "DequantizeLinear",
                     {Builder(graph).constant(codes), Builder(graph).constant(units)}, "dq_b",
                     {{"axis", std::int64_t(0)}});
  }

  std::vector<std::int64_t> run(const Graph& g) {
    Random seeded(3);
    std::vector<Tensor> inputs;
    for (ValueId id : g.inputs) {
      const TensorType& type = g.value(id).type;
      Tensor x = Tensor::zeros(DType::i64, *as_constant(type.shape));
      for (auto& e : x.mutable_data<std::int64_t>()) {
        e = std::int64_t(seeded.below(256)) - (type.dtype == DType::i8 ? 128 : 0);
      }
      inputs.push_back(x.cast(type.dtype));
    }
    return interpret(g, inputs)[0].to_int64();
  }

  /// Folds, and holds the integers to at most `steps` from the literal ones.
  void fold(ValueId output, std::int64_t steps) {
    graph.outputs = {output};
    infer_types(graph);
    const auto literal = run(graph);
    folded_ = fold_quantization(graph);
    verify(graph);
    const auto integers = run(graph);
    ASSERT_EQ(literal.size(), integers.size());
    for (std::size_t i = 0; i < literal.size(); ++i) {
      EXPECT_LE(std::abs(literal[i] - integers[i]), steps) << "element " << i;
    }
  }
  std::size_t folded() const { return folded_; }

 private:
  DType dtype_;
  Tensor scales_;
  std::size_t folded_ = 0;
};

TEST(FoldQuantization, ConvWithBiasAndRelu) {
  for (const DType dtype : {DType::u8, DType::i8}) {
    Network n(dtype);
    const ValueId x = n.dequantize(n.input({1, 4, 6, 6}), 0.05f, 3);
    const ValueId w = n.weight({5, 4, 3, 3}, 0);
    ValueId y = user_node(n.graph, "Conv", {x, w, n.bias(0.05f)}, "conv",
                          {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
    y = user_node(n.graph, "Relu", {y}, "relu");
    // The lowest code stands for zero: the activation is what saturation does.
    n.fold(n.quantize(y, 0.1f, dtype == DType::u8 ? 0 : -128), 1);
    EXPECT_EQ(nodes_of(n.graph), "QLinearConv:conv");
    EXPECT_EQ(node_named(n.graph, "conv").sources, (Sources{"conv", "q", "relu"}));
  }
}

TEST(FoldQuantization, BoundsInsideTheRangeStayAsClip) {
  Network n;
  const ValueId x = n.dequantize(n.input({1, 4, 6, 6}), 0.05f, 3);
  ValueId y = user_node(n.graph, "Conv", {x, n.weight({5, 4, 1, 1}, 0)}, "conv");
  y = user_node(n.graph, "Clip", {y, n.scalar(-1.0f), n.scalar(1.5f)}, "clip");
  n.fold(n.quantize(y, 0.02f, 100), 1);
  ASSERT_EQ(n.folded(), 1u);
  const Node& clip = n.graph.node(n.graph.order().back());
  ASSERT_EQ(clip.op->name, "Clip");
  EXPECT_EQ(n.graph.value(clip.inputs[1]).constant->decode().to_int64()[0], 50);
  EXPECT_EQ(n.graph.value(clip.inputs[2]).constant->decode().to_int64()[0], 175);
}

TEST(FoldQuantization, MatricesAsTheyAreStored) {
  for (const bool transposed : {false, true}) {
    Network n;
    const ValueId x = n.dequantize(n.input({3, 8}), 0.05f, 3);
    const ValueId w = transposed ? n.weight({5, 8}, 0) : n.weight({8, 5}, 1);
    const ValueId y = user_node(n.graph, "Gemm", {x, w, n.bias(0.05f)}, "fc",
                                {{"transB", std::int64_t(transposed)}});
    n.fold(n.quantize(y, 0.1f, 128), 1);
    EXPECT_EQ(n.folded(), 1u);
    EXPECT_EQ(node_named(n.graph, "fc").op->name, "QLinearGemm");
  }
  Network n;
  const ValueId x = n.dequantize(n.input({2, 3, 8}), 0.05f, 3);
  n.fold(n.quantize(user_node(n.graph, "MatMul", {x, n.weight({8, 5}, 1)}, "mm"), 0.1f, 128), 1);
  EXPECT_EQ(node_named(n.graph, "mm").op->name, "QLinearMatMul");
}

TEST(FoldQuantization, ElementwiseAndPools) {
  for (const char* op : {"Add", "Mul"}) {
    Network n;
    const ValueId a = n.dequantize(n.input({1, 4, 6, 6}, "a"), 0.05f, 3);
    const ValueId b = n.dequantize(n.input({1, 4, 6, 6}, "b"), 0.03f, 130);
    n.fold(n.quantize(user_node(n.graph, op, {a, b}, "it"), 0.2f, 77), 1);
    EXPECT_EQ(nodes_of(n.graph), std::string("strata.QLinear") + op + ":it");
  }
  Network n;
  const ValueId x = n.dequantize(n.input({1, 4, 6, 6}), 0.05f, 3);
  n.fold(n.quantize(user_node(n.graph, "GlobalAveragePool", {x}, "gap"), 0.04f, 9), 1);
  EXPECT_EQ(nodes_of(n.graph), "strata.QLinearReduceMean:gap");
}

TEST(FoldQuantization, MovementsMoveCodes) {
  Network n;
  const ValueId x = n.dequantize(n.input({1, 4, 6, 6}), 0.05f, 3);
  const ValueId y =
      user_node(n.graph, "Transpose", {x}, "t", {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}});
  n.fold(n.quantize(y, 0.05f, 3), 0);
  EXPECT_EQ(nodes_of(n.graph), "Transpose:t");

  Network other;  // another grid on the other side: a real requantization
  const ValueId z = other.dequantize(other.input({1, 4}), 0.05f, 3);
  other.fold(other.quantize(user_node(other.graph, "Identity", {z}, "id"), 0.06f, 3), 0);
  EXPECT_EQ(other.folded(), 0u);
}

TEST(FoldQuantization, ConcatMovesOrRequantizes) {
  for (const float scale : {0.05f, 0.07f}) {
    Network n;
    const ValueId a = n.dequantize(n.input({1, 4}, "a"), 0.05f, 3);
    const ValueId b = n.dequantize(n.input({1, 4}, "b"), scale, 3);
    const ValueId y = user_node(n.graph, "Concat", {a, b}, "c", {{"axis", std::int64_t(1)}});
    n.fold(n.quantize(y, 0.05f, 3), 1);
    EXPECT_EQ(nodes_of(n.graph), scale == 0.05f ? "Concat:c" : "strata.QLinearConcat:c");
  }
}

TEST(FoldQuantization, LeavesWhatIntegersCannotSay) {
  {  // A float bias has no code.
    Network n;
    const ValueId x = n.dequantize(n.input({1, 4, 6, 6}), 0.05f, 3);
    const ValueId b = Builder(n.graph).constant(random_tensor(n.random, {5}));
    n.fold(n.quantize(user_node(n.graph, "Conv", {x, n.weight({5, 4, 1, 1}, 0), b}, "c"), 0.1f, 9),
           0);
    EXPECT_EQ(n.folded(), 0u);
  }
  {  // The float result is wanted too.
    Network n;
    const ValueId x = n.dequantize(n.input({1, 4, 6, 6}), 0.05f, 3);
    const ValueId y = user_node(n.graph, "Conv", {x, n.weight({5, 4, 1, 1}, 0)}, "c");
    const ValueId q = n.quantize(y, 0.1f, 9);
    n.graph.outputs = {q, y};
    EXPECT_EQ(fold_quantization(n.graph), 0u);
  }
  {  // Averages that count padding are no integer op.
    Network n;
    const ValueId x = n.dequantize(n.input({1, 4, 6, 6}), 0.05f, 3);
    n.fold(n.quantize(user_node(n.graph, "AveragePool", {x}, "pool",
                                {{"kernel_shape", std::vector<std::int64_t>{2, 2}},
                                 {"pads", std::vector<std::int64_t>{1, 1, 0, 0}},
                                 {"count_include_pad", std::int64_t(1)}}),
                      0.05f, 3),
           0);
    EXPECT_EQ(n.folded(), 0u);
  }
  {  // The axis of the scales is the one that is summed.
    Network n;
    const ValueId x = n.dequantize(n.input({2, 3}), 0.05f, 3);
    n.fold(n.quantize(user_node(n.graph, "MatMul", {x, n.weight({3}, 0)}, "mv"), 0.1f, 9), 0);
    EXPECT_EQ(n.folded(), 0u);
  }
  {  // Scales along another axis than that of the filters.
    Network n;
    const ValueId x = n.dequantize(n.input({1, 4, 6, 6}), 0.05f, 3);
    n.fold(n.quantize(user_node(n.graph, "Conv", {x, n.weight({5, 4, 1, 1}, 1)}, "c"), 0.1f, 9), 0);
    EXPECT_EQ(n.folded(), 0u);
  }
}

}  // namespace
}  // namespace strata::ir
