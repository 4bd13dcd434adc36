#include "strata/data/idx.hpp"

#include "strata/data/dataset.hpp"
#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::data {
namespace {

using namespace std::string_literals;

/// Three pictures of 2 x 2 pixels, 0 to 11.
const std::string pictures =
    "\x00\x00\x08\x03\x00\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00\x02"
    "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"s;
const std::string labels = "\x00\x00\x08\x01\x00\x00\x00\x03\x07\x01\x02"s;

std::vector<float> item(const Dataset& dataset, std::int64_t index) {
  std::vector<float> values(static_cast<std::size_t>(dataset.item_shape().elements()));
  dataset.read(index, values.data());
  return values;
}

TEST(Idx, ReadsEveryTypeBigEndian) {
  const Tensor u8 = parse_idx(bytes_of(pictures));
  EXPECT_EQ(u8.dtype(), DType::u8);
  EXPECT_EQ(u8.shape(), (Shape{3, 2, 2}));
  EXPECT_EQ(u8.to_int64().back(), 11);
  EXPECT_EQ(parse_idx(bytes_of("\0\0\x09\1\0\0\0\1\xfe"s)).to_int64()[0], -2);
  EXPECT_EQ(parse_idx(bytes_of("\0\0\x0b\1\0\0\0\1\xff\xfe"s)).to_int64()[0], -2);
  EXPECT_EQ(parse_idx(bytes_of("\0\0\x0c\1\0\0\0\1\0\1\0\2"s)).to_int64()[0], 65538);
  EXPECT_EQ(parse_idx(bytes_of("\0\0\x0d\1\0\0\0\1\x40\x20\0\0"s)).to_float()[0], 2.5f);
  EXPECT_EQ(parse_idx(bytes_of("\0\0\x0e\1\0\0\0\1\x40\4\0\0\0\0\0\0"s)).to_float()[0], 2.5f);
}

TEST(Idx, IsToldByItsName) {
  for (const char* name : {"x.idx", "t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte",
                           "train-labels-idx1-ubyte.gz", "x.idx.zst"}) {
    EXPECT_TRUE(has_idx_name(name)) << name;
  }
  for (const char* name : {"x.idxs", "idx", "vidx3", "x-idx.bin", "labels.bin"}) {
    EXPECT_FALSE(has_idx_name(name)) << name;
  }
}

TEST(Idx, SurvivesDamage) {
  expect_prefixes_refused(pictures, parse_idx);
  expect_no_defect(pictures, parse_idx);
  const auto expect = [](std::string_view part, const std::string& bytes) {
    expect_error(ErrorCode::model, part, [&] { parse_idx(bytes_of(bytes)); });
  };
  expect("not an idx file", "\1\0\x08\1\0\0\0\0"s);
  expect("not an idx file", "\0\0\x0a\1\0\0\0\0"s);
  expect("at byte 3: 0 axes", "\0\0\x08\0"s);
  expect("at byte 3: 9 axes", "\0\0\x08\x09"s + std::string(36, '\0'));
  expect("needs too many bytes",
         "\0\0\x0e\4\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s);
  expect("needs 12 bytes, 13 are there",
         pictures.substr(0, 4) + "\0\0\0\3"s + pictures.substr(8) + "x"s);
  expect("needs 4294967295 bytes, 0 are there", "\0\0\x08\1\xff\xff\xff\xff"s);
}

TEST(Idx, IsPicturesWithTheLabelsBesideThem) {
  const Folder folder;
  folder.add("t-labels-idx1-ubyte", labels);
  DatasetOptions options;
  for (const Shape& shape : {Shape{1, 2, 2}, Shape{2, 2, 1}, Shape{2, 2}}) {
    options.item_shape = shape;
    const auto dataset = open_dataset(folder.add("t-images-idx3-ubyte", pictures), options);
    EXPECT_EQ(dataset->size(), 3);
    EXPECT_EQ(dataset->item_shape(), shape);
    EXPECT_EQ(dataset->label(0), 7);
    EXPECT_EQ(item(*dataset, 1), (std::vector<float>{4, 5, 6, 7}));
    EXPECT_TRUE(dataset->bare_pixels());
  }
  options.item_shape = Shape{3, 1, 1};
  options.image_keys = {{"size", "1,1"}, {"channels", "rgb"}, {"divide", "10"}};
  const auto dataset = open_dataset(folder / "t-images-idx3-ubyte", options);
  EXPECT_EQ(item(*dataset, 0).size(), 3u);
  folder.add("t-labels-idx1-ubyte", labels.substr(0, 7) + "\1\7"s);
  expect_error(ErrorCode::model, "1 labels for 3 records",
               [&] { open_dataset(folder / "t-images-idx3-ubyte", options); });
}

TEST(Idx, IsReadCompressed) {
  const Folder folder;
  const auto path = folder.add("p.idx.gz", corpus("idx/pictures.idx.gz"));
  DatasetOptions options;
  options.item_shape = Shape{1, 2, 2};
  options.labels = folder.add("l.idx", labels);
  const auto dataset = open_dataset(path, options);
  EXPECT_EQ(dataset->label(1), 1);
  EXPECT_EQ(item(*dataset, 0), (std::vector<float>{0, 1, 2, 3}));
  const std::string whole = corpus("idx/pictures.idx.gz");
  for (std::size_t size = 0; size + 8 < whole.size(); ++size) {  // 8: checksum and size
    folder.add("p.idx.gz", whole.substr(0, size));
    EXPECT_THROW(open_dataset(path, options), Error) << size;
  }
  folder.add("p.idx.gz", pictures);
  expect_error(ErrorCode::model, "not compressed as the name ending in .gz says",
               [&] { open_dataset(path, options); });
}

}  // namespace
}  // namespace strata::data
