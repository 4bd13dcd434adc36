#include "strata/data/masks.hpp"

#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::data {
namespace {

/// Gray pixels as PNM, which pictures may be whatever their name says.
std::string gray(int width, int height, const std::string& pixels) {
  return fmt::format("P5 {} {} 255\n", width, height) + pixels;
}

TEST(Masks, FitTheirPictures) {
  const Folder folder;
  folder.add("x/a.png", gray(4, 2, "abcdefgh"));
  folder.add("masks/a.bmp", gray(4, 2, std::string("\x00\x01\x02\x03\x04\x05\x06\x07", 8)));
  folder.add("dataset.toml",
             "[labels]\nmasks = 'masks'\n[image]\ncrop = [2, 2]\nchannels = 'gray'\n");
  const auto dataset = open_dataset(folder.path());
  ASSERT_EQ(dataset->size(), 1) << "masks are no pictures";
  const Image mask = Masks::open(*dataset).read(0);
  EXPECT_EQ(mask.width, 2);
  EXPECT_EQ(mask.pixels, (std::vector<std::uint8_t>{1, 2, 5, 6}));
  const auto window = dataset->window(0);
  ASSERT_TRUE(window);
  EXPECT_EQ(window->left, 1);
  EXPECT_EQ(window->width, 2);
  // To the pixel whose centre is nearest, never between two classes.
  DatasetOptions options;
  options.preprocess = folder.add("p.toml", "[image]\nsize = [1, 2]\nchannels = 'gray'\n");
  const auto small = open_dataset(folder.path(), options);
  EXPECT_EQ(Masks::open(*small).read(0).pixels, (std::vector<std::uint8_t>{5, 7}));
}

TEST(Masks, RefuseWhatIsNone) {
  const Folder folder;
  folder.add("x/a.png", gray(1, 1, "a"));
  const auto with = [&](const std::string& masks) {
    folder.add("dataset.toml", "[image]\nchannels = 'gray'\nsize = [1, 1]\n" + masks);
    return open_dataset(folder.path());
  };
  folder.add("masks/a.png", "P6 1 1 255\nabc");
  const auto coloured = with("[labels]\nmasks = 'masks'\n");
  expect_error(ErrorCode::model, "mask of x/a.png: pixel 0 is coloured",
               [&] { Masks::open(*coloured).read(0); });
  std::filesystem::remove(folder / "masks/a.png");
  expect_error(ErrorCode::model, "no mask has this name", [&] { Masks::open(*coloured).read(0); });
  for (const char* outside : {"../x", "/etc", "a/../../x"}) {
    const auto dataset = with(fmt::format("[labels]\nmasks = '{}'\n", outside));
    expect_error(ErrorCode::model, "a path within the sidecar's folder expected",
                 [&] { Masks::open(*dataset); });
  }
  std::filesystem::create_directory_symlink("/etc", folder / "link");
  const auto linked = with("[labels]\nmasks = 'link'\n");
  expect_error(ErrorCode::model, "a path within the sidecar's folder expected",
               [&] { Masks::open(*linked); });
  const auto none = with("");
  expect_error(ErrorCode::usage, "no masks: give them as --truth", [&] { Masks::open(*none); });
}

}  // namespace
}  // namespace strata::data
