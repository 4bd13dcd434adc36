#include "strata/data/resize.hpp"

#include "strata/data/preprocess.hpp"
#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::data {
namespace {

using Pixels = std::vector<std::uint8_t>;

Image gray_row(const Pixels& pixels) { return {1, int(pixels.size()), 1, pixels}; }

const Pixels rgb_pixels{168, 229, 184, 171, 238, 171, 20, 206, 245, 153, 204, 5,  37,  53,  213,
                        206, 192, 173, 6,   120, 63,  96, 236, 131, 118, 4,   87, 161, 124, 71,
                        42,  73,  237, 16,  194, 250, 10, 103, 206, 13,  143, 2,  38,  71,  133};

// Weights by hand: halving [a b c d] with the widened triangle takes 3/7, 3/7 and 1/7 at the
// edge, where the fourth weight falls outside.
TEST(Resize, WidensTheFilterWhenASideShrinks) {
  const Image out = resize(gray_row({70, 0, 70, 70}), 1, 2, Interpolation::bilinear);
  EXPECT_EQ(out.pixels, (Pixels{40, 60}));  // (3*70 + 3*0 + 70) / 7, (0 + 3*70 + 3*70) / 7
}

// Halves between centres: doubling [a b] gives a, (3a + b) / 4, (a + 3b) / 4, b.
TEST(Resize, PutsCentresAtHalves) {
  EXPECT_EQ(resize(gray_row({0, 200}), 1, 4, Interpolation::bilinear).pixels,
            (Pixels{0, 50, 150, 200}));
  const Image column{2, 1, 1, {0, 200}};
  EXPECT_EQ(resize(column, 4, 1, Interpolation::bilinear).pixels, (Pixels{0, 50, 150, 200}));
}

// Computed by Pillow 13.
TEST(Resize, GivesPillowsBits) {
  const Image row = gray_row({0, 255, 10, 200, 30, 90, 60});
  const auto widths = [&](int width, Interpolation interpolation) {
    return resize(row, 1, width, interpolation).pixels;
  };
  EXPECT_EQ(widths(3, Interpolation::bilinear), (Pixels{111, 112, 66}));
  EXPECT_EQ(widths(3, Interpolation::bicubic), (Pixels{113, 109, 68}));
  EXPECT_EQ(widths(10, Interpolation::bilinear),
            (Pixels{0, 140, 194, 22, 134, 141, 33, 75, 76, 60}));
  EXPECT_EQ(widths(10, Interpolation::bicubic),
            (Pixels{0, 152, 219, 13, 143, 158, 28, 76, 80, 58}));
  const Image image{3, 5, 3, rgb_pixels};
  EXPECT_EQ(resize(image, 2, 4, Interpolation::bicubic).pixels,
            (Pixels{177, 214, 164, 81, 209, 163, 106, 168, 101, 102, 84, 129,
                    81,  123, 208, 17, 164, 185, 47,  111, 86,  79,  88, 85}));
  EXPECT_EQ(resize(image, 2, 4, Interpolation::bilinear).pixels,
            (Pixels{164, 210, 168, 84, 204, 160, 102, 166, 105, 98, 92, 129,
                    81,  130, 205, 25, 161, 179, 48,  117, 94,  76, 91, 91}));
  EXPECT_EQ(to_channels(image, Channels::gray).pixels,
            (Pixels{206, 210, 155, 166, 66, 194, 79, 182, 48, 129, 82, 147, 87, 88, 68}));
}

TEST(Resize, KeepsConstantsAndIdentity) {
  const Image flat{6, 7, 3, Pixels(126, 201)};
  for (const Interpolation interpolation : {Interpolation::bilinear, Interpolation::bicubic}) {
    EXPECT_EQ(resize(flat, 11, 2, interpolation).pixels, Pixels(66, 201));
    EXPECT_EQ(resize({3, 5, 3, rgb_pixels}, 3, 5, interpolation).pixels, rgb_pixels);
  }
}

TEST(Resize, HoldsLimits) {
  expect_error(ErrorCode::model, "accepted are sides of 1 to 32768", [] {
    resize(gray_row({1, 2}), 32768, 32768, Interpolation::bilinear);
  });
}

TEST(Crop, TakesThePartAndChecks) {
  const Image image{3, 5, 3, rgb_pixels};
  EXPECT_EQ(crop(image, 1, 3, 1, 2).pixels, (Pixels{118, 4, 87, 161, 124, 71}));
  expect_error(ErrorCode::usage, "crop of 3 x 1 at (3, 0)", [&] { crop(image, 0, 3, 1, 3); });
  expect_error(ErrorCode::usage, "crop of", [&] { crop(image, -1, 0, 1, 1); });
}

ImageSpec imagenet() {
  ImageSpec spec;
  spec.divide = 255;
  spec.mean = {0.485, 0.456, 0.406};
  spec.std = {0.229, 0.224, 0.225};
  return spec;
}

TEST(Preprocess, NormalizesPerChannelInEitherLayout) {
  const Image image{3, 5, 3, rgb_pixels};
  for (const ImageLayout layout : {ImageLayout::nchw, ImageLayout::nhwc}) {
    ImageSpec spec = imagenet();
    spec.layout = layout;
    const bool planes = layout == ImageLayout::nchw;
    const Shape shape = planes ? Shape{3, 3, 5} : Shape{3, 5, 3};
    const Preprocess preprocess(spec, DType::f32, shape);
    std::vector<float> out(45);
    preprocess.apply(image, out.data());
    for (std::size_t i = 0; i < 15; ++i) {
      for (std::size_t c = 0; c < 3; ++c) {
        const float expected =
            (float(rgb_pixels[i * 3 + c]) / 255.0f - float(spec.mean[c])) / float(spec.std[c]);
        EXPECT_EQ(out[planes ? c * 15 + i : i * 3 + c], expected);
      }
    }
  }
}

TEST(Preprocess, ReordersChannels) {
  const Image image{1, 1, 3, {10, 20, 30}};
  EXPECT_EQ(to_channels(image, Channels::rgb).pixels, (Pixels{10, 20, 30}));
  EXPECT_EQ(to_channels(image, Channels::bgr).pixels, (Pixels{30, 20, 10}));
  EXPECT_EQ(to_channels(gray_row({7}), Channels::bgr).pixels, (Pixels{7, 7, 7}));
  EXPECT_EQ(to_channels(gray_row({7}), Channels::gray).pixels, Pixels{7});
}

TEST(Preprocess, ResizesTheShortSideAndCropsTheCentre) {
  ImageSpec spec;
  spec.resize = 4;
  spec.crop = Extent{4, 3};
  const Preprocess preprocess(spec, DType::f32, {});
  EXPECT_EQ(preprocess.item_shape(), (Shape{3, 4, 3}));
  const Image image{3, 5, 3, rgb_pixels};
  const Image scaled = resize(image, 4, 7, Interpolation::bilinear);  // 5 * 4 / 3 is 6.67
  EXPECT_EQ(preprocess.prepared(image).pixels, crop(scaled, 0, 2, 4, 3).pixels);
}

TEST(Preprocess, PassesPixelsToIntegerInputs) {
  ImageSpec spec;
  spec.channels = Channels::gray;
  const Preprocess preprocess(spec, DType::u8, Shape{1, 1, 3});
  Pixels out(3);
  preprocess.apply(gray_row({0, 128, 255}), out.data());
  EXPECT_EQ(out, (Pixels{0, 128, 255}));
  spec.divide = 255;
  expect_error(ErrorCode::usage, "pixels go in as they are", [&] {
    Preprocess(spec, DType::u8, Shape{1, 1, 3});
  });
  spec.divide = 1;
  std::vector<std::int8_t> codes(3);
  Preprocess(spec, DType::i8, Shape{1, 1, 3}).apply(gray_row({0, 128, 255}), codes.data());
  EXPECT_EQ(codes, (std::vector<std::int8_t>{-128, 0, 127}));
}

TEST(Preprocess, SaysWhatDoesNotFit) {
  ImageSpec spec;
  expect_error(ErrorCode::usage, "the model does not fix the size",
               [&] { Preprocess(spec, DType::f32, {}); });
  expect_error(ErrorCode::usage,
               "the model takes [10] for each item, pictures give [3,height,width]",
               [&] { Preprocess(spec, DType::f32, Shape{10}); });
  spec.size = Extent{8, 8};
  expect_error(ErrorCode::usage, "[image] gives items [3,8,8], the model takes [3,9,9]", [&] {
    Preprocess(spec, DType::f32, Shape{3, 9, 9});
  });
  spec.mean = {1, 2};
  expect_error(ErrorCode::usage, "mean has 2 numbers, accepted are 1 or 3", [&] {
    Preprocess(spec, DType::f32, Shape{3, 8, 8});
  });
  const Preprocess plain({}, DType::f32, Shape{3, 8, 8});
  std::vector<float> out(192);
  expect_error(ErrorCode::usage, "the picture has 2 x 1 pixels, the model takes 8 x 8", [&] {
    plain.apply(gray_row({1, 2}), out.data());
  });
}

}  // namespace
}  // namespace strata::data
