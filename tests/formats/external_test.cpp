// Weights in a file beside the model: written, read, never touched without need.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "strata/base/file.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/text.hpp"
#include "tests/formats/model_writer.hpp"

namespace strata::formats {
namespace {

namespace fs = std::filesystem;

class External : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / fmt::format("strata-external-{}", getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
};

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * std::size_t(sysconf(_SC_PAGESIZE));
}

Tensor ramp(const Shape& shape) {
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  float x = -1;
  for (float& element : tensor.mutable_data<float>()) element = x += 0.0625f;
  return tensor;
}

ir::Graph products(const std::vector<Tensor>& weights) {
  ir::Graph graph;
  graph.name = "products";
  ir::ValueId x = graph.add_input("x", {DType::f32, {1, weights[0].shape()[0]}});
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::string name = fmt::format("layer{}", i);
    const ir::ValueId w = graph.add_constant(fmt::format("w{}", i), EncodedTensor(weights[i]));
    x = ir::Builder(graph, {name}).op("MatMul", {x, w}, {}, name);
  }
  graph.outputs = {x};
  return graph;
}

TEST_F(External, WeightsComeBackFromTheirOwnFile) {
  const ir::Graph graph = products({ramp({30, 31}), ramp({31, 2}), ramp({2, 400})});
  const fs::path path = folder_ / "net.onnx";
  save_onnx(graph, path, {.external_data = true, .sources = true});
  // 30 x 31 floats, then 2 x 400 from the next multiple of 64 on; the small one stays.
  EXPECT_EQ(fs::file_size(folder_ / "net.onnx.data"), 3776u + 3200u);
  EXPECT_LT(fs::file_size(path), 2000u);
  const ir::Graph read = load(path);
  EXPECT_TRUE(ir::identical(read, graph));
  for (const char* name : {"w0", "w2"}) {
    const void* data = read.value(*read.find_value(name)).constant->parts[0].raw();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(data) % 64, 0u) << name;
  }
}

// The weights are read from the file that is replaced.
TEST_F(External, AModelMayReplaceItself) {
  const ir::Graph graph = products({ramp({30, 31}), ramp({31, 50})});
  const fs::path path = folder_ / "net.onnx";
  save_onnx(graph, path, {.external_data = true, .sources = true});
  save_onnx(load(path), path, {.external_data = true, .sources = true});
  EXPECT_TRUE(ir::identical(load(path), graph));
  save_onnx(load(path), path, {.sources = true});
  fs::remove(folder_ / "net.onnx.data");
  EXPECT_TRUE(ir::identical(load(path), graph));
}

TEST_F(External, SmallModelsHaveNoSecondFile) {
  save_onnx(products({ramp({2, 2})}), folder_ / "net.onnx", {.external_data = true});
  EXPECT_FALSE(fs::exists(folder_ / "net.onnx.data"));
}

constexpr std::int64_t width = 16384;
constexpr std::int64_t weight_bytes = 4 * width * width;

onnx::MessageWriter external_weight(int i) {
  onnx::MessageWriter w;
  w.integers(1, std::vector<std::int64_t>{width, width});
  w.integer(2, 1);
  w.text(8, fmt::format("w{}", i));
  for (const auto& [key, value] : {std::pair<const char*, std::string>{"location", "weights"},
                                   {"offset", std::to_string(i * weight_bytes)},
                                   {"length", std::to_string(weight_bytes)}}) {
    onnx::MessageWriter entry;
    entry.text(1, key);
    entry.text(2, value);
    w.message(13, std::move(entry));
  }
  w.integer(14, 1);
  return w;
}

// A model of 5 GiB in one file, which protobuf's own readers refuse. The weights are holes.
TEST_F(External, OneLargeFileIsRead) {
  std::ofstream(folder_ / "zeros").close();
  fs::resize_file(folder_ / "zeros", std::uintmax_t(5 * weight_bytes));
  const MappedFile zeros = MappedFile::open(folder_ / "zeros");
  onnx::test::Model model;
  model.input("x", DType::f32, {1, 5 * width})
      .initializer(
          "w", Tensor::borrow(DType::f32, {5 * width, width}, zeros.bytes().data(), zeros.owner()))
      .node("MatMul", {"x", "w"}, {"y"}, {}, "product")
      .output("y");
  std::ofstream file(folder_ / "net.onnx", std::ios::binary);
  std::uintmax_t size = 0;
  for (const onnx::Piece& piece : model.message(17).take()) {
    file << piece.head;
    size += piece.head.size();
    if (!piece.data.present()) continue;
    size += piece.data.size_bytes();
    file.seekp(std::streamoff(size));
  }
  file.close();
  fs::resize_file(folder_ / "net.onnx", size);
  const std::size_t before = resident_bytes();
  const ir::Graph graph = load(folder_ / "net.onnx");
  EXPECT_EQ(graph.constant_bytes(), 5 * weight_bytes);
  EXPECT_TRUE(graph.find_node("product"));
  EXPECT_LT(resident_bytes(), before + (std::size_t(64) << 20));
}

// 3 GiB of weights, in a file with holes, of which nothing is read: not while importing, nor by
// passes, nor to find that they are too many for one file.
TEST_F(External, LargeWeightsStayInTheirFile) {
  std::ofstream(folder_ / "weights").close();
  fs::resize_file(folder_ / "weights", std::uintmax_t(3 * weight_bytes));
  onnx::test::Model model;
  model.input("x0", DType::f32, {1, width});
  for (int i = 0; i < 3; ++i) {
    const std::string x = fmt::format("x{}", i), w = fmt::format("w{}", i);
    const std::string y = fmt::format("x{}", i + 1);
    model.initializer(external_weight(i)).node("MatMul", {x, w}, {y});
  }
  write_file(folder_ / "net.onnx", model.output("x3").bytes(17));

  const std::size_t before = resident_bytes();
  ir::Graph graph = load(folder_ / "net.onnx");
  ir::optimize(graph);
  EXPECT_EQ(graph.constant_bytes(), 3 * weight_bytes);
  try {
    onnx_size(graph);
    ADD_FAILURE() << "one file for all";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string(error.what()).find("--external-data"), std::string::npos);
  }
  EXPECT_LT(resident_bytes(), before + (std::size_t(64) << 20));
}

}  // namespace
}  // namespace strata::formats
