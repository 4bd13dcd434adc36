#include "strata/formats/load.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"
#include "tests/formats/model_writer.hpp"

namespace strata::formats {
namespace {

namespace fs = std::filesystem;
using onnx::test::Model;

const fs::path source_folder = STRATA_SOURCE_DIR;
const fs::path corpus = source_folder / "tests/corpus/onnx";

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".onnx") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

ir::Graph load_bytes(std::string_view bytes) { return load(std::as_bytes(std::span(bytes))); }

std::string error_of(std::string_view bytes) {
  try {
    load_bytes(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Load, KeywordSpottingNetwork) {
  const ir::Graph graph = load(source_folder / "demo/kws/kws_dscnn_fp32.onnx");
  EXPECT_EQ(graph.order().size(), 31u);
  EXPECT_EQ(graph.inputs.size(), 1u);
  EXPECT_EQ(graph.outputs.size(), 1u);
  EXPECT_EQ(graph.value(graph.outputs[0]).type.shape.back(), Dim(12));
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    EXPECT_EQ(node.sources, ir::Sources{node.name});
  }
}

TEST(Load, WeightsOutliveEverythingElse) {
  const ir::Graph graph =
      load_bytes(read_file(source_folder / "demo/kws/kws_dscnn_fp32.onnx", 1 << 20));
  double sum = 0;
  for (std::uint32_t i = 0; i < graph.value_limit(); ++i) {
    const ir::Value& value = graph.value(ir::ValueId(i));
    if (!value.constant || value.type.dtype != DType::f32) continue;
    const Tensor weights = value.constant->decode();
    for (const float x : weights.data<float>()) sum += double(x) * double(x);
  }
  EXPECT_GT(sum, 0);
}

TEST(Load, EveryValidFileOfTheCorpus) {
  const auto files = files_in(corpus / "valid");
  EXPECT_GT(files.size(), 30u);
  for (const fs::path& file : files) {
    try {
      ir::verify(load(file));
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

TEST(Load, EveryHostileFileOfTheCorpusIsOneError) {
  const auto files = files_in(corpus / "hostile");
  EXPECT_GT(files.size(), 100u);
  for (const fs::path& file : files) {
    try {
      load(file);
      ADD_FAILURE() << file << " was accepted";
    } catch (const Error& error) {
      EXPECT_TRUE(std::string_view(error.what()).starts_with("reading " + file.string() + ": "))
          << error.what();
      EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
      EXPECT_NE(error.code(), ErrorCode::usage) << error.what();
    }
  }
}

// Cut short at any byte, a file is refused or, where the cut falls between fields, a smaller model.
TEST(Load, TruncatedAtEveryByte) {
  for (const fs::path& file : files_in(corpus / "valid")) {
    const std::string bytes = read_file(file, 1 << 16);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      try {
        ir::verify(load_bytes(std::string_view(bytes).substr(0, size)));
      } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::internal) << file << " at " << size;
      }
    }
  }
}

TEST(Load, EveryByteReplaced) {
  const std::string bytes = read_file(corpus / "valid/conv_relu_opset13.onnx", 1 << 16);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const char byte : {'\0', '\x01', '\x7f', '\x80', '\xff'}) {
      std::string damaged = bytes;
      damaged[i] = byte;
      try {
        ir::verify(load_bytes(damaged));
      } catch (const Error& error) {
        EXPECT_NE(error.code(), ErrorCode::internal) << "byte " << i << ": " << error.what();
      }
    }
  }
}

TEST(Load, OtherFormatsAreRecognized) {
  using namespace std::string_view_literals;
  EXPECT_EQ(error_of(""), "reading model: the file is empty");
  EXPECT_EQ(error_of("GGUF\x03\0\0\0"sv),
            "reading model: this is a GGUF file; accepted: ONNX (.onnx), TensorFlow Lite "
            "(.tflite), Strata's container (.strata), graph text (.strata.txt)");
  EXPECT_NE(error_of("\x1c\0\0\0TFL3\0\0"sv).find("TensorFlow Lite"), std::string::npos);
  EXPECT_NE(error_of("PK\x03\x04...."sv).find("zip archive"), std::string::npos);
  for (const std::string_view page : {"<!DOCTYPE html>"sv, "\n <HTML><head>"sv, "<?xml v"sv}) {
    EXPECT_NE(error_of(page).find("HTML"), std::string::npos) << page;
  }
  // Other things begin so, too.
  EXPECT_EQ(error_of("<not a page"sv).find("HTML"), std::string::npos);
}

TEST(Load, SaysWhatBytesLookLikeThatAreNoModel) {
  using namespace std::string_view_literals;
  EXPECT_NE(error_of("\xff\xd8\xff\xe0").find("this is a picture (JPEG)"), std::string::npos);
  EXPECT_NE(error_of(std::string("BM\x36\x0c\0\0\0\0\0\0", 10)).find("seems to be a picture (BMP)"),
            std::string::npos);
  EXPECT_NE(error_of("hello, this is text").find("no ONNX model begins with 'hello, this '"),
            std::string::npos);
  EXPECT_NE(
      error_of("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"sv).find("this is a picture (PNG); accepted: ONNX"),
      std::string::npos);
  const std::string whole = read_file(corpus / "valid/conv_relu_opset13.onnx", 1 << 16);
  const std::string cut = error_of(std::string_view(whole).substr(0, whole.size() / 2));
  EXPECT_NE(cut.find("the file seems to be cut short: it ends after " +
                     std::to_string(whole.size() / 2) + " bytes"),
            std::string::npos)
      << cut;
}

TEST(Load, MissingFileAndFolder) {
  EXPECT_THROW(load(corpus / "nowhere.onnx"), Error);
  EXPECT_THROW(load(corpus), Error);
}

TEST(Load, TextForm) {
  const ir::Graph graph = load(corpus / "valid/conv_relu_opset13.onnx");
  const fs::path path = fs::path(testing::TempDir()) / "graph.strata.txt";
  write_file(path, ir::to_text(graph));
  EXPECT_TRUE(ir::identical(load(path), graph));
  fs::remove(path);
}

TEST(Load, NodesInAnyOrder) {
  Model model;
  model.input("x", DType::f32, {2})
      .node("Relu", {"b"}, {"c"}, {}, "third")
      .node("Neg", {"x"}, {"a"}, {}, "first")
      .node("Abs", {"a"}, {"b"}, {}, "second")
      .output("c");
  const ir::Graph graph = load_bytes(model.bytes(13));
  std::vector<std::string> names;
  for (const ir::NodeId id : graph.order()) names.push_back(graph.node(id).name);
  EXPECT_EQ(names, (std::vector<std::string>{"first", "second", "third"}));
}

TEST(Load, CyclesAreRefused) {
  Model model;
  model.input("x", DType::f32, {2})
      .node("Add", {"x", "b"}, {"a"}, {}, "one")
      .node("Relu", {"a"}, {"b"}, {}, "two")
      .output("b");
  EXPECT_EQ(error_of(model.bytes(13)), "reading model: node one (Add) depends on its own output");
}

// Longer than any stack of calls would survive.
TEST(Load, ChainOfManyNodesBackwards) {
  constexpr int count = 50000;
  Model model;
  model.input("v0", DType::f32, {1});
  for (int i = count; i > 0; --i) {
    const std::string from = "v" + std::to_string(i - 1);
    const std::string to = "v" + std::to_string(i);
    model.node("Relu", {from}, {to});
  }
  model.output("v" + std::to_string(count));
  EXPECT_EQ(load_bytes(model.bytes(13)).order().size(), std::size_t(count));
}

TEST(Load, EqualNodeNamesAreMadeUnique) {
  Model model;
  model.input("x", DType::f32, {1});
  for (int i = 0; i < 20000; ++i) {
    const std::string to = "v" + std::to_string(i);
    model.node("Relu", {"x"}, {to}, {}, "same");
  }
  model.output("v0");
  const ir::Graph graph = load_bytes(model.bytes(13));
  EXPECT_EQ(graph.order().size(), 20000u);
  EXPECT_EQ(graph.node(graph.order()[0]).name, "same");
}

TEST(Load, SymbolicDimensions) {
  const ir::Graph graph = load(corpus / "valid/unknown_dimensions.onnx");
  for (const ir::ValueId id : graph.inputs) {
    const auto& shape = graph.value(id).type.shape;
    EXPECT_TRUE(
        std::any_of(shape.begin(), shape.end(), [](const Dim& dim) { return !dim.is_constant(); }));
  }
}

TEST(Load, DeclaredOutputTypeMustBeTheComputedOne) {
  Model model;
  model.input("x", DType::f32, {2}).node("Relu", {"x"}, {"y"}).output("y", DType::i64, {2});
  EXPECT_EQ(error_of(model.bytes(13)),
            "reading model: graph output \"y\": declared as i64, but computed as f32");
}

TEST(Load, ErrorsStayShortAndPrintable) {
  Model model;
  const std::string name = "\x1b[31m" + std::string(60000, 'n');
  model.input("x", DType::f32, {2}).node("Frobnicate", {"x"}, {"y"}, {}, name).output("y");
  const std::string error = error_of(model.bytes(13));
  EXPECT_LT(error.size(), 4000u);
  EXPECT_EQ(error.find('\x1b'), std::string::npos);
  EXPECT_NE(error.find("\\x1b[31mnnn"), std::string::npos);
}

TEST(Load, Opsets) {
  const auto with_opset = [](std::int64_t opset) {
    Model model;
    model.input("x", DType::f32, {2}).node("Relu", {"x"}, {"y"}).output("y");
    return error_of(model.bytes(opset));
  };
  EXPECT_EQ(with_opset(7), "no error");
  EXPECT_EQ(with_opset(28), "no error");
  EXPECT_EQ(with_opset(1000),
            "reading model: opset 1000 is newer than 28, the newest that is supported");
  EXPECT_EQ(with_opset(0),
            "reading model: no opset of ONNX's domain is imported; accepted: 1 to 28");
}

}  // namespace
}  // namespace strata::formats
