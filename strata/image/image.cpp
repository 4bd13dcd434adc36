#include "strata/image/image.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

#include "strata/base/error.hpp"
#include "strata/image/decoders.hpp"

namespace strata::image {
namespace {

using Bytes = std::span<const std::byte>;

struct Format {
  std::string_view name;
  bool (*matches)(std::string_view start);
  Image (*decode)(Bytes bytes, const ImageLimits& limits);  // null: its library was not there
};

template <std::size_t... sizes>
bool starts(std::string_view start, const char (&... magic)[sizes]) {
  return (start.starts_with(std::string_view(magic, sizes - 1)) || ...);
}

#ifdef STRATA_WEBP
constexpr auto webp = decode_webp;
#else
constexpr decltype(&decode_webp) webp = nullptr;
#endif
#ifdef STRATA_TIFF
constexpr auto tiff = decode_tiff;
#else
constexpr decltype(&decode_tiff) tiff = nullptr;
#endif
#ifdef STRATA_JPEG2000
constexpr auto jpeg2000 = decode_jpeg2000;
#else
constexpr decltype(&decode_jpeg2000) jpeg2000 = nullptr;
#endif

constexpr std::array formats{
    Format{"PNG", [](std::string_view s) { return starts(s, "\x89PNG\r\n\x1a\n"); }, decode_png},
    Format{"JPEG", [](std::string_view s) { return starts(s, "\xff\xd8\xff"); }, decode_jpeg},
    Format{"BMP", [](std::string_view s) { return starts(s, "BM"); }, decode_bmp},
    Format{"PNM",
           [](std::string_view s) {
             return s.size() > 2 && s[0] == 'P' && s[1] >= '1' && s[1] <= '6' &&
                    (std::isspace(static_cast<unsigned char>(s[2])) || s[2] == '#');
           },
           decode_pnm},
    Format{"WebP",
           [](std::string_view s) {
             return s.size() > 12 && starts(s, "RIFF") && s.substr(8, 4) == "WEBP";
           },
           webp},
    Format{"TIFF", [](std::string_view s) { return starts(s, "II*\0", "MM\0*"); }, tiff},
    Format{"JPEG 2000",
           [](std::string_view s) { return starts(s, "\0\0\0\x0cjP  ", "\xff\x4f\xff\x51"); },
           jpeg2000}};

std::string accepted() {
  std::string list;
  for (const Format& format : formats) {
    if (format.decode) list += fmt::format("{}{}", list.empty() ? "" : ", ", format.name);
  }
  return list;
}

}  // namespace

Image decode_image(std::span<const std::byte> bytes, const ImageLimits& limits) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const Format& format : formats) {
    if (!format.matches(text)) continue;
    if (!format.decode) {
      fail(ErrorCode::unsupported, "a {} picture, and its library was missing when this was built",
           format.name);
    }
    return with_context([&] { return fmt::format("{} picture", format.name); },
                        [&] { return format.decode(bytes, limits); });
  }
  fail(ErrorCode::unsupported, "not a picture of a known format, accepted are {}", accepted());
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

}  // namespace strata::image
