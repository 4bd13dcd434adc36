#include "strata/formats/container/container.hpp"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "strata/base/random.hpp"
#include "strata/formats/container/layout.hpp"
#include "strata/formats/container/packed.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::formats {
namespace {

namespace fs = std::filesystem;
using container::Header;
using container::magic;
using container::PartRow;

const fs::path corpus = fs::path(STRATA_SOURCE_DIR) / "tests/corpus/onnx/valid";

Tensor random_tensor(const Shape& shape, std::uint64_t seed) {
  Random random(seed);
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  for (float& x : tensor.mutable_data<float>()) x = float(random.normal());
  return tensor;
}

/// y = x w, the weight in some encoding.
ir::Graph product(EncodedTensor weights) {
  ir::Graph graph;
  graph.name = "product";
  const ir::ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), weights.shape[0]}});
  const ir::ValueId w = graph.add_constant("w", std::move(weights), {"layer"});
  graph.outputs = {ir::Builder(graph, {"layer"}).op("MatMul", {x, w}, {}, "layer")};
  return graph;
}

ir::Graph read(const std::string& bytes) { return load(std::as_bytes(std::span(bytes))); }

Header header_of(const std::string& bytes) {
  Header header;
  std::memcpy(&header, bytes.data() + magic.size(), sizeof header);
  return header;
}

/// The container with another header; the checksum is made right, so that what it says is read.
std::string with_header(std::string bytes, const Header& given) {
  Header header = given;
  header.checksum = 0;
  std::memcpy(bytes.data() + magic.size(), &header, sizeof header);
  const std::size_t head = std::min<std::size_t>(
      bytes.size(), magic.size() + sizeof header + std::size_t(header.parts) * sizeof(PartRow) +
                        std::size_t(header.info_size) + std::size_t(header.text_stored));
  header.checksum = XXH3_64bits(bytes.data(), head);
  std::memcpy(bytes.data() + magic.size(), &header, sizeof header);
  return bytes;
}

std::string with_part(std::string bytes, std::size_t part, std::uint64_t offset,
                      std::uint64_t size) {
  char* const entry = bytes.data() + magic.size() + sizeof(Header) + sizeof(PartRow) * part;
  PartRow row{offset, size, 0};
  if (offset < bytes.size() && size <= bytes.size() - offset) {
    row.checksum = XXH3_64bits(bytes.data() + offset, std::size_t(size));
  }
  std::memcpy(entry, &row, sizeof row);
  return with_header(bytes, header_of(bytes));
}

PartRow row_of(const std::string& bytes, std::size_t part) {
  PartRow row;
  std::memcpy(&row, bytes.data() + magic.size() + sizeof(Header) + sizeof row * part, sizeof row);
  return row;
}

TEST(Container, GivesTheIdenticalGraphOfEveryModelOfTheCorpus) {
  for (const auto& entry : fs::directory_iterator(corpus)) {
    if (entry.path().extension() != ".onnx") continue;
    ir::Graph graph;
    try {
      graph = load(entry.path());
    } catch (const Error&) {
      continue;  // the corpus holds models that must be refused
    }
    EXPECT_TRUE(ir::identical(read(container_bytes(graph)), graph)) << entry.path();
    ir::optimize(graph);
    EXPECT_TRUE(ir::identical(read(container_bytes(graph)), graph)) << entry.path();
  }
}

TEST(Container, KeepsEveryEncoding) {
  const Tensor weights = random_tensor({40, 12}, 1);
  for (const Encoding* encoding : all_encodings()) {
    const ir::Graph graph = product(encoding->encode(weights, 1));
    const std::string bytes = container_bytes(graph);
    EXPECT_TRUE(ir::identical(read(bytes), graph)) << encoding->name;
    EXPECT_EQ(std::int64_t(bytes.size()), container_size(graph)) << encoding->name;
  }
}

ir::PackedSet packed_set() {
  ir::PackedSet packed{0x123456789abcdef0u, {}};
  ir::PackedWeights weights{"some_row_avx2", 7, {{"w", -1}, {"", 0}}, {}};
  weights.bytes = Tensor::zeros(DType::u8, Shape{200});
  weights.bytes.mutable_data<std::uint8_t>()[199] = 42;
  packed.weights = {weights, weights};
  packed.weights[1].sources = {{"w", 0}, {"w", 1}};
  return packed;
}

TEST(Container, KeepsPackedWeightsBesideTheGraph) {
  const fs::path path = fs::path(testing::TempDir()) / "packed.strata";
  const ir::Graph graph =
      product(find_encoding("i8_channel").encode(random_tensor({40, 12}, 3), 1));
  const ModelInfo info{.producer = "me", .metadata = {{":packed", "an author's"}}};
  save_container(graph, path, info, packed_set());
  for (const bool mapped : {true, false}) {
    const std::string bytes = container_bytes(graph, info, packed_set());
    const Model model = mapped ? load_model(path) : load_model(std::as_bytes(std::span(bytes)));
    EXPECT_TRUE(ir::identical(model.graph, graph));
    EXPECT_EQ(model.info.producer, "me");
    EXPECT_EQ(model.info.metadata, info.metadata);  // nothing of what is packed
    EXPECT_EQ(model.packed.version, packed_set().version);
    ASSERT_EQ(model.packed.weights.size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) {
      const ir::PackedWeights& read = model.packed.weights[i];
      const ir::PackedWeights given = packed_set().weights[i];
      EXPECT_EQ(read.row, given.row);
      EXPECT_EQ(read.form, given.form);
      ASSERT_EQ(read.sources.size(), 2u);
      EXPECT_EQ(read.sources[1].value, given.sources[1].value);
      EXPECT_EQ(read.sources[1].part, given.sources[1].part);
      EXPECT_TRUE(identical(read.bytes, given.bytes));
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read.bytes.raw()) % 64, 0u);
    }
  }
  EXPECT_TRUE(
      load_model(corpus / "../../../../demo/kws/kws_dscnn_fp32.onnx").packed.weights.empty());
}

TEST(Container, RefusesPackedWeightsThatAreNoSuch) {
  const std::string whole = container::packed_entry(packed_set(), 0);
  const auto part = [](std::size_t number) {
    if (number > 1) fail(ErrorCode::model, "part {}, the file has 2", number);
    return Tensor::zeros(DType::u8, Shape{200});
  };
  EXPECT_EQ(container::parse_packed(whole, part).weights.size(), 2u);
  std::size_t accepted = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    try {
      container::parse_packed(std::string_view(whole).substr(0, size), part);
      ++accepted;  // ends where one of them does
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::model);
    }
  }
  EXPECT_EQ(accepted, 2u);
  EXPECT_THROW(container::parse_packed(container::packed_entry(packed_set(), 1), part), Error);
  Random random(5);
  for (int i = 0; i < 2000; ++i) {
    std::string damaged = whole;
    damaged[random.below(damaged.size())] = char(random.below(256));
    try {
      container::parse_packed(damaged, part);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::model);
    }
  }
}

TEST(Container, TensorsLieAlignedInTheMappedFile) {
  const fs::path path = fs::path(testing::TempDir()) / "aligned.strata";
  save_container(product(find_encoding("i4_group32").encode(random_tensor({40, 12}, 2), 1)), path);
  const MappedFile file = MappedFile::open(path);
  const ir::Graph graph = load(file);
  const auto& parts = graph.value(*graph.find_value("w")).constant->parts;
  ASSERT_EQ(parts.size(), 2u);
  for (const Tensor& part : parts) {
    const auto* const at = static_cast<const std::byte*>(part.raw());
    EXPECT_GE(at, file.bytes().data());
    EXPECT_LE(at + part.size_bytes(), file.bytes().data() + file.bytes().size());
    EXPECT_EQ((at - file.bytes().data()) % 64, 0);
  }
  fs::remove(path);
}

TEST(Container, SharedBytesAreWrittenOnce) {
  ir::Graph graph = product(EncodedTensor(random_tensor({64, 64}, 3)));
  const std::int64_t once = container_size(graph);
  graph.add_constant("again", *graph.value(*graph.find_value("w")).constant);
  EXPECT_LT(container_size(graph), once + 256);
  EXPECT_TRUE(ir::identical(read(container_bytes(graph)), graph));
}

TEST(Container, KeepsWhatTheModelSaysOfItself) {
  ModelInfo info;
  info.producer = "pytorch";
  info.producer_version = "2.1";
  info.version = 7;
  info.description = "a network\nof two lines";
  info.metadata = {{"licence", "MIT"}, {":odd", "key"}, {"", ""}, {"licence", "twice"}};
  const std::string bytes = container_bytes(product(EncodedTensor(random_tensor({3, 4}, 4))), info);
  const ModelInfo read = model_info(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(read.producer, info.producer);
  EXPECT_EQ(read.producer_version, info.producer_version);
  EXPECT_EQ(read.version, info.version);
  EXPECT_EQ(read.description, info.description);
  EXPECT_EQ(read.metadata, info.metadata);
}

// What the fuzzer starts from: files, some of them damaged.
TEST(Container, CorpusGivesGraphsOrErrors) {
  std::size_t graphs = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(STRATA_SOURCE_DIR) / "tests/corpus/container")) {
    if (entry.path().extension() != ".strata") continue;
    try {
      const ir::Graph graph = load(entry.path());
      EXPECT_TRUE(ir::identical(read(container_bytes(graph)), graph)) << entry.path();
      ++graphs;
    } catch (const Error& error) {
      EXPECT_NE(error.code(), ErrorCode::internal) << entry.path() << ": " << error.what();
      EXPECT_TRUE(entry.path().filename().string().starts_with("bad_")) << error.what();
    }
  }
  EXPECT_GE(graphs, 5u);
}

class Damaged : public testing::Test {
 protected:
  // Two parts: 480 codes of 4 bits, 12 x 2 scales.
  const std::string good =
      container_bytes(product(find_encoding("i4_group32").encode(random_tensor({40, 12}, 5), 1)));
  const Header header = header_of(good);

  void expect_refused(ErrorCode code, std::string_view text, const std::string& bytes) {
    expect_error(code, text, [&] { read(bytes); });
  }
  void expect_refused(std::string_view text, const Header& changed) {
    expect_refused(ErrorCode::model, text, with_header(good, changed));
  }
};

TEST_F(Damaged, FileIsRefusedWherever) {
  for (std::size_t size = magic.size(); size < good.size(); ++size) {
    EXPECT_THROW(read(good.substr(0, size)), Error) << size;
  }
  const std::size_t head =
      std::size_t(magic.size() + sizeof header + sizeof(PartRow) * header.parts + header.info_size +
                  header.text_stored);
  for (std::size_t i = 0; i < head; ++i) {
    std::string bytes = good;
    bytes[i] = char(bytes[i] ^ 0x10);
    EXPECT_THROW(read(bytes), Error) << i;
  }
}

TEST_F(Damaged, ChecksumIsOverTheHead) {
  std::string bytes = good;
  bytes[std::size_t(magic.size() + sizeof header + sizeof(PartRow) * header.parts + 3)] ^= 1;
  expect_refused(ErrorCode::model, "it is damaged", bytes);
}

TEST_F(Damaged, EveryByteOfTheWeightsIsHeld) {
  for (std::size_t part = 0; part < 2; ++part) {
    const PartRow row = row_of(good, part);
    for (std::uint64_t at = row.offset; at < row.offset + row.size; ++at) {
      std::string bytes = good;
      bytes[std::size_t(at)] = char(bytes[std::size_t(at)] ^ 1);
      expect_refused(ErrorCode::model, fmt::format("part {} (", part), bytes);
    }
  }
  // A checksum that was changed instead.
  std::string bytes = good;
  bytes[magic.size() + sizeof header + 16] ^= 1;
  expect_refused(ErrorCode::model, "part 0 (240 bytes at", with_header(bytes, header));
}

// Reading many weights to see whether they are whole would undo mapping them.
TEST(Container, ManyWeightsAreVerifiedOnDemand) {
  const std::int64_t rows = std::int64_t(container::always_verified) / 4096 + 1;
  std::string bytes =
      container_bytes(product(EncodedTensor(Tensor::zeros(DType::f32, {rows, 1024}))));
  LoadOptions verify;
  verify.verify = true;
  const auto content = [&] { return std::as_bytes(std::span(bytes)); };
  EXPECT_NO_THROW(load(content(), verify));
  bytes.back() = 1;
  EXPECT_NO_THROW(load(content()));
  expect_error(ErrorCode::model, "it is damaged", [&] { load(content(), verify); });
}

TEST_F(Damaged, OtherVersionsAreRefusedClearly) {
  Header other = header;
  other.version = 1;
  expect_refused(ErrorCode::unsupported, "a container of version 1, this Strata reads version 2",
                 with_header(good, other));
}

TEST_F(Damaged, LengthIsHeld) {
  expect_refused(ErrorCode::model, "it is cut off", good.substr(0, good.size() - 1));
  expect_refused(ErrorCode::model, "followed by something else", good + "x");
  expect_refused(ErrorCode::model, "bytes wanted", good.substr(0, 20));
}

TEST_F(Damaged, SizesInTheHeaderAreHeld) {
  Header changed = header;
  changed.parts = 0xffffffff;
  expect_refused("bytes wanted", changed);
  changed = header;
  changed.info_size = ~std::uint64_t(0);
  expect_refused("bytes wanted", changed);
  changed = header;
  changed.text_stored = ~std::uint64_t(0) - 8;
  expect_refused("bytes wanted", changed);
  changed = header;
  changed.text_size = std::uint64_t(1) << 40;
  expect_refused("stored ones, at most", changed);
  changed = header;
  changed.text_size += 1;
  expect_refused("the file says", changed);
  changed = header;
  changed.text_size -= 1;
  expect_refused("the graph's text", changed);
}

TEST_F(Damaged, PartsAreHeld) {
  const auto [offset, size, checksum] = row_of(good, 0);
  const auto refuse = [&](std::string_view text, std::size_t part, std::uint64_t at,
                          std::uint64_t bytes) {
    expect_refused(ErrorCode::model, text, with_part(good, part, at, bytes));
  };
  refuse("expected a multiple of 64", 0, offset + 1, size);
  refuse("part 0", 0, 0, size);                         // over the header
  refuse("part 1", 1, offset, 96);                      // over part 0
  refuse("part 0", 0, offset, ~std::uint64_t(0));       // wraps
  refuse("part 0", 0, std::uint64_t(1) << 62, 64);      // outside
  refuse("part 1", 1, offset + 64 * 4, good.size());    // beyond the end
  refuse("part 0 has 239 bytes", 0, offset, size - 1);  // less than the shape says
}

TEST_F(Damaged, TextIsHeld) {
  ir::Graph graph = product(EncodedTensor(random_tensor({40, 12}, 6)));
  expect_error(ErrorCode::model, "a part of a container, and this text stands alone", [&] {
    std::vector<Tensor> parts;
    ir::TextOptions options;
    options.parts = &parts;
    ir::parse_text(ir::to_text(graph, options));
  });
}

TEST_F(Damaged, BoolsAndCodesHaveNoOtherBits) {
  for (const DType type : {DType::boolean, DType::i4}) {
    Tensor wrong = Tensor::zeros(type, Shape{40});
    ir::Graph graph;
    const ir::ValueId x = graph.add_input("x", {DType::f32, {Dim(2)}});
    graph.add_constant("c", EncodedTensor(wrong));
    graph.outputs = {ir::Builder(graph).op("Relu", {x}, {}, "relu")};
    std::string bytes = container_bytes(graph);
    EXPECT_NO_THROW(read(bytes));
    bytes.back() = 0x20;
    const PartRow row = row_of(bytes, 0);
    bytes = with_part(bytes, 0, row.offset, row.size);
    expect_error(ErrorCode::model, "byte 39 is 32, no code of type", [&] { read(bytes); });
  }
}

TEST(Container, DecompressionIsBounded) {
  // A text of blanks shrinks ten thousandfold.
  const ir::Graph graph = product(EncodedTensor(random_tensor({3, 4}, 7)));
  ir::Graph long_name = graph;
  long_name.name = std::string(std::size_t(8) << 20, ' ');
  expect_error(ErrorCode::model, "stored ones, at most", [&] { read(container_bytes(long_name)); });
}

TEST(Container, SuffixDoesNotMatterButTheBytes) {
  const fs::path path = fs::path(testing::TempDir()) / "renamed.onnx";
  const ir::Graph graph = product(EncodedTensor(random_tensor({3, 4}, 8)));
  save_container(graph, path);
  EXPECT_TRUE(ir::identical(load(path), graph));
  fs::remove(path);
}

}  // namespace
}  // namespace strata::formats
