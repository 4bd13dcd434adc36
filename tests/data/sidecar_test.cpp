#include "strata/data/sidecar.hpp"

#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::data {
namespace {

constexpr std::string_view records_text = R"([input]
name = "x"
[records]
file = ["a.bin", "b.bin"]
dtype = "i8"
shape = [1, 49, 10]
scale = 0.5
zero_point = -3
[labels]
file = "l.bin"
dtype = "u16"
classes = "classes.txt"
)";

constexpr std::string_view pictures_text = R"([image]
resize = 256
crop = [224, 192]
interpolation = "bicubic"
channels = "bgr"
layout = "nhwc"
divide = 255
mean = [0.1, 0.2, 0.3]
std = 2.0
[pictures]
archive = "p.tar"
)";

TEST(Sidecar, ReadsEveryKey) {
  const Sidecar records = parse_sidecar(records_text, "here");
  EXPECT_EQ(records.folder, "here");
  EXPECT_EQ(records.input_name, "x");
  ASSERT_TRUE(records.records);
  EXPECT_EQ(records.records->files, (std::vector<std::string>{"a.bin", "b.bin"}));
  EXPECT_EQ(records.records->dtype, DType::i8);
  EXPECT_EQ(records.records->shape, (Shape{1, 49, 10}));
  EXPECT_EQ(records.records->scale, 0.5);
  EXPECT_EQ(records.records->zero_point, -3);
  EXPECT_FALSE(records.records->label_byte);
  EXPECT_EQ(records.labels.file, "l.bin");
  EXPECT_EQ(records.labels.dtype, DType::u16);
  EXPECT_EQ(records.labels.classes, "classes.txt");

  const Sidecar pictures = parse_sidecar(pictures_text, "");
  ASSERT_TRUE(pictures.image && pictures.pictures);
  EXPECT_EQ(pictures.image->resize, 256);
  EXPECT_EQ(pictures.image->crop, (Extent{224, 192}));
  EXPECT_EQ(pictures.image->interpolation, Interpolation::bicubic);
  EXPECT_EQ(pictures.image->channels, Channels::bgr);
  EXPECT_EQ(pictures.image->layout, ImageLayout::nhwc);
  EXPECT_EQ(pictures.image->divide, 255);
  EXPECT_EQ(pictures.image->mean, (std::vector{0.1, 0.2, 0.3}));
  EXPECT_EQ(pictures.image->std, std::vector{2.0});
  EXPECT_EQ(pictures.pictures->archive, "p.tar");
}

TEST(Sidecar, ReadsKeysOfClipsLabelsAndDetections) {
  const Sidecar sidecar = parse_sidecar(R"([clips]
archive = "c.zip"
[audio]
rate = 16000
length = 16000
channels = "left"
scale = 0.5
[labels]
file = "l.csv"
column = "kwt"
offset = -1
masks = "masks"
boxes = "boxes.csv"
[detections]
boxes = "b"
scores = "s"
classes = "c"
count = "n"
form = "cxcywh"
units = "pixels"
background = 0
score = 0.25
overlap = 0.5
)",
                                        "");
  EXPECT_EQ(sidecar.clips->archive, "c.zip");
  EXPECT_EQ(sidecar.audio->rate, 16000);
  EXPECT_EQ(sidecar.audio->length, 16000);
  EXPECT_EQ(sidecar.audio->channels, AudioChannels::left);
  EXPECT_EQ(sidecar.audio->scale, 0.5);
  EXPECT_EQ(sidecar.labels.column, "kwt");
  EXPECT_EQ(sidecar.labels.offset, -1);
  EXPECT_EQ(sidecar.labels.masks, "masks");
  EXPECT_EQ(sidecar.labels.boxes, "boxes.csv");
  ASSERT_TRUE(sidecar.detections);
  EXPECT_EQ(sidecar.detections->boxes, "b");
  EXPECT_EQ(sidecar.detections->count, "n");
  EXPECT_EQ(sidecar.detections->form, BoxForm::cxcywh);
  EXPECT_TRUE(sidecar.detections->pixels);
  EXPECT_EQ(sidecar.detections->background, 0);
  EXPECT_EQ(sidecar.detections->score, 0.25);
  EXPECT_EQ(sidecar.detections->overlap, 0.5);
}

TEST(Sidecar, RefusesNamingSectionAndKey) {
  const auto expect = [](std::string_view part, std::string_view text) {
    expect_error(ErrorCode::model, part, [&] { parse_sidecar(text, ""); });
  };
  const std::string records = "[records]\nfile = 'a'\ndtype = 'u8'\nshape = [2]\n";
  expect("line 2: unknown section [picture]", "[image]\n[picture]\n");
  expect("line 1: key resize outside of a section", "resize = 3\n");
  expect("line 2: [image] resise: unknown key, accepted are resize,", "[image]\nresise = 3\n");
  expect("[records] file: the key is missing", "[records]\ndtype = 'u8'\n");
  expect("[records] dtype: the key is missing", "[records]\nfile = 'a'\n");
  expect("[records] shape: the key is missing", "[records]\nfile = 'a'\ndtype = 'u8'\n");
  expect("[records] file: a file name or a list", "[records]\nfile = ['a', 3]\n");
  expect("[records] file: a file name or a list", "[records]\nfile = []\n");
  expect("[records] dtype: 'bool' given", "[records]\nfile = 'a'\ndtype = 'bool'\n");
  expect("[records] shape: 0 given", "[records]\nfile = 'a'\ndtype = 'u8'\nshape = [0]\n");
  expect("[audio] channels: 'both' given, accepted are mono,", "[audio]\nchannels = 'both'\n");
  expect("[audio] length: 0 given", "[audio]\nlength = 0\n");
  expect("[detections] overlap: 2 given, accepted are 0 to 1", "[detections]\noverlap = 2.0\n");
  expect("[labels] column: of which file?", "[labels]\ncolumn = 'x'\n");
  expect("[records], [pictures] and [clips] exclude each other", "[pictures]\n[clips]\n");
  expect("9 axes", "[records]\nfile = 'a'\ndtype = 'u8'\nshape = [1,1,1,1,1,1,1,1,1]\n");
  expect("[records] zero_point: an integer expected", records + "zero_point = 1.5\n");
  expect("[records] scale: a finite f32 number", records + "scale = 1e60\n");
  expect("[records] scale: a finite f32 number", records + "scale = nan\n");
  expect("[records] label: 'u16' given, accepted are none, u8", records + "label = 'u16'\n");
  expect("[labels] dtype: 'f32' given", "[labels]\ndtype = 'f32'\n");
  expect("[labels] file: the records carry their labels",
         records + "label = 'u8'\n[labels]\nfile = 'l'\n");
  expect("exclude each other", records + "[pictures]\n");
  expect("[image] crop: [height, width] expected", "[image]\ncrop = [3]\n");
  expect("[image] crop: 40000 given, accepted are 1 to 32768", "[image]\ncrop = [3, 40000]\n");
  expect("[image] size: excludes resize and crop", "[image]\nsize = [3, 3]\nresize = 4\n");
  expect("[image] std: 0 given", "[image]\nstd = [1.0, 0.0]\n");
  expect("[image] divide: 0 given", "[image]\ndivide = 0\n");
  expect("[image] mean: a number expected", "[image]\nmean = ['a']\n");
  expect("[image] mean: one number or a list", "[image]\nmean = []\n");
  expect("line 2: ", "[image]\nresize = = 3\n");
}

TEST(Sidecar, SurvivesDamage) {
  const auto read = [](std::span<const std::byte> bytes) {
    parse_sidecar({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "");
  };
  for (const std::string_view text : {records_text, pictures_text}) {
    expect_prefixes_refused(text, read, 0);
    expect_no_defect(text, read);
  }
  expect_error(ErrorCode::model, "", [] { parse_sidecar("[# a", ""); });  // found by fuzzing
  expect_error(ErrorCode::model, "line 2: only strings and comments",
               [] { parse_sidecar("\n[i\xcc\xba]", ""); });
  expect_error(ErrorCode::model, "line 1: strings over several lines",
               [] { parse_sidecar("a = ''' ' '''\xcc\xba", ""); });
  EXPECT_EQ(parse_sidecar("[input]  # \xc3\xa9\nname = \"\\\"\xc3\xa9'\"", "").input_name,
            "\"\xc3\xa9'");
  const std::string deep = "[image]\nmean = " + std::string(100'000, '[');
  expect_error(ErrorCode::model, "", [&] { parse_sidecar(deep, ""); });
}

TEST(Sidecar, TakesImageKeysFromCommandLines) {
  ImageSpec spec;
  set_image_key(spec, "resize", "256");
  set_image_key(spec, "crop", "224,192");
  set_image_key(spec, "mean", "0.485, 0.456,0.406");
  set_image_key(spec, "std", "2e-1");
  set_image_key(spec, "channels", "gray");
  EXPECT_EQ(spec.resize, 256);
  EXPECT_EQ(spec.crop, (Extent{224, 192}));
  EXPECT_EQ(spec.mean, (std::vector{0.485, 0.456, 0.406}));
  EXPECT_EQ(spec.std, std::vector{0.2});
  EXPECT_EQ(spec.channels, Channels::gray);
  for (const auto& [key, value] : {std::pair{"resize", "big"},
                                   {"crop", "224"},
                                   {"std", "0"},
                                   {"channels", "red"},
                                   {"divide", "1'\n[x"},
                                   {"size", ""}}) {
    expect_error(ErrorCode::usage, fmt::format("picture option {} = '{}'", key, value),
                 [&, k = key, v = value] { set_image_key(spec, k, v); });
  }
}

TEST(Sidecar, ReadsClassNamesLineByLine) {
  EXPECT_EQ(parse_classes("a\nb b\r\n\nc"), (std::vector<std::string>{"a", "b b", "", "c"}));
  EXPECT_EQ(parse_classes("a\n"), std::vector<std::string>{"a"});
  EXPECT_TRUE(parse_classes("").empty());
}

}  // namespace
}  // namespace strata::data
