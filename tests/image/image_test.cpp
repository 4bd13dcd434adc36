#include "strata/image/image.hpp"

#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::image {
namespace {

using data::bytes_of;
using data::corpus;
using Pixels = std::vector<std::uint8_t>;

Image decode(std::string_view file) { return decode_image(bytes_of(corpus(file))); }

const Pixels rgb_pixels{168, 229, 184, 171, 238, 171, 20, 206, 245, 153, 204, 5,  37,  53,  213,
                        206, 192, 173, 6,   120, 63,  96, 236, 131, 118, 4,   87, 161, 124, 71,
                        42,  73,  237, 16,  194, 250, 10, 103, 206, 13,  143, 2,  38,  71,  133};

constexpr std::string_view lossless[] = {
    "picture/rgb.png",  "picture/rgb.bmp",  "picture/rgba.bmp",
    "picture/rgb.ppm",  "picture/text.ppm",
#ifdef STRATA_WEBP
    "picture/rgb.webp",
#endif
#ifdef STRATA_TIFF
    "picture/rgb.tif",  "picture/lzw.tif",
#endif
#ifdef STRATA_JPEG2000
    "picture/rgb.jp2",
#endif
};

TEST(Image, DecodesRgb) {
  for (const std::string_view file : lossless) {
    const Image image = decode(file);
    EXPECT_EQ(image.height, 3);
    EXPECT_EQ(image.width, 5);
    EXPECT_EQ(image.channels, 3);
    EXPECT_EQ(image.pixels, rgb_pixels) << file;
  }
}

TEST(Image, ResolvesPalettes) {
  const Image image = decode("picture/palette.png");
  ASSERT_EQ(image.pixels.size(), 45u);
  EXPECT_EQ(Pixels(image.pixels.begin(), image.pixels.begin() + 9),
            (Pixels{159, 220, 133, 159, 220, 133, 16, 181, 166}));
  EXPECT_EQ(decode("picture/palette.bmp").channels, 3);
}

// The pixels are libjpeg's with its default (slow integer) transform, as Pillow shows them.
TEST(Image, DecodesJpeg) {
  const Image gray = decode("picture/gray.jpg");
  EXPECT_EQ(gray.channels, 1);
  EXPECT_EQ(gray.pixels, (Pixels{10, 199, 28, 40, 51, 255}));
  const Image colour = decode("picture/progressive.jpg");
  EXPECT_EQ(colour.height, 9);
  EXPECT_EQ(colour.width, 10);
  EXPECT_EQ(Pixels(colour.pixels.begin(), colour.pixels.begin() + 9),
            (Pixels{23, 239, 14, 26, 231, 14, 38, 216, 20}));
}

TEST(Image, DecodesBitmapsAndDeepGray) {
  const Image bits = decode("picture/bits.pbm");
  EXPECT_EQ(bits.channels, 1);
  EXPECT_EQ(bits.pixels, (Pixels{0, 255, 255, 255, 255, 255, 255, 0, 255, 0,  //
                                 0, 0,   0,   0,   0,   0,   0,   0, 0,   255}));
  EXPECT_EQ(decode("picture/deep.pgm").pixels, (Pixels{0x12, 0xff}));
  EXPECT_EQ(decode_image(bytes_of("P2 2 1 10 # ten\n5 10")).pixels, (Pixels{128, 255}));
  EXPECT_EQ(decode_image(bytes_of("P1 2 2 1001")).pixels, (Pixels{0, 255, 255, 0}));
}

TEST(Image, RefusesPnmThatIsTooShortOrWrong) {
  expect_error(ErrorCode::model, "need more than the 2 bytes",
               [] { decode_image(bytes_of("P5 2 2 255 ab")); });
  expect_error(ErrorCode::model, "a sample is 11, accepted are 0 to 10",
               [] { decode_image(bytes_of("P2 1 1 10 11")); });
  expect_error(ErrorCode::model, "no number at byte 5", [] { decode_image(bytes_of("P5 2 x")); });
  expect_error(ErrorCode::model, "the greatest sample is 65536",
               [] { decode_image(bytes_of("P5 1 1 65536 a")); });
  expect_error(ErrorCode::model, "30000000 x 30000000 pixels",
               [] { decode_image(bytes_of("P6 30000000 30000000 255 a")); });
}

// These formats may end early and still hold a picture; what counts is that nothing breaks.
TEST(Image, SurvivesDamageOfOtherFormats) {
  const auto read = [](std::span<const std::byte> bytes) { decode_image(bytes); };
  for (const std::string_view file :
       {"picture/rgb.webp", "picture/rgb.tif", "picture/lzw.tif", "picture/gray.tif",
        "picture/rgb.jp2", "picture/text.ppm", "picture/bits.pbm"}) {
    SCOPED_TRACE(file);
    data::expect_prefixes_refused(corpus(file), read, 0);
    data::expect_no_defect(corpus(file), read);
  }
}

TEST(Image, SurvivesDamage) {
  const auto read = [](std::span<const std::byte> bytes) { decode_image(bytes); };
  for (const std::string_view file :
       {"picture/rgb.png", "picture/palette.png", "picture/gray.jpg", "picture/progressive.jpg",
        "picture/rgb.bmp", "picture/palette.bmp", "picture/rgba.bmp", "picture/rgb.ppm"}) {
    SCOPED_TRACE(file);
    const std::string whole = corpus(file);
    // A JPEG without the second byte of its end marker is whole.
    const bool jpeg = file.ends_with("jpg");
    data::expect_prefixes_refused(whole, read, jpeg ? whole.size() - 2 : whole.size());
    data::expect_no_defect(whole, read);
  }
}

TEST(Image, ChecksSizesBeforeDecoding) {
  ImageLimits limits;
  limits.side = 4;
  for (const std::string_view file :
       {"picture/rgb.png", "picture/progressive.jpg", "picture/rgb.bmp"}) {
    SCOPED_TRACE(file);
    EXPECT_THROW(decode_image(bytes_of(corpus(file)), limits), Error);
  }
  limits = {};
  limits.pixels = 14;
  expect_error(ErrorCode::model, "5 x 3 pixels, accepted are",
               [&] { decode_image(bytes_of(corpus("picture/rgb.png")), limits); });

  // Headers that promise 30,000 x 30,000 pixels.
  std::string png = corpus("picture/rgb.png");
  png.replace(16, 8, std::string("\0\0\x75\x30\0\0\x75\x30", 8));
  png.replace(29, 4, std::string("\xe9\x45\x6f\xed", 4));
  expect_error(ErrorCode::model, "PNG picture: 30000 x 30000 pixels cannot come out of",
               [&] { decode_image(bytes_of(png)); });
  std::string jpeg = corpus("picture/gray.jpg");
  const std::size_t frame = jpeg.find("\xff\xc0");
  jpeg.replace(frame + 5, 4, "\x75\x30\x75\x30");
  expect_error(ErrorCode::model, "JPEG picture: 30000 x 30000 pixels, accepted are",
               [&] { decode_image(bytes_of(jpeg)); });
  std::string bmp = corpus("picture/rgb.bmp");
  bmp.replace(18, 8, std::string("\x30\x75\0\0\x30\x75\0\0", 8));
  expect_error(ErrorCode::model, "need more than", [&] { decode_image(bytes_of(bmp)); });
}

TEST(Image, RefusesWhatItDoesNotKnow) {
  expect_error(ErrorCode::unsupported, "accepted are PNG, JPEG, BMP, PNM",
               [] { decode_image(bytes_of("GIF89a")); });
  std::string bmp = corpus("picture/rgb.bmp");
  bmp[28] = 16;  // bits per pixel
  expect_error(ErrorCode::unsupported, "16 bits per pixel", [&] { decode_image(bytes_of(bmp)); });
  bmp = corpus("picture/rgb.bmp");
  bmp[30] = 1;  // run lengths
  expect_error(ErrorCode::unsupported, "compression 1", [&] { decode_image(bytes_of(bmp)); });
}

TEST(Image, KnowsNamesOfPictures) {
  for (const std::string_view name : {"a.png", "b/c.JPG", "x.Jpeg", ".bmp"}) {
    EXPECT_TRUE(has_image_suffix(name)) << name;
  }
  for (const std::string_view name : {"png", "a.gif", "a.png.txt", ""}) {
    EXPECT_FALSE(has_image_suffix(name)) << name;
  }
}

}  // namespace
}  // namespace strata::image
