#include "strata/data/wav.hpp"

#include <cstring>
#include <limits>

#include "strata/data/dataset.hpp"
#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::data {
namespace {

using namespace std::string_literals;

std::string little(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += char(value >> (8 * i));
  return text;
}

std::string chunk(const std::string& tag, const std::string& content) {
  return tag + little(content.size(), 4) + content + std::string(content.size() % 2, '\0');
}

std::string format(int encoding, int channels, int bits, int rate = 8000) {
  const int frame = channels * bits / 8;
  return little(std::uint64_t(encoding), 2) + little(std::uint64_t(channels), 2) +
         little(std::uint64_t(rate), 4) + little(std::uint64_t(rate * frame), 4) +
         little(std::uint64_t(frame), 2) + little(std::uint64_t(bits), 2);
}

std::string wav(const std::string& format_chunk, const std::string& data) {
  const std::string rest =
      "WAVE" + chunk("fmt ", format_chunk) + chunk("LIST", "odd") + chunk("data", data);
  return "RIFF" + little(rest.size(), 4) + rest;
}

std::string wav16(int channels, const std::vector<int>& samples, int rate = 8000) {
  std::string data;
  for (const int sample : samples) data += little(std::uint64_t(sample), 2);
  return wav(format(1, channels, 16, rate), data);
}

std::vector<float> samples_of(const std::string& file) { return parse_wav(bytes_of(file)).samples; }

TEST(Wav, ReadsEveryDepthAsFractionsOfFullScale) {
  EXPECT_EQ(samples_of(wav(format(1, 1, 8), "\x00\x80\xff"s)),
            (std::vector<float>{-1, 0, 127 / 128.0f}));
  EXPECT_EQ(samples_of(wav16(1, {-32768, 0, 32767})),
            (std::vector<float>{-1, 0, 32767 / 32768.0f}));
  EXPECT_EQ(samples_of(wav(format(1, 1, 24), "\x00\x00\x80\x01\x00\x00\xff\xff\x7f"s)),
            (std::vector<float>{-1, 0x1p-23f, 1 - 0x1p-23f}));
  const std::vector<float> wide =
      samples_of(wav(format(1, 1, 32), "\x00\x00\x00\x80\xff\xff\xff\x7f"s));
  EXPECT_EQ(wide[0], -1);
  EXPECT_LT(wide[1], 1);
  EXPECT_EQ(wide[1], 1 - 0x1p-24f);
  std::string floats(8, '\0');
  const float values[] = {-2.5f, 0.25f};
  std::memcpy(floats.data(), values, sizeof values);
  EXPECT_EQ(samples_of(wav(format(3, 1, 32), floats)), (std::vector<float>{-2.5f, 0.25f}));
  const std::string extensible = format(0xfffe, 1, 16) + little(22, 2) + little(16, 2) +
                                 little(4, 4) + little(1, 2) + std::string(14, '\x55');
  EXPECT_EQ(samples_of(wav(extensible, "\x00\x40"s)), std::vector<float>{0.5f});
}

TEST(Wav, KeepsChannelsApart) {
  const std::string file = wav16(2, {1, 2, 3, 4}, 44100);
  const Clip clip = parse_wav(bytes_of(file));
  EXPECT_EQ(clip.rate, 44100);
  EXPECT_EQ(clip.channels, 2);
  EXPECT_EQ(clip.length(), 2);
}

TEST(Wav, SurvivesDamage) {
  const std::string whole = wav16(2, {1, -2, 300, -4});
  const auto read = [](std::span<const std::byte> bytes) { parse_wav(bytes); };
  expect_prefixes_refused(whole, read);
  expect_no_defect(whole, read);
  const auto expect = [](ErrorCode code, std::string_view part, const std::string& file) {
    expect_error(code, part, [&] { parse_wav(bytes_of(file)); });
  };
  expect(ErrorCode::model, "no RIFF", "RIFX" + whole.substr(4));
  expect(ErrorCode::model, "4294967295 bytes announced", "RIFF\xff\xff\xff\xff" + whole.substr(8));
  expect(ErrorCode::unsupported, "encoding 6 of 8 bits", wav(format(6, 1, 8), "ab"));
  expect(ErrorCode::unsupported, "encoding 1 of 12 bits", wav(format(1, 1, 12), "ab"));
  expect(ErrorCode::model, "0 channels", wav(format(1, 0, 16), "ab"));
  expect(ErrorCode::model, "65 channels", wav(format(1, 65, 16), "ab"));
  expect(ErrorCode::model, "at 0 samples per second", wav(format(1, 1, 16, 0), "ab"));
  expect(ErrorCode::model, "no whole number of samples", wav(format(1, 2, 16), "ab"));
  expect(ErrorCode::model, "samples before their format",
         "RIFF" + little(14, 4) + "WAVE" + chunk("data", "ab"));
  expect(ErrorCode::model, "without samples", "RIFF" + little(4, 4) + "WAVE");
  const std::string nan = little(0x7fc00000, 4);
  expect(ErrorCode::model, "sample 0 is not finite", wav(format(3, 1, 32), nan));
}

/// Options for a model of clips of four samples.
DatasetOptions four_samples() {
  DatasetOptions options;
  options.item_shape = Shape{4};
  return options;
}

std::vector<float> item(const Dataset& dataset, std::int64_t index) {
  std::vector<float> values(static_cast<std::size_t>(dataset.item_shape().elements()));
  dataset.read(index, values.data());
  return values;
}

TEST(Clips, AreClassedByFolderAndMixedDown) {
  const Folder folder;
  folder.add("no/a.wav", wav16(1, {0, 16384, -16384, 8192}));
  folder.add("yes/b.WAV", wav16(2, {0, 16384, 8192, 8192, -16384, 16384, 0, 0}));
  const auto dataset = open_dataset(folder.path(), four_samples());
  ASSERT_EQ(dataset->size(), 2);
  EXPECT_EQ(dataset->description(), "folder of clips");
  EXPECT_EQ(dataset->label(1), 1);
  EXPECT_EQ(dataset->class_names(), (std::vector<std::string>{"no", "yes"}));
  EXPECT_EQ(item(*dataset, 0), (std::vector<float>{0, 0.5, -0.5, 0.25}));
  EXPECT_EQ(item(*dataset, 1), (std::vector<float>{0.25, 0.25, 0, 0}));
}

TEST(Clips, TakeChannelLengthAndScaleFromTheSidecar) {
  const Folder folder;
  folder.add("x.wav", wav16(2, {1, 10, 2, 20, 3, 30}));
  const auto with = [&](const std::string& keys, const DatasetOptions& options = {}) {
    return open_dataset(folder.add("dataset.toml", "[audio]\nscale = 32768\n" + keys), options);
  };
  EXPECT_EQ(item(*with("length = 2\nchannels = 'left'\n"), 0), (std::vector<float>{1, 2}));
  EXPECT_EQ(item(*with("length = 4\nchannels = 'right'\n"), 0),
            (std::vector<float>{10, 20, 30, 0}));
  const auto stereo = with("length = 3\nchannels = 'stereo'\nrate = 8000\n");
  EXPECT_EQ(stereo->item_shape(), (Shape{2, 3}));
  EXPECT_EQ(item(*stereo, 0), (std::vector<float>{1, 2, 3, 10, 20, 30}));
  expect_error(ErrorCode::usage, "give 'length' in [audio]", [&] { with(""); });
  expect_error(ErrorCode::usage, "x.wav: the clip has 3 samples, the model takes 4",
               [&] { item(*with("", four_samples()), 0); });
  expect_error(ErrorCode::usage, "8000 samples per second, [audio] rate says 16000",
               [&] { item(*with("length = 3\nrate = 16000\n"), 0); });
  expect_error(ErrorCode::usage, "clips of 3 samples",
               [&] { with("length = 3\n", four_samples()); });
}

TEST(Clips, GoIntoIntegerInputs) {
  const Folder folder;
  folder.add("x.wav", wav16(1, {-32768, -1, 3, 32767}));
  DatasetOptions options = four_samples();
  options.dtype = DType::i16;
  std::int16_t whole[4];
  open_dataset(folder.path(), options)->read(0, whole);
  EXPECT_EQ(std::vector<int>(whole, whole + 4), (std::vector<int>{-32768, -1, 3, 32767}));
  options.dtype = DType::i8;
  expect_error(ErrorCode::usage, "does not say what its integers stand for",
               [&] { open_dataset(folder.path(), options); });
  options.grid = Grid{0x1p-7f, 0};
  std::int8_t codes[4];
  open_dataset(folder.path(), options)->read(0, codes);
  EXPECT_EQ(std::vector<int>(codes, codes + 4), (std::vector<int>{-128, 0, 0, 127}));
}

TEST(Clips, AreNotMixedWithPictures) {
  const Folder folder;
  folder.add("x.wav", wav16(1, {1, 2, 3, 4}));
  folder.add("x.png", corpus("picture/rgb.png"));
  expect_error(ErrorCode::usage, "1 clips and 1 pictures in one place",
               [&] { open_dataset(folder.path(), four_samples()); });
  folder.add("dataset.toml", "[clips]\n");
  EXPECT_EQ(open_dataset(folder.path(), four_samples())->size(), 1);
}

}  // namespace
}  // namespace strata::data
