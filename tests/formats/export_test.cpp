#include <gtest/gtest.h>

#include <filesystem>

#include "strata/formats/load.hpp"
#include "strata/formats/onnx/message.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/text.hpp"

namespace strata::formats {
namespace {

namespace fs = std::filesystem;
const fs::path corpus = fs::path(STRATA_SOURCE_DIR) / "tests/corpus/onnx/valid";

ir::Graph load_bytes(const std::string& bytes) { return load(std::as_bytes(std::span(bytes))); }

std::int64_t opset_in(const std::string& bytes) {
  std::int64_t opset = 0;
  for (onnx::Message model(std::as_bytes(std::span(bytes))); model.next();) {
    if (model.field() != 8) continue;
    for (onnx::Message import = model.message(); import.next();) {
      if (import.field() == 2) opset = import.integer();
    }
  }
  return opset;
}

Tensor ramp(const Shape& shape) {
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  float x = -1;
  for (float& element : tensor.mutable_data<float>()) element = x += 0.0625f;
  return tensor;
}

// y = x * w with w stored in the given way.
ir::Graph product(EncodedTensor weights) {
  ir::Graph graph;
  graph.name = "product";
  ir::Builder builder(graph, {"layer"});
  const ir::ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), Dim(4)}});
  const ir::ValueId w = graph.add_constant("w", std::move(weights));
  graph.outputs = {builder.op("MatMul", {x, w}, {}, "layer")};
  graph.rename(graph.outputs[0], "y");
  return graph;
}

// What is written is read again as the same graph, but for what ONNX has no place for: the sources
// of constants that the importer made, and their place among the values.
TEST(Export, CorpusSurvives) {
  for (const auto& entry : fs::directory_iterator(corpus)) {
    if (entry.path().extension() != ".onnx") continue;
    try {
      const std::string once = onnx_bytes(load(entry.path()));
      const ir::Graph read = load_bytes(once);
      const std::string twice = onnx_bytes(read);
      EXPECT_EQ(once, twice) << entry.path();
      EXPECT_TRUE(ir::identical(load_bytes(twice), read)) << entry.path();
    } catch (const Error& error) {
      ADD_FAILURE() << entry.path() << ": " << error.what();
    }
  }
}

TEST(Export, KeywordSpottingNetworkIsIdentical) {
  const ir::Graph graph = load(fs::path(STRATA_SOURCE_DIR) / "demo/kws/kws_dscnn_fp32.onnx");
  EXPECT_TRUE(ir::identical(load_bytes(onnx_bytes(graph)), graph));
}

TEST(Export, SizeIsKnownWithoutWriting) {
  const ir::Graph graph = load(corpus / "conv_relu_opset13.onnx");
  const fs::path path = fs::path(testing::TempDir()) / "size.onnx";
  save_onnx(graph, path);
  EXPECT_EQ(std::int64_t(fs::file_size(path)), onnx_size(graph));
  EXPECT_EQ(read_file(path, 1 << 16), onnx_bytes(graph));
  fs::remove(path);
}

TEST(Export, EncodedWeightsComputeTheSame) {
  const Tensor weights = ramp({4, 3});
  const Tensor x = ramp({2, 4});
  for (const Encoding* encoding : all_encodings()) {
    const ir::Graph graph = product(encoding->encode(weights, 1));
    const ir::Graph read = load_bytes(onnx_bytes(graph));
    const Tensor expected = ir::interpret(graph, std::span(&x, 1)).at(0);
    const Tensor actual = ir::interpret(read, std::span(&x, 1)).at(0);
    EXPECT_TRUE(identical(expected, actual)) << encoding->name;
    EXPECT_TRUE(read.find_value("w")) << encoding->name;
    EXPECT_TRUE(read.find_node("layer")) << encoding->name;
  }
}

// Folding finds the encoding again in what ONNX can say.
TEST(Export, EncodingsComeBack) {
  for (const Encoding* encoding : all_encodings()) {
    const EncodedTensor weights = encoding->encode(ramp({4, 3}), 1);
    // Codes of 8 bits with zero points may be those of a network that computes in integers.
    if (!onnx_stores(weights) || encoding->name.starts_with("u8_")) continue;
    ir::Graph read = load_bytes(onnx_bytes(product(weights)));
    ir::optimize(read);
    const auto& constant = read.value(*read.find_value("w")).constant;
    ASSERT_TRUE(constant) << encoding->name;
    EXPECT_EQ(constant->encoding, encoding);
    ASSERT_EQ(constant->parts.size(), weights.parts.size());
    for (std::size_t i = 0; i < weights.parts.size(); ++i) {
      EXPECT_TRUE(identical(constant->parts[i], weights.parts[i])) << encoding->name << i;
    }
  }
}

TEST(Export, ScalesOfProductsAreAppliedApart) {
  const auto ops = [](const Encoding& encoding, int axis) {
    const ir::Graph read = load_bytes(onnx_bytes(product(encoding.encode(ramp({4, 3}), axis))));
    std::string names;
    for (const ir::NodeId id : read.order()) names += std::string(read.node(id).op->name) + " ";
    return names;
  };
  EXPECT_EQ(ops(i8_tensor_encoding, 0), "DequantizeLinear Mul MatMul ");
  EXPECT_EQ(ops(i8_channel_encoding, 1), "DequantizeLinear Mul MatMul ");
  EXPECT_EQ(ops(i8_channel_encoding, 0), "DequantizeLinear MatMul ");
  EXPECT_EQ(ops(f16_encoding, 0), "Cast MatMul ");
  // Blocks and zero points stay with their scales, a Reshape keeps them from the product.
  EXPECT_EQ(ops(find_encoding("i4_channel"), 1), "DequantizeLinear Mul MatMul ");
  EXPECT_EQ(ops(find_encoding("i4_group16"), 1), "DequantizeLinear Reshape MatMul ");
  EXPECT_EQ(ops(find_encoding("u4_tensor"), 1), "DequantizeLinear Reshape MatMul ");
}

TEST(Export, EncodedWeightsAreSmall) {
  const Tensor weights = ramp({64, 64});
  const auto size = [&](const char* encoding, int axis) {
    return onnx_size(product(find_encoding(encoding).encode(weights.reshaped({4, 1024}), axis)));
  };
  EXPECT_LT(size("i8_tensor", 0), 4096 + 256);
  EXPECT_LT(size("i8_channel", 0), 4096 + 4 * 4 + 256);
  EXPECT_LT(size("f16", 0), 2 * 4096 + 256);
}

TEST(Export, NamesAreNotTaken) {
  ir::Graph graph = product(i8_tensor_encoding.encode(ramp({4, 3}), 0));
  graph.add_input("w_q", {DType::f32, {Dim(1)}});
  const ir::Graph read = load_bytes(onnx_bytes(graph));
  EXPECT_EQ(read.inputs.size(), 2u);
  EXPECT_EQ(read.value(read.inputs[1]).name, "w_q");
}

TEST(Export, FusedNodesGoOutAsTheirBody) {
  auto body = std::make_shared<ir::Graph>();
  const ir::ValueId in = body->add_input("a", {DType::f32, {Dim(2)}});
  ir::Builder inner(*body, {"neg", "relu"});
  const ir::ValueId negative = inner.op("Neg", {in}, {}, "neg");
  body->outputs = {inner.op("Relu", {negative}, {}, "relu")};

  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {DType::f32, {Dim(2)}});
  ir::Builder builder(graph, {"neg", "relu"});
  graph.outputs = {builder.op("strata.Fused", {x}, {{"body", ir::Subgraph(body)}}, "relu")};
  graph.rename(graph.outputs[0], "y");

  const ir::Graph read = load_bytes(onnx_bytes(graph));
  ASSERT_EQ(read.order().size(), 2u);
  EXPECT_TRUE(read.find_node("neg"));
  EXPECT_TRUE(read.find_node("relu"));
  EXPECT_EQ(read.value(read.outputs[0]).name, "y");
  const Tensor value = Tensor::from<float>({2}, {-3, 4});
  EXPECT_EQ(ir::interpret(read, std::span(&value, 1)).at(0).to_float(), (std::vector<float>{3, 0}));
}

TEST(Export, OpsetIsRaisedOnlyWhereNeeded) {
  EXPECT_EQ(opset_in(onnx_bytes(load(corpus / "conv_relu_opset7.onnx"))), 17);
  EXPECT_EQ(opset_in(onnx_bytes(load(corpus / "conv_relu_opset7.onnx"), {.opset = 13})), 13);
  EXPECT_EQ(opset_in(onnx_bytes(load(corpus / "reduce_mean_attribute_opset13.onnx"))), 18);
}

TEST(Export, StatesAndOldOpsetsAreRefused) {
  ir::Graph graph = load(corpus / "conv_relu_opset13.onnx");
  EXPECT_THROW(onnx_bytes(graph, {.opset = 12}), Error);
  graph.states.push_back({"s", Tensor::scalar(1.0f), graph.add_value("s"), ir::no_value});
  EXPECT_THROW(onnx_bytes(graph), Error);
}

// Elements of fewer than 8 bits are packed in the file and one per byte in memory.
TEST(Export, NarrowTypesComeBackAndDecideTheOpset) {
  const std::pair<DType, int> types[] = {
      {DType::i4, 21}, {DType::u2, 25}, {DType::f6e3m2, 28}, {DType::f8e4m3fn, 19}};
  for (const auto& [type, opset] : types) {
    SCOPED_TRACE(to_string(type));
    ir::Graph graph;
    ir::Builder builder(graph);
    Tensor values = Tensor::zeros(type, {5});
    auto* codes = static_cast<std::uint8_t*>(values.mutable_raw());
    for (int i = 0; i < 5; ++i) codes[i] = std::uint8_t(i % 4);
    const ir::ValueId constant = graph.add_constant("w", EncodedTensor(values));
    graph.outputs = {builder.op("Cast", {constant}, {{"to", DType::f32}})};
    const std::string bytes = onnx_bytes(graph);
    EXPECT_EQ(opset_in(bytes), opset);
    const ir::Graph read = load_bytes(bytes);
    EXPECT_TRUE(identical(ir::interpret(read, {})[0], values.cast(DType::f32)));
    EXPECT_EQ(onnx_bytes(read), bytes);
    EXPECT_EQ(ir::to_text(ir::parse_text(ir::to_text(read))), ir::to_text(read));
  }
}

}  // namespace
}  // namespace strata::formats
