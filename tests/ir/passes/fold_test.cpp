#include <gtest/gtest.h>

#include "tests/ir/passes/passes.hpp"

namespace strata::ir {
namespace {

using namespace testing;

TEST(FoldConstants, ComputesWhatIsConstantAndRemembersWhy) {
  Random random(1);
  Graph graph;
  const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 3}));
  ValueId c = user_node(graph, "Relu", {weight(graph, random, "w", {3})}, "relu");
  c = user_node(graph, "Add", {c, weight(graph, random, "b", {3})}, "add");
  graph.outputs = {user_node(graph, "Mul", {x, c}, "mul")};
  run(graph, {"fold_constants"});
  EXPECT_EQ(nodes_of(graph), "Mul:mul");
  EXPECT_EQ(graph.sources(node_named(graph, "mul").inputs[1]), (Sources{"add", "b", "relu", "w"}));
}

TEST(FoldConstants, HoldsItsBudgets) {
  Random random(1);
  Graph graph;
  const ValueId x = graph.add_input("x", f32({1, 100}));
  const ValueId c = user_node(graph, "Relu", {weight(graph, random, "w", {1, 100})}, "relu");
  graph.outputs = {user_node(graph, "Mul", {x, c}, "mul")};
  Graph starved = graph;
  PassOptions options;
  options.fold_bytes = 399;
  run(starved, {"fold_constants"}, options);
  EXPECT_EQ(nodes_of(starved), "Relu:relu Mul:mul");
  options = {};
  options.fold_work = 100;
  run(starved, {"fold_constants"}, options);
  EXPECT_EQ(nodes_of(starved), "Relu:relu Mul:mul");
  run(graph, {"fold_constants"});
  EXPECT_EQ(nodes_of(graph), "Mul:mul");
}

TEST(FoldConstants, DoesNotBloatTheModel) {
  Random random(1);
  Graph graph;
  const ValueId x = graph.add_input("x", f32({300, 300}));
  const ValueId c = user_node(
      graph, "Add", {weight(graph, random, "a", {300, 1}), weight(graph, random, "b", {1, 300})},
      "outer");
  graph.outputs = {user_node(graph, "Mul", {x, c}, "mul")};
  run(graph, {"fold_constants"});
  EXPECT_EQ(nodes_of(graph), "Add:outer Mul:mul");
}

TEST(FoldConstants, LeavesOutputsAndEncodedOperands) {
  Random random(1);
  Graph graph;
  const ValueId w =
      graph.add_constant("w", i8_channel_encoding.encode(random_tensor(random, {4, 4}), 1), {"w"});
  const ValueId x = graph.add_input("x", f32({1, 4}));
  const ValueId r = user_node(graph, "Relu", {w}, "relu");
  graph.outputs = {user_node(graph, "MatMul", {x, r}, "matmul"),
                   user_node(graph, "Abs", {weight(graph, random, "c", {2})}, "abs")};
  run(graph, {"fold_constants"});
  EXPECT_EQ(nodes_of(graph), "Relu:relu MatMul:matmul Abs:abs");
}

TEST(FoldConstants, ResultsOfShapeRulesNeedNoConstantOperand) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({2, 3, 4}));
  const ValueId shape = user_node(graph, "Shape", {x}, "shape");
  const ValueId last = user_node(graph, "Gather", {shape, Builder(graph).integers({2})}, "gather");
  const ValueId target = user_node(graph, "Concat", {Builder(graph).integers({-1}), last}, "concat",
                                   {{"axis", std::int64_t(0)}});
  graph.outputs = {user_node(graph, "Reshape", {x, target}, "reshape")};
  run(graph, {"fold_constants"});
  EXPECT_EQ(nodes_of(graph), "Reshape:reshape");
  EXPECT_EQ(graph.value(node_named(graph, "reshape").inputs[1]).constant->decode().to_int64(),
            (std::vector<std::int64_t>{-1, 4}));
}

/// x * DequantizeLinear(codes, scale, zero_point) after folding; the weight of the product.
EncodedTensor folded_weight(const Tensor& codes, const Tensor& scale, const Tensor& zero_point,
                            std::int64_t axis) {
  Graph graph;
  const ValueId x = graph.add_input("x", f32({1, 2}));
  std::vector<ValueId> inputs = {graph.add_constant("codes", codes, {"codes"}),
                                 graph.add_constant("scale", scale)};
  if (zero_point.present()) inputs.push_back(graph.add_constant("zero", zero_point));
  const ValueId w = user_node(graph, "DequantizeLinear", inputs, "dequantize", {{"axis", axis}});
  graph.outputs = {user_node(graph, "MatMul", {x, w}, "matmul")};
  run(graph, {"fold_constants"});
  EXPECT_EQ(nodes_of(graph), "MatMul:matmul");
  const ValueId weight = node_named(graph, "matmul").inputs[1];
  EXPECT_EQ(graph.sources(weight), (Sources{"codes", "dequantize"}));
  return *graph.value(weight).constant;
}

TEST(FoldConstants, KeepsInt8WeightsEncoded) {
  const Tensor codes = Tensor::from<std::int8_t>({2, 2}, {1, -2, 3, 127});
  const Tensor one = Tensor::scalar(0.5f);
  const Tensor each = Tensor::from<float>({2}, {0.5f, 0.25f});
  const Tensor zeros = Tensor::from<std::int8_t>({2}, {0, 0});
  const Tensor zero = Tensor::scalar(std::int8_t(0));

  EXPECT_EQ(folded_weight(codes, one, {}, 1).encoding, &i8_tensor_encoding);
  EXPECT_EQ(folded_weight(codes, one, zero, 1).encoding, &i8_tensor_encoding);
  for (const std::int64_t axis : {1, -1, 0}) {
    const EncodedTensor weight = folded_weight(codes, each, zeros, axis);
    EXPECT_EQ(weight.encoding, &i8_channel_encoding);
    EXPECT_EQ(weight.axis, axis == 0 ? 0 : 1);
    EXPECT_EQ(weight.parts[0].raw(), codes.raw());  // shared, not copied
  }
  // What the encodings cannot say is computed.
  const Tensor ones = Tensor::from<std::int8_t>({2}, {0, 1});
  EXPECT_TRUE(folded_weight(codes, each, ones, 1).is_dense());
  EXPECT_TRUE(folded_weight(codes, Tensor::scalar(-1.0f), {}, 1).is_dense());
  EXPECT_TRUE(folded_weight(codes.cast(DType::u8), one, {}, 1).is_dense());
}

// The form in which weights of products are exported.
TEST(FoldConstants, KeepsInt8WeightsTimesScalesEncoded) {
  const Tensor codes = Tensor::from<std::int8_t>({2, 2}, {1, -2, 3, 127});
  const auto folded = [&](float unit, const Tensor& scale) {
    Graph graph;
    const ValueId x = graph.add_input("x", f32({1, 2}));
    const ValueId integers = user_node(
        graph, "DequantizeLinear",
        {graph.add_constant("codes", codes), graph.add_constant("unit", Tensor::scalar(unit))},
        "dequantize");
    const ValueId w =
        user_node(graph, "Mul", {integers, graph.add_constant("scale", scale)}, "mul");
    graph.outputs = {user_node(graph, "MatMul", {x, w}, "matmul")};
    run(graph, {"fold_constants"});
    const auto& constant = graph.value(node_named(graph, "matmul").inputs[1]).constant;
    return constant ? *constant : EncodedTensor();
  };
  EXPECT_EQ(folded(1, Tensor::scalar(0.5f)).encoding, &i8_tensor_encoding);
  const EncodedTensor each = folded(1, Tensor::from<float>({2}, {0.5f, 0.25f}));
  EXPECT_EQ(each.encoding, &i8_channel_encoding);
  EXPECT_EQ(each.axis, 1);
  EXPECT_EQ(each.decode().to_float(), (std::vector<float>{0.5f, -0.5f, 1.5f, 31.75f}));
  // Two scales would round twice; a negative one is no scale.
  EXPECT_EQ(folded(0.3f, Tensor::scalar(0.5f)).encoding, nullptr);
  EXPECT_EQ(folded(1, Tensor::scalar(-0.5f)).encoding, nullptr);
}

TEST(FoldConstants, KeepsHalfPrecisionWeightsEncoded) {
  Random random(4);
  for (const DType type : {DType::f16, DType::bf16}) {
    Graph graph;
    const ValueId x = graph.add_input("x", f32({1, 2}));
    const ValueId half =
        graph.add_constant("half", random_tensor(random, {2, 2}).cast(type), {"half"});
    const ValueId w = user_node(graph, "Cast", {half}, "cast", {{"to", DType::f32}});
    graph.outputs = {user_node(graph, "MatMul", {x, w}, "matmul")};
    run(graph, {"fold_constants"});
    EXPECT_EQ(nodes_of(graph), "MatMul:matmul");
    const EncodedTensor& weight = *graph.value(node_named(graph, "matmul").inputs[1]).constant;
    EXPECT_EQ(weight.encoding->name, to_string(type));
    EXPECT_EQ(weight.size_bytes(), 8);
  }
}

ValueId conv(Graph& graph, Random& random, ValueId x, std::string_view name, std::int64_t in,
             std::int64_t out, bool bias) {
  const std::string prefix(name);
  std::vector<ValueId> inputs = {x, weight(graph, random, prefix + ".weight", {out, in, 3, 3})};
  if (bias) inputs.push_back(weight(graph, random, prefix + ".bias", {out}));
  return user_node(graph, "Conv", inputs, name);
}

TEST(FoldBatchNorm, GoesIntoConvolutionsWithAndWithoutBias) {
  Random random(5);
  for (const bool bias : {false, true}) {
    Graph graph;
    const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 3, 8, 8}));
    const ValueId c = conv(graph, random, x, "conv", 3, 4, bias);
    graph.outputs = {batch_norm(graph, random, c, "bn", 4)};
    graph.rename(graph.outputs[0], "y");
    run(graph, {"fold_batch_norm"});
    EXPECT_EQ(nodes_of(graph), "Conv:conv");
    const Node& node = node_named(graph, "conv");
    EXPECT_EQ(node.sources.front(), "bn");
    EXPECT_TRUE(std::ranges::count(node.sources, "conv"));
    EXPECT_EQ(graph.value(node.inputs[1]).name, "conv.weight");
    EXPECT_EQ(graph.value(node.inputs[2]).name, "conv.bias");
    EXPECT_EQ(graph.value(graph.outputs[0]).name, "y");
    EXPECT_TRUE(std::ranges::count(graph.sources(node.inputs[1]), "bn.scale"));
  }
}

TEST(FoldBatchNorm, FollowsChainsOfArithmetic) {
  Random random(6);
  Graph graph;
  const ValueId x = graph.add_input("x", f32({1, 3, 8, 8}));
  ValueId v = conv(graph, random, x, "conv", 3, 4, true);
  v = user_node(graph, "Mul", {weight(graph, random, "m", {4, 1, 1}), v}, "mul");
  v = user_node(graph, "Sub", {v, weight(graph, random, "s", {1, 4, 1, 1})}, "sub");
  v = batch_norm(graph, random, v, "bn", 4);
  v = user_node(graph, "Div", {v, graph.add_constant("d", Tensor::scalar(3.0f))}, "div");
  graph.outputs = {user_node(graph, "Add", {v, weight(graph, random, "a", {4, 1, 1})}, "add")};
  run(graph, {"fold_batch_norm"});
  EXPECT_EQ(nodes_of(graph), "Conv:conv");
}

TEST(FoldBatchNorm, GoesIntoMatrixProducts) {
  Random random(7);
  for (const std::int64_t transposed : {0, 1}) {
    Graph graph;
    const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 5}));
    const Shape shape = transposed ? Shape{4, 5} : Shape{5, 4};
    const ValueId g = user_node(
        graph, "Gemm", {x, weight(graph, random, "w", shape), weight(graph, random, "c", {1, 4})},
        "gemm", {{"transB", transposed}, {"alpha", 0.5f}, {"beta", 2.0f}});
    graph.outputs = {batch_norm(graph, random, g, "bn", 4)};
    run(graph, {"fold_batch_norm"});
    EXPECT_EQ(nodes_of(graph), "Gemm:gemm");
  }
  Graph graph;
  const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 5}));
  const ValueId m = user_node(graph, "MatMul", {x, weight(graph, random, "w", {5, 4})}, "matmul");
  graph.outputs = {user_node(graph, "Add", {m, weight(graph, random, "b", {4})}, "add")};
  run(graph, {"fold_batch_norm"});
  EXPECT_EQ(nodes_of(graph), "Gemm:matmul");
}

TEST(FoldBatchNorm, GoesIntoGroupedAndTransposedConvolutions) {
  Random random(9);
  for (const char* op : {"Conv", "ConvTranspose"}) {
    Graph graph;
    const ValueId x = graph.add_input("x", f32({Dim::symbol("N"), 4, 8, 8}));
    // 2 groups: 6 channels out of (6, 4/2, 3, 2), or (4, 6/2, 3, 2) transposed.
    const Shape shape = std::string(op) == "Conv" ? Shape{6, 2, 3, 2} : Shape{4, 3, 3, 2};
    const ValueId c = user_node(graph, op, {x, weight(graph, random, "w", shape)}, "conv",
                                {{"group", std::int64_t(2)}});
    graph.outputs = {batch_norm(graph, random, c, "bn", 6)};
    run(graph, {"fold_batch_norm"});
    EXPECT_EQ(nodes_of(graph), std::string(op) + ":conv");
  }
}

TEST(FoldBatchNorm, LeavesSharedAndEncodedWeightsAndOtherReaders) {
  Random random(8);
  {
    Graph graph;  // the weight has two readers
    const ValueId x = graph.add_input("x", f32({1, 3, 8, 8}));
    const ValueId w = weight(graph, random, "w", {4, 3, 3, 3});
    const ValueId a = user_node(graph, "Conv", {x, w}, "a");
    const ValueId b = user_node(graph, "Conv", {x, w}, "b");
    graph.outputs = {batch_norm(graph, random, a, "bn", 4), b};
    run(graph, {"fold_batch_norm"});
    EXPECT_EQ(nodes_of(graph), "Conv:a Conv:b BatchNormalization:bn");
  }
  {
    Graph graph;  // the convolution is read elsewhere
    const ValueId x = graph.add_input("x", f32({1, 3, 8, 8}));
    const ValueId c = conv(graph, random, x, "conv", 3, 4, true);
    graph.outputs = {batch_norm(graph, random, c, "bn", 4), c};
    run(graph, {"fold_batch_norm"});
    EXPECT_EQ(nodes_of(graph), "Conv:conv BatchNormalization:bn");
  }
  {
    Graph graph;  // an encoded weight is not scaled, but takes a bias
    const ValueId x = graph.add_input("x", f32({1, 3, 8, 8}));
    const ValueId w = graph.add_constant(
        "w", i8_channel_encoding.encode(random_tensor(random, {4, 3, 3, 3}), 0), {"w"});
    const ValueId c = user_node(graph, "Conv", {x, w}, "conv");
    const ValueId s = user_node(graph, "Add", {c, weight(graph, random, "b", {4, 1, 1})}, "add");
    graph.outputs = {batch_norm(graph, random, s, "bn", 4)};
    run(graph, {"fold_batch_norm"});
    EXPECT_EQ(nodes_of(graph), "Conv:conv BatchNormalization:bn");
    EXPECT_EQ(graph.value(node_named(graph, "conv").inputs[1]).constant->encoding,
              &i8_channel_encoding);
  }
}

}  // namespace
}  // namespace strata::ir
