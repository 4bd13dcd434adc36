#include "strata/formats/onnx/tensor.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/formats/model_writer.hpp"

namespace strata::formats::onnx::test {
namespace {

Tensor read(const std::string& bytes, const LoadOptions& options = {}) {
  const auto copy = std::make_shared<std::string>(bytes);
  const MappedFile file(copy, std::as_bytes(std::span(*copy)));
  return TensorReader(file, options).read(parse_tensor(Message(file.bytes())));
}

std::string error_of(const std::string& bytes, const LoadOptions& options = {}) {
  try {
    read(bytes, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

MessageWriter header(DType type, std::vector<std::int64_t> dims) {
  MessageWriter w;
  w.integers(1, dims);
  w.integer(2, element_code(type));
  return w;
}

MessageWriter external(std::vector<std::pair<std::string, std::string>> entries) {
  MessageWriter w = header(DType::f32, {2});
  for (const auto& [key, value] : entries) {
    MessageWriter entry;
    entry.text(1, key);
    entry.text(2, value);
    w.message(13, std::move(entry));
  }
  w.integer(14, 1);
  return w;
}

std::string content(MessageWriter w) { return Model::content(std::move(w)); }

TEST(TensorReader, BytesStayInTheFile) {
  const Tensor weights = Tensor::from<float>({4}, {1, 2, 3, 4});
  int aligned = 0;
  // Among four lengths of name one aligns the data.
  for (std::size_t length = 1; length <= 4; ++length) {
    const std::string bytes = content(tensor(std::string(length, 'w'), weights));
    const auto storage = std::make_shared<std::vector<double>>(bytes.size() / sizeof(double) + 1);
    std::memcpy(storage->data(), bytes.data(), bytes.size());
    const MappedFile file(storage, std::as_bytes(std::span(*storage)).first(bytes.size()));
    const Tensor result = TensorReader(file, {}).read(parse_tensor(Message(file.bytes())));
    EXPECT_TRUE(identical(result, weights));
    const auto* data = static_cast<const std::byte*>(result.raw());
    EXPECT_TRUE(data >= file.bytes().data() && data < file.bytes().data() + bytes.size());
    aligned += result.is_aligned();
  }
  EXPECT_EQ(aligned, 1);
}

TEST(TensorReader, BytesOutliveTheReader) {
  const Tensor weights = Tensor::from<std::uint8_t>({3}, {1, 2, 3});
  EXPECT_TRUE(identical(read(content(tensor("w", weights))), weights));
}

TEST(TensorReader, ListsOfNumbers) {
  MessageWriter reals = header(DType::f32, {2});
  reals.reals(4, std::vector<float>{1, 2});
  EXPECT_TRUE(identical(read(content(reals)), Tensor::from<float>({2}, {1, 2})));
  MessageWriter half = header(DType::f16, {1});
  half.integers(5, std::vector<std::int64_t>{0x3c00});
  EXPECT_EQ(read(content(half)).to_float(), std::vector<float>{1});
  MessageWriter bytes = header(DType::i8, {2});
  bytes.integers(5, std::vector<std::int64_t>{-128, 127});
  EXPECT_TRUE(identical(read(content(bytes)), Tensor::from<std::int8_t>({2}, {-128, 127})));
  MessageWriter flags = header(DType::boolean, {2});
  flags.integers(5, std::vector<std::int64_t>{1, 0});
  EXPECT_TRUE(identical(read(content(flags)), Tensor::from<bool>({2}, {true, false})));
  MessageWriter longs = header(DType::i64, {});
  longs.integers(7, std::vector<std::int64_t>{-5});
  EXPECT_TRUE(identical(read(content(longs)), Tensor::scalar<std::int64_t>(-5)));
  MessageWriter unsigned_longs = header(DType::u64, {1});
  unsigned_longs.integers(11, std::vector<std::int64_t>{-1});
  EXPECT_TRUE(identical(read(content(unsigned_longs)),
                        Tensor::from<std::uint64_t>({1}, {0xffffffffffffffff})));
}

Tensor codes(DType type, const Shape& shape, std::initializer_list<int> values) {
  Tensor tensor = Tensor::zeros(type, shape);
  std::copy(values.begin(), values.end(), static_cast<std::uint8_t*>(tensor.mutable_raw()));
  return tensor;
}

TEST(TensorReader, NarrowTypesAreUnpacked) {
  MessageWriter nibbles = header(DType::i4, {3});
  nibbles.text(9, "\x21\x0f");
  EXPECT_TRUE(identical(read(content(nibbles)), codes(DType::i4, {3}, {1, 2, 15})));
  MessageWriter pairs = header(DType::u2, {5});
  pairs.text(9, "\xe4\x01");
  EXPECT_TRUE(identical(read(content(pairs)), codes(DType::u2, {5}, {0, 1, 2, 3, 1})));
  MessageWriter sextets = header(DType::f6e2m3, {4});
  sextets.text(9, "\x7f\x20\x80");
  EXPECT_TRUE(identical(read(content(sextets)), codes(DType::f6e2m3, {4}, {63, 1, 2, 32})));
  MessageWriter bytes = header(DType::f8e4m3fn, {2});
  bytes.text(9, "\x38\xb8");
  EXPECT_EQ(read(content(bytes)).to_float(), (std::vector<float>{1, -1}));
}

TEST(TensorReader, NumbersOfListsHoldTheBitsOfNarrowTypes) {
  const auto listed = [](DType type, std::int64_t count, std::vector<std::int64_t> numbers) {
    MessageWriter w = header(type, {count});
    w.integers(5, numbers);
    return content(std::move(w));
  };
  EXPECT_TRUE(
      identical(read(listed(DType::u4, 3, {0x21, 0x0f})), codes(DType::u4, {3}, {1, 2, 15})));
  EXPECT_TRUE(identical(read(listed(DType::i2, 4, {0xe4})), codes(DType::i2, {4}, {0, 1, 2, 3})));
  EXPECT_TRUE(
      identical(read(listed(DType::f6e3m2, 2, {63, 1})), codes(DType::f6e3m2, {2}, {63, 1})));
  EXPECT_TRUE(identical(read(listed(DType::f8e8m0, 1, {255})), codes(DType::f8e8m0, {1}, {255})));
  EXPECT_EQ(error_of(listed(DType::u4, 3, {1, 2, 3})), "u4[3] has 3 numbers of data, expected 2");
  EXPECT_EQ(error_of(listed(DType::f8e5m2, 1, {256})), "256 is no 8 bits");
  EXPECT_EQ(error_of(listed(DType::f6e3m2, 1, {64})), "64 is no 6 bits");
  EXPECT_EQ(error_of(listed(DType::i4, 1, {-1})), "-1 is no 8 bits");
}

TEST(TensorReader, PackedSizesMustAgree) {
  MessageWriter w = header(DType::i4, {3});
  w.text(9, "123");
  EXPECT_EQ(error_of(content(w)), "i4[3] has 3 bytes of data, expected 2");
  MessageWriter huge = header(DType::u2, {std::int64_t(1) << 40});
  huge.text(9, "1234");
  EXPECT_EQ(error_of(content(huge)),
            "u2[1099511627776] has 4 bytes of data, expected 274877906944");
}

TEST(TensorReader, NumbersThatDoNotFit) {
  MessageWriter bytes = header(DType::i8, {1});
  bytes.integers(5, std::vector<std::int64_t>{128});
  EXPECT_EQ(error_of(content(bytes)), "128 does not fit its element type");
}

TEST(TensorReader, RawBoolsAreZeroOrOne) {
  MessageWriter w = header(DType::boolean, {3});
  w.text(9, std::string("\0\x01\x7f", 3));
  EXPECT_TRUE(identical(read(content(w)), Tensor::from<bool>({3}, {false, true, true})));
}

TEST(TensorReader, EmptyTensorsNeedNoData) {
  const Tensor result = read(content(header(DType::f32, {0, 3})));
  EXPECT_TRUE(result.present());
  EXPECT_EQ(result.shape(), (Shape{0, 3}));
}

TEST(TensorReader, SizesMustAgree) {
  MessageWriter raw = header(DType::f32, {3});
  raw.text(9, "12345678");
  EXPECT_EQ(error_of(content(raw)), "f32[3] has 8 bytes of data, expected 12");
  MessageWriter list = header(DType::f32, {3});
  list.reals(4, std::vector<float>{1});
  EXPECT_EQ(error_of(content(list)), "f32[3] has 1 elements of data, expected 3");
}

// 2^62 + 1 elements of 4 bytes are 4 bytes in 64 bits.
TEST(TensorReader, ProductsThatWrap) {
  MessageWriter w = header(DType::f32, {(std::int64_t(1) << 62) + 1});
  w.text(9, "1234");
  EXPECT_EQ(error_of(content(w)), "4611686018427387905 elements are too many");
}

TEST(TensorReader, ByteLimitCountsWhatIsDecoded) {
  MessageWriter w = header(DType::i64, {3});
  w.integers(7, std::vector<std::int64_t>{1, 2, 3});
  EXPECT_EQ(error_of(content(w), {.byte_limit = 24}), "no error");
  EXPECT_EQ(error_of(content(w), {.byte_limit = 23}),
            "constants of more than 23 bytes that cannot stay in the file");
}

class ExternalDataTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "model");
    const float values[] = {1, 2, 3, 4};
    write_file(folder_ / "model" / "w.bin",
               std::string_view(reinterpret_cast<const char*>(values), sizeof values));
    write_file(folder_ / "outside.bin", "12345678");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  LoadOptions options(ExternalData policy = ExternalData::beneath) const {
    return {.external = policy, .folder = folder_ / "model"};
  }

  std::filesystem::path folder_;
};

TEST_F(ExternalDataTest, ReadsAPart) {
  const std::string bytes =
      content(external({{"location", "w.bin"}, {"offset", "4"}, {"length", "8"}}));
  EXPECT_TRUE(identical(read(bytes, options()), Tensor::from<float>({2}, {2, 3})));
  EXPECT_TRUE(identical(read(content(external({{"location", "./w.bin"}})), options()),
                        Tensor::from<float>({2}, {1, 2})));
}

TEST_F(ExternalDataTest, RangesStayInTheFile) {
  for (const char* offset : {"12", "16", "17", "9223372036854775807"}) {
    EXPECT_NE(error_of(content(external({{"location", "w.bin"}, {"offset", offset}})), options())
                  .find("of a file of 16 bytes"),
              std::string::npos);
  }
  for (const char* offset : {"-1", "", "4x", "99999999999999999999"}) {
    EXPECT_NE(error_of(content(external({{"location", "w.bin"}, {"offset", offset}})), options())
                  .find("expected a number of bytes"),
              std::string::npos);
  }
}

TEST_F(ExternalDataTest, UnknownKeysAreRefused) {
  EXPECT_EQ(error_of(content(external({{"location", "w.bin"}, {"__class__", "x"}})), options()),
            "external data: key \"__class__\"; accepted: location, offset, length, checksum");
}

TEST_F(ExternalDataTest, NothingOutsideTheFolder) {
  std::filesystem::create_symlink(folder_ / "outside.bin", folder_ / "model" / "link.bin");
  for (const std::string& location :
       {std::string("../outside.bin"), (folder_ / "outside.bin").string(),
        std::string("a/../../outside.bin"), std::string("link.bin")}) {
    EXPECT_NE(error_of(content(external({{"location", location}})), options()), "no error")
        << location;
  }
}

TEST_F(ExternalDataTest, LinksAreFollowedOnRequest) {
  std::filesystem::create_symlink(folder_ / "outside.bin", folder_ / "model" / "link.bin");
  EXPECT_EQ(read(content(external({{"location", "link.bin"}})), options(ExternalData::follow_links))
                .size_bytes(),
            8u);
  EXPECT_NE(error_of(content(external({{"location", "../outside.bin"}})),
                     options(ExternalData::follow_links)),
            "no error");
}

TEST_F(ExternalDataTest, CanBeSwitchedOff) {
  const std::string bytes = content(external({{"location", "w.bin"}}));
  EXPECT_EQ(error_of(bytes, options(ExternalData::refuse)), "external data is switched off");
  EXPECT_EQ(error_of(bytes), "external data of a model that was not read from a file");
}

}  // namespace
}  // namespace strata::formats::onnx::test
