#include "strata/data/image.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "strata/base/error.hpp"
#include "strata/data/decoders.hpp"

namespace strata::data {
namespace {

struct Format {
  std::string_view name;
  std::string_view magic;
  Image (*decode)(std::span<const std::byte> bytes, const ImageLimits& limits);
};

constexpr std::array formats{Format{"PNG", "\x89PNG\r\n\x1a\n", decode_png},
                             Format{"JPEG", "\xff\xd8\xff", decode_jpeg},
                             Format{"BMP", "BM", decode_bmp}};

}  // namespace

Image decode_image(std::span<const std::byte> bytes, const ImageLimits& limits) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Format& format : formats) {
    if (!text.starts_with(format.magic)) continue;
    return with_context([&] { return fmt::format("{} picture", format.name); },
                        [&] { return format.decode(bytes, limits); });
  }
  fail(ErrorCode::unsupported, "not a picture of a known format, accepted are PNG, JPEG and BMP");
}

bool has_image_suffix(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return false;
  std::string suffix(name.substr(dot));
  std::ranges::transform(suffix, suffix.begin(),
                         [](char c) { return char(std::tolower(static_cast<unsigned char>(c))); });
  return suffix == ".png" || suffix == ".jpg" || suffix == ".jpeg" || suffix == ".bmp";
}

Image blank_image(std::int64_t height, std::int64_t width, int channels,
                  const ImageLimits& limits) {
  const bool fits = height >= 1 && width >= 1 && height <= limits.side && width <= limits.side &&
                    height * width <= limits.pixels;
  if (!fits) {
    fail(ErrorCode::model, "{} x {} pixels, accepted are sides of 1 to {} and {} pixels in all",
         width, height, limits.side, limits.pixels);
  }
  Image image;
  image.height = int(height);
  image.width = int(width);
  image.channels = channels;
  image.pixels.resize(std::size_t(height * width * channels));
  return image;
}

}  // namespace strata::data
