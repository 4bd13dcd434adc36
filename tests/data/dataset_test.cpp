#include "strata/data/dataset.hpp"

#include <cstring>
#include <thread>

#include "strata/data/archive.hpp"
#include "strata/data/npy.hpp"
#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::data {
namespace {

std::vector<float> item(const Dataset& dataset, std::int64_t index) {
  std::vector<float> values(static_cast<std::size_t>(dataset.item_shape().elements()));
  EXPECT_EQ(values.size() * sizeof(float), dataset.item_bytes());
  dataset.read(index, values.data());
  return values;
}

constexpr std::string_view records_head = "[records]\nfile = ['a.bin', 'b.bin']\n";

TEST(Records, AreScaledAndLabelled) {
  const Folder folder;
  folder.add("a.bin", std::string("\x00\x01\xff\x80", 4));
  folder.add("b.bin", "\x05\x06");
  folder.add("l", std::string("\x00\x01\x01", 3));
  folder.add("classes.txt", "no\nyes\n");
  folder.add("dataset.toml", std::string(records_head) +
                                 "dtype = 'i8'\nshape = [1, 2]\nscale = 0.5\nzero_point = 1\n"
                                 "[labels]\nfile = 'l'\nclasses = 'classes.txt'\n");
  const auto dataset = open_dataset(folder.path());
  EXPECT_EQ(dataset->size(), 3);
  EXPECT_EQ(dataset->item_shape(), (Shape{1, 2}));
  EXPECT_EQ(dataset->description(), "records i8[1,2]");
  EXPECT_EQ(item(*dataset, 0), (std::vector<float>{-0.5, 0}));
  EXPECT_EQ(item(*dataset, 1), (std::vector<float>{-1, -64.5}));
  EXPECT_EQ(item(*dataset, 2), (std::vector<float>{2, 2.5}));
  EXPECT_EQ(dataset->label(2), 1);
  EXPECT_EQ(class_name(dataset->class_names(), 1), "yes");
  EXPECT_EQ(class_name(dataset->class_names(), 2), "class 2");
}

TEST(Records, CarryTheirLabelsAndAreNormalized) {
  const Folder folder;
  folder.add("a.bin", "\x01\x0a\x14\x02\x1e\x28");
  const auto path = folder.add("x.toml", R"([records]
file = "a.bin"
dtype = "u8"
shape = [2, 1]
label = "u8"
[image]
divide = 10
mean = [1, 2]
std = [0.5, 0.25]
)");
  const auto dataset = open_dataset(path);
  EXPECT_EQ(dataset->label(0), 1);
  EXPECT_EQ(dataset->label(1), 2);
  EXPECT_EQ(item(*dataset, 0), (std::vector<float>{0, 0}));
  EXPECT_EQ(item(*dataset, 1), (std::vector<float>{4, 8}));
}

TEST(Records, GoUnchangedIntoIntegerInputs) {
  const Folder folder;
  folder.add("a.bin", "\x01\x02\x03\x04");
  const std::string text = "[records]\nfile = 'a.bin'\ndtype = 'i16'\nshape = [2]\n";
  const auto path = folder.add("x.toml", text);
  DatasetOptions options;
  options.dtype = DType::i16;
  const auto dataset = open_dataset(path, options);
  std::int16_t values[2];
  dataset->read(0, values);
  EXPECT_EQ(values[0], 0x0201);
  EXPECT_EQ(values[1], 0x0403);
  EXPECT_FALSE(dataset->labelled());

  folder.add("x.toml", text + "scale = 2.0\n");
  expect_error(ErrorCode::usage, "without scale", [&] { open_dataset(path, options); });
  folder.add("x.toml", text);
  options.dtype = DType::i32;
  expect_error(ErrorCode::usage, "they are i16", [&] { open_dataset(path, options); });
}

TEST(Records, AreQuantizedWhereTheModelSaysHow) {
  const Folder folder;
  folder.add("a.bin", std::string("\x00\x01\x02\xfe", 4));
  const std::string text = "[records]\nfile = 'a.bin'\ndtype = 'i8'\nshape = [4]\n";
  DatasetOptions options;
  options.dtype = DType::i8;
  options.grid = Grid{0.5f, 3};
  const auto codes = [&](const std::string& keys) {
    const auto dataset = open_dataset(folder.add("x.toml", text + keys), options);
    std::int8_t out[4];
    dataset->read(0, out);
    return std::vector<int>(out, out + 4);
  };
  EXPECT_EQ(codes(""), (std::vector<int>{0, 1, 2, -2})) << "of the model's type: as they are";
  EXPECT_EQ(codes("scale = 0.5\nzero_point = 3\n"), (std::vector<int>{0, 1, 2, -2})) << "as is";
  EXPECT_EQ(codes("scale = 1.0\nzero_point = 3\n"), (std::vector<int>{-3, -1, 1, -7}));
  EXPECT_EQ(codes("scale = 0.25\n"), (std::vector<int>{3, 3, 4, 2})) << "ties go to even";
  EXPECT_EQ(codes("scale = 1000.0\n"), (std::vector<int>{3, 127, 127, -128})) << "saturated";
  EXPECT_EQ(codes("[image]\ndivide = 2\n"), (std::vector<int>{3, 4, 5, 1}));
}

TEST(Records, AreReadCompressedWithLabelsOfACsv) {
  const Folder folder;
  folder.add("a.s16.gz", corpus("idx/pictures.idx.gz"));  // 28 bytes
  folder.add("l.csv", "index,word,kwt\n0,no,3\n1,\"yes, yes\",4\n");
  const std::string text =
      "[records]\nfile = 'a.s16.gz'\ndtype = 'i16'\nshape = [7]\n[labels]\nfile = 'l.csv'\n";
  const auto dataset = open_dataset(folder.add("x.toml", text + "column = 'kwt'\noffset = -3\n"));
  ASSERT_EQ(dataset->size(), 2);
  EXPECT_EQ(dataset->label(0), 0);
  EXPECT_EQ(dataset->label(1), 1);
  EXPECT_EQ(item(*dataset, 0)[1], 0x0308);
  expect_error(ErrorCode::model, "line 1: no column 'kwd', there are index, word, kwt",
               [&] { open_dataset(folder.add("x.toml", text + "column = 'kwd'\n")); });
  expect_error(ErrorCode::model, "line 2: class 'no', a number expected",
               [&] { open_dataset(folder.add("x.toml", text + "column = 'word'\n")); });
  expect_error(ErrorCode::model, "class -1",
               [&] { open_dataset(folder.add("x.toml", text + "column = 'kwt'\noffset = -4\n")); });
}

TEST(Records, AreCheckedAgainstFilesLabelsAndModel) {
  const Folder folder;
  folder.add("a.bin", "abcd");
  folder.add("b.bin", "abc");
  folder.add("l", "\x01");
  folder.add("classes.txt", "only\n");
  const std::string one = "[records]\nfile = 'a.bin'\ndtype = 'u8'\nshape = [4]\n";
  const auto expect = [&](ErrorCode code, std::string_view part, const std::string& text,
                          const DatasetOptions& options = {}) {
    const auto path = folder.add("x.toml", text);
    expect_error(code, part, [&] { open_dataset(path, options); });
  };
  expect(ErrorCode::model, "records b.bin: 3 bytes are no whole number of records of 2",
         std::string(records_head) + "dtype = 'u8'\nshape = [2]\n");
  expect(ErrorCode::model, "too large",
         "[records]\nfile = 'a.bin'\ndtype = 'u8'\n"
         "shape = [1048576, 1048576, 1048576]\n");
  expect(ErrorCode::model, "1 labels for 2 records",
         "[records]\nfile = 'a.bin'\ndtype = 'u8'\nshape = [2]\n[labels]\nfile = 'l'\n");
  expect(ErrorCode::model, "record 0: class 1, there are 1 classes",
         one + "[labels]\nfile = 'l'\nclasses = 'classes.txt'\n");
  expect(ErrorCode::io, "labels missing", one + "[labels]\nfile = 'missing'\n");
  for (const std::string_view outside : {"../a.bin", "/etc/passwd", "./a.bin", ""}) {
    expect(ErrorCode::model, "expected a relative path",
           fmt::format("[records]\nfile = '{}'\ndtype = 'u8'\nshape = [4]\n", outside));
  }
  std::filesystem::create_symlink("/etc/passwd", folder / "link");
  EXPECT_THROW(open_dataset(folder.add("x.toml",
                                       "[records]\nfile = 'link'\ndtype = 'u8'\n"
                                       "shape = [1]\n")),
               Error);
  DatasetOptions options;
  options.item_shape = Shape{2, 2};
  expect(ErrorCode::usage, "items are [4], the model takes [2,2]", one, options);
}

TEST(Array, PairsInputsWithLabels) {
  const Folder folder;
  write_npy(folder / "x.npy", Tensor::from<double>({2, 3}, {1, 2, 3, 4, 5, 6}));
  write_npy(folder / "y.npy", Tensor::from<std::int64_t>({2}, {7, 8}));
  DatasetOptions options;
  options.labels = folder / "y.npy";
  const auto dataset = open_dataset(folder / "x.npy", options);
  EXPECT_EQ(item(*dataset, 1), (std::vector<float>{4, 5, 6}));
  EXPECT_EQ(dataset->label(1), 8);
  write_npy(folder / "y.npy", Tensor::from<std::int64_t>({1}, {7}));
  expect_error(ErrorCode::model, "1 labels for 2 records",
               [&] { open_dataset(folder / "x.npy", options); });
  write_npy(folder / "x.npy", Tensor::scalar(1.0f));
  expect_error(ErrorCode::model, "a scalar", [&] { open_dataset(folder / "x.npy"); });
}

TEST(Cifar, ReadsPlanesAsPictures) {
  const Folder folder;
  std::string records;
  for (int label = 0; label < 2; ++label) {
    records += char(label);
    for (int c = 0; c < 3; ++c) records.append(1024, char(10 * (c + 1) + label));
  }
  const auto path = folder.add("x.bin", records);
  DatasetOptions options;
  options.item_shape = Shape{3, 32, 32};
  options.image_keys = {{"channels", "bgr"}, {"divide", "10"}};
  const auto dataset = open_dataset(path, options);
  ASSERT_EQ(dataset->size(), 2);
  EXPECT_EQ(dataset->label(1), 1);
  const std::vector<float> values = item(*dataset, 1);
  EXPECT_EQ(values[0], 31 / 10.0f);
  EXPECT_EQ(values[3071], 11 / 10.0f);
  folder.add("x.bin", records + "x");
  expect_error(ErrorCode::model, "no whole number of CIFAR-10 records",
               [&] { open_dataset(path, options); });
  records[0] = 10;
  folder.add("x.bin", records);
  expect_error(ErrorCode::model, "record 0: class 10", [&] { open_dataset(path, options); });
}

/// Options for pictures of 5 x 3 pixels, without preprocessing.
DatasetOptions small_pictures() {
  DatasetOptions options;
  options.item_shape = Shape{3, 3, 5};
  return options;
}

TEST(Pictures, AreClassedByFolder) {
  const Folder folder;
  folder.add("dog/b.png", corpus("picture/rgb.png"));
  folder.add("cat/a.bmp", corpus("picture/rgb.bmp"));
  folder.add("cat/notes.txt", "not a picture");
  const auto dataset = open_dataset(folder.path(), small_pictures());
  ASSERT_EQ(dataset->size(), 2);
  EXPECT_EQ(dataset->item_name(0), "cat/a.bmp");
  EXPECT_EQ(dataset->label(1), 1);
  EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(item(*dataset, 0), item(*dataset, 1));
}

TEST(Pictures, GoIntoIntegerInputs) {
  const Folder folder;
  folder.add("a.png", corpus("picture/rgb.png"));
  DatasetOptions options = small_pictures();
  const auto floats = item(*open_dataset(folder.path(), options), 0);
  const auto codes = [&](DType dtype, const std::optional<Grid>& grid) {
    options.dtype = dtype;
    options.grid = grid;
    Tensor out = Tensor::zeros(dtype, *options.item_shape);
    open_dataset(folder.path(), options)->read(0, out.mutable_raw());
    return out.to_int64();
  };
  const auto bytes = codes(DType::u8, Grid{0x1p-7f, 128});
  const auto signed_bytes = codes(DType::i8, std::nullopt);
  options.image_keys = {{"divide", "255"}};
  const auto whole = codes(DType::i8, Grid{1 / 255.0f, -128});
  for (std::size_t i = 0; i < floats.size(); ++i) {
    EXPECT_EQ(bytes[i], std::int64_t(floats[i]));
    EXPECT_EQ(signed_bytes[i], bytes[i] - 128);
    EXPECT_EQ(whole[i], bytes[i] - 128);
  }
  expect_error(ErrorCode::usage, "does not say what its integers stand for",
               [&] { codes(DType::i8, std::nullopt); });
}

TEST(Pictures, TakeLayoutAndChannelsFromTheModel) {
  const Folder folder;
  folder.add("a.png", corpus("picture/rgb.png"));
  DatasetOptions options;
  for (const Shape& shape : {Shape{3, 3, 5}, Shape{3, 5, 3}, Shape{3, 5, 1}, Shape{1, 3, 5}}) {
    options.item_shape = shape;
    EXPECT_EQ(open_dataset(folder.path(), options)->item_shape(), shape);
  }
  options.image_keys = {{"layout", "nchw"}};
  options.item_shape = Shape{3, 5, 3};
  EXPECT_THROW(item(*open_dataset(folder.path(), options), 0), Error);
}

TEST(Pictures, AreClassedByCsv) {
  const Folder folder;
  folder.add("0002_n02.png", corpus("picture/rgb.png"));
  DatasetOptions options = small_pictures();
  options.labels = folder.add("x.csv", "class_index,wnid,name\n2,n02,shark\n");
  const auto dataset = open_dataset(folder.path(), options);
  EXPECT_EQ(dataset->label(0), 2);
  EXPECT_EQ(class_name(dataset->class_names(), 2), "shark");
}

TEST(Pictures, AreReadFromArchivesWithoutExtracting) {
  const Folder folder;
  for (const std::string_view name : {"two.tar", "two.tar.gz", "two.zip"}) {
    const auto path = folder.add(name, corpus("archive/" + std::string(name)));
    const auto dataset = open_dataset(path, small_pictures());
    ASSERT_EQ(dataset->size(), 2) << name;  // the symbolic link is no picture
    EXPECT_EQ(dataset->label(0), 0);
    EXPECT_EQ(dataset->label(1), 1);
    EXPECT_EQ(item(*dataset, 1)[0], 168);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "cat"));
}

TEST(Pictures, ComeWithASidecar) {
  const Folder folder;
  folder.add("two.tar", corpus("archive/two.tar"));
  const auto path = folder.add("dataset.toml",
                               "[pictures]\narchive = 'two.tar'\n"
                               "[image]\nsize = [1, 2]\nlayout = 'nhwc'\n");
  EXPECT_EQ(open_dataset(path)->item_shape(), (Shape{1, 2, 3}));
  // What the command line says goes before it.
  DatasetOptions options;
  options.image_keys = {{"size", "4,4"}, {"channels", "gray"}};
  EXPECT_EQ(open_dataset(path, options)->item_shape(), (Shape{4, 4, 1}));
  options.preprocess = folder.add("p.toml", "[image]\nlayout = 'nchw'\n");
  EXPECT_EQ(open_dataset(path, options)->item_shape(), (Shape{1, 4, 4}));
}

TEST(Pictures, UseTheSidecarBesideTheModel) {
  const Folder folder;
  folder.add("model/preprocess.toml", "[image]\nsize = [2, 2]\n[labels]\nclasses = 'c.txt'\n");
  folder.add("model/c.txt", "a\nb\n");
  DatasetOptions options;
  options.model = folder / "model/net.onnx";
  const auto path = folder.add("x.png", corpus("picture/rgb.png"));
  const auto pictures = open_listed({path.string()}, options);
  EXPECT_EQ(pictures->item_shape(), (Shape{3, 2, 2}));
  EXPECT_FALSE(pictures->labelled());
  EXPECT_EQ(find_class_names(options), (std::vector<std::string>{"a", "b"}));
}

TEST(Pictures, CountClassesAsTheModelDoes) {
  const Folder folder;
  folder.add("data/a.png", corpus("picture/rgb.png"));
  const auto labels = folder.add("labels.csv", "file,label\na.png,3\n");
  DatasetOptions options = small_pictures();
  options.labels = labels;
  EXPECT_EQ(open_dataset(folder / "data", options)->label(0), 3);
  // The background comes first: said beside the model, or by the file that is named.
  options.model = folder / "model/net.onnx";
  folder.add("model/preprocess.toml", "[image]\n[labels]\noffset = 1\n");
  EXPECT_EQ(open_dataset(folder / "data", options)->label(0), 4);
  options.preprocess = folder.add("p.toml", "[labels]\noffset = 2\n");
  EXPECT_EQ(open_dataset(folder / "data", options)->label(0), 5);
}

TEST(Pictures, NameTheOneThatIsDamaged) {
  const Folder folder;
  folder.add("cat/a.png", corpus("picture/rgb.png").substr(0, 60));
  const auto dataset = open_dataset(folder.path(), small_pictures());
  std::vector<float> out(45);
  expect_error(ErrorCode::model, "cat/a.png: PNG picture: at byte",
               [&] { dataset->read(0, out.data()); });
  const Folder empty;
  expect_error(ErrorCode::model, "no pictures",
               [&] { open_dataset(empty.path(), small_pictures()); });
}

TEST(Dataset, IsReadByManyThreads) {
  const Folder folder;
  folder.add("two.tar", corpus("archive/two.tar"));
  const auto dataset = open_dataset(folder / "two.tar", small_pictures());
  const std::vector<float> expected = item(*dataset, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) EXPECT_EQ(item(*dataset, i % 2), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Dataset, SaysWhatItAccepts) {
  const Folder folder;
  expect_error(ErrorCode::io, "missing.toml", [&] { open_dataset(folder / "missing.toml"); });
  expect_error(ErrorCode::io, "missing.xyz", [&] { open_dataset(folder / "missing.xyz"); });
  const auto path = folder.add("x.xyz", "?");
  expect_error(ErrorCode::usage, "unknown kind of data", [&] { open_dataset(path); });
}

bool any_name(std::string_view) { return true; }

void read_any(std::span<const std::byte> bytes) {
  read_archive({std::make_shared<int>(), bytes}, ArchiveKind::any, any_name);
}

TEST(Archive, RefusesSparseEntriesAndBombs) {
  const std::string sparse = corpus("archive/sparse.tar");
  expect_error(ErrorCode::model, "", [&] { read_any(bytes_of(sparse)); });
  const std::string zip = corpus("archive/two.zip");
  ArchiveLimits limits;
  limits.unpacked_bytes = 200;  // each of the two entries has 116
  expect_error(ErrorCode::model, "unpacks to more", [&] {
    read_archive({std::make_shared<int>(), bytes_of(zip)}, ArchiveKind::any, any_name, limits);
  });
  limits = {};
  limits.entries = 1;
  expect_error(ErrorCode::model, "more than 1 files", [&] {
    read_archive({std::make_shared<int>(), bytes_of(zip)}, ArchiveKind::any, any_name, limits);
  });
}

TEST(Archive, SurvivesDamage) {
  for (const std::string_view name : {"two.tar.gz", "two.zip", "sparse.tar"}) {
    SCOPED_TRACE(name);
    const std::string whole = corpus("archive/" + std::string(name));
    expect_prefixes_refused(whole, read_any, 0);
    expect_no_defect(whole, read_any);
  }
}

TEST(Dataset, AFolderOfOtherFilesIsToldSo) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "only_bins";
  std::filesystem::create_directories(folder);
  for (const char* name : {"a.bin", "b.bin"}) write_file(folder / name, "1234");
  try {
    open_dataset(folder);
    FAIL() << "opened";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("in this folder, but a.bin, b.bin; data in one file"),
              std::string::npos)
        << error.what();
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace strata::data
