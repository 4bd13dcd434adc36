#include "strata/formats/model_info.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"

namespace strata::formats {
namespace {

namespace fs = std::filesystem;

void put_text(std::string& bytes, int field, std::string_view text) {
  bytes += char(field << 3 | 2);
  bytes += char(text.size());
  bytes += text;
}

/// Producer, version, domain, a number, texts, and two entries among things to skip.
std::string model() {
  std::string bytes = "\x08\x08";
  put_text(bytes, 2, "tool");
  put_text(bytes, 3, "1.2");
  put_text(bytes, 4, "org.example");
  bytes += "\x28\x07";
  put_text(bytes, 6, "what it is");
  std::string graph;
  put_text(graph, 2, "g");
  put_text(graph, 10, "what the graph is");
  put_text(bytes, 7, graph);
  std::string entry;
  put_text(entry, 1, "labels");
  put_text(entry, 2, "cat\xff");
  put_text(bytes, 14, entry);
  put_text(bytes, 14, "");
  return bytes;
}

ModelInfo read(std::string_view bytes) { return model_info(std::as_bytes(std::span(bytes))); }

TEST(ModelInfo, SaysWhatTheFileSays) {
  const ModelInfo info = read(model());
  EXPECT_EQ(info.producer, "tool");
  EXPECT_EQ(info.producer_version, "1.2");
  EXPECT_EQ(info.domain, "org.example");
  EXPECT_EQ(info.description, "what it is");
  EXPECT_EQ(info.graph_description, "what the graph is");
  EXPECT_EQ(info.version, 7);
  ASSERT_EQ(info.metadata.size(), 2u);
  EXPECT_EQ(info.metadata[0], std::pair(std::string("labels"), std::string("cat\xff")));
  EXPECT_EQ(info.metadata[1], std::pair(std::string(), std::string()));
}

TEST(ModelInfo, GoesAlongWithASavedGraph) {
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {DType::f32, {2}});
  graph.outputs = {ir::Builder(graph).op("Relu", {x})};
  EXPECT_EQ(read(onnx_bytes(graph)).producer, "strata");
  SaveOptions options;
  options.info = read(model());
  const ModelInfo info = read(onnx_bytes(graph, options));
  EXPECT_EQ(info.producer, options.info.producer);
  EXPECT_EQ(info.producer_version, options.info.producer_version);
  EXPECT_EQ(info.domain, options.info.domain);
  EXPECT_EQ(info.description, options.info.description);
  EXPECT_EQ(info.graph_description, options.info.graph_description);
  EXPECT_EQ(info.version, options.info.version);
  EXPECT_EQ(info.metadata, options.info.metadata);
}

TEST(ModelInfo, AnEmptyFileSaysNothing) {
  const ModelInfo info = read("");
  EXPECT_EQ(info.producer, "");
  EXPECT_EQ(info.version, 0);
  EXPECT_TRUE(info.metadata.empty());
}

TEST(ModelInfo, EveryTruncationAndEveryByteIsReadOrRefused) {
  const std::string good = model();
  const auto try_to_read = [](std::string_view bytes) {
    try {
      read(bytes);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::model) << error.what();
    }
  };
  for (std::size_t i = 0; i < good.size(); ++i) {
    try_to_read(std::string_view(good).substr(0, i));
    for (int value = 0; value < 256; ++value) {
      std::string bytes = good;
      bytes[i] = char(value);
      try_to_read(bytes);
    }
  }
}

TEST(ModelInfo, FilesAreNamedInErrorsAndTextSaysNothing) {
  const fs::path folder =
      fs::temp_directory_path() / ("model_info_test_" + std::to_string(getpid()));
  fs::create_directory(folder);
  write_file(folder / "a.onnx", model());
  write_file(folder / "bad.onnx", model().substr(0, 5));
  write_file(folder / "g.strata.txt", std::string_view("graph \"g\" {}"));
  EXPECT_EQ(model_info(folder / "a.onnx").producer, "tool");
  EXPECT_EQ(model_info(folder / "g.strata.txt").producer, "");
  for (const char* name : {"bad.onnx", "none.onnx"}) {
    try {
      model_info(folder / name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_NE(std::string_view(error.what()).find(name), std::string_view::npos);
    }
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace strata::formats
