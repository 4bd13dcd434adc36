#include "strata/data/labels.hpp"

#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::data {
namespace {

TEST(Labels, ReadsRawFilesAndArrays) {
  const std::string_view text("\x01\x00\x02\x01", 4);
  EXPECT_EQ(parse_labels(bytes_of(text), DType::u8), (std::vector<std::int32_t>{1, 0, 2, 1}));
  EXPECT_EQ(parse_labels(bytes_of(text), DType::u16), (std::vector<std::int32_t>{1, 258}));
  EXPECT_EQ(labels_from(Tensor::from<std::int64_t>({2, 1}, {3, 4})),
            (std::vector<std::int32_t>{3, 4}));
  expect_error(ErrorCode::model, "4 bytes are no whole number of i64 labels",
               [&] { parse_labels(bytes_of(text), DType::i64); });
  expect_error(ErrorCode::model, "label 1: class -1", [] {
    labels_from(Tensor::from<std::int32_t>({2}, {0, -1}));
  });
  expect_error(ErrorCode::model, "labels are f32[1]",
               [] { labels_from(Tensor::from<float>({1}, {0})); });
  expect_error(ErrorCode::model, "labels are u8[1,2]", [] {
    labels_from(Tensor::zeros(DType::u8, {1, 2}));
  });
}

TEST(LabelTable, FindsClassesByKeysInNames) {
  const LabelTable table = LabelTable::parse(
      "class_index,wnid,name\n0,n01440764,tench\r\n2,n01484850,\"shark, \"\"great\"\" white\"\n");
  EXPECT_EQ(table.label_of("0002_n01484850.jpg"), 2);
  EXPECT_EQ(table.label_of("val/n01440764/x.JPEG"), 0);
  EXPECT_EQ(table.class_names(), (std::vector<std::string>{"tench", "", "shark, \"great\" white"}));
  expect_error(ErrorCode::model, "picture 0000.jpg: the table",
               [&] { table.label_of("0000.jpg"); });
  expect_error(ErrorCode::model, "classes 0 and 2 both fit",
               [&] { table.label_of("n01440764_n01484850.jpg"); });
}

TEST(LabelTable, FindsClassesByFile) {
  const LabelTable table = LabelTable::parse(
      "\xef\xbb\xbf"
      "File,Label,camera\na/x.png,1,9\ny.png,0,9\n");
  EXPECT_EQ(table.label_of("a/x.png"), 1);
  EXPECT_EQ(table.label_of("b/y.png"), 0);
  EXPECT_TRUE(table.class_names().empty());
  expect_error(ErrorCode::model, "picture b/x.png", [&] { table.label_of("b/x.png"); });
}

TEST(LabelTable, FindsClassesByNumber) {
  const LabelTable table = LabelTable::parse("index,name\n7,seven\n12,twelve\n");
  EXPECT_EQ(table.label_of("folder/0007_a.png"), 7);
  EXPECT_EQ(table.label_of("12.png"), 12);
  expect_error(ErrorCode::model, "picture 8.png", [&] { table.label_of("8.png"); });
  expect_error(ErrorCode::model, "picture x7.png", [&] { table.label_of("x7.png"); });
}

TEST(LabelTable, RefusesWithTheLine) {
  const auto expect = [](std::string_view part, std::string_view csv) {
    expect_error(ErrorCode::model, part, [&] { LabelTable::parse(csv); });
  };
  expect("no header line", "\n\n");
  expect("line 1: one column named label", "file,name\nx,y\n");
  expect("line 1: one column named label", "label,class\n1,2\n");
  expect("line 2: 1 fields, 2 expected", "file,label\nx\n");
  expect("line 3: class '1x', a number", "file,label\na,1\nb,1x\n");
  expect("line 2: class -1", "file,label\na,-1\n");
  expect("line 2: class 99999999999", "file,label\na,99999999999\n");
  expect("line 2: quotes without end", "file,label\n\"a,1\n");
  expect("line 3: 'a' stands for class 1 and for class 2", "file,label\na,1\na,2\n");
}

TEST(LabelsByFolder, NumbersFoldersInOrder) {
  const std::vector<std::string> paths{"t/dog/1.png", "t/cat/1.png", "t/dog/2.png"};
  const auto plain = labels_by_folder(paths, {});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->labels, (std::vector<std::int32_t>{1, 0, 1}));
  EXPECT_EQ(plain->class_names, (std::vector<std::string>{"cat", "dog"}));

  const auto by_name = labels_by_folder(paths, {"bird", "dog", "cat"});
  EXPECT_EQ(by_name->labels, (std::vector<std::int32_t>{1, 2, 1}));
  const auto by_order = labels_by_folder(paths, {"Katze", "Hund"});
  EXPECT_EQ(by_order->labels, (std::vector<std::int32_t>{1, 0, 1}));
  EXPECT_EQ(by_order->class_names, (std::vector<std::string>{"Katze", "Hund"}));
  expect_error(ErrorCode::model, "2 class folders such as 'cat'", [&] {
    labels_by_folder(paths, {"a", "b", "c"});
  });
}

TEST(LabelsByFolder, NeedsAllPicturesInFolders) {
  EXPECT_FALSE(labels_by_folder(std::vector<std::string>{"a.png", "b.png"}, {}));
  expect_error(ErrorCode::model, "picture b.png lies in no class folder", [] {
    labels_by_folder(std::vector<std::string>{"x/a.png", "b.png"}, {});
  });
}

}  // namespace
}  // namespace strata::data
