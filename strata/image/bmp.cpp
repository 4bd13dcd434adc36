#include <algorithm>
#include <array>
#include <cstring>

#include "strata/base/byte_reader.hpp"
#include "strata/base/error.hpp"
#include "strata/image/decoders.hpp"

namespace strata::image {
namespace {

constexpr std::uint32_t uncompressed = 0;  // BI_RGB
constexpr std::uint32_t bit_fields = 3;    // BI_BITFIELDS
constexpr std::array<std::uint32_t, 3> usual_masks{0x00ff0000, 0x0000ff00, 0x000000ff};

struct Header {
  std::size_t pixels_at = 0;
  std::size_t palette_at = 0;
  std::int64_t width = 0, height = 0;
  bool top_down = false;
  int bits = 0;
  std::uint32_t compression = 0;
  std::uint32_t colours = 0;
};

Header read_header(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  Header header;
  reader.take(10);  // "BM", file size, reserved
  header.pixels_at = reader.read<std::uint32_t>();
  const auto info_size = reader.read<std::uint32_t>();
  if (info_size < 40 || info_size > 124) {
    fail(ErrorCode::unsupported, "info header of {} bytes, accepted are 40 to 124", info_size);
  }
  header.width = reader.read<std::int32_t>();
  const std::int64_t height = reader.read<std::int32_t>();
  header.top_down = height < 0;
  header.height = header.top_down ? -height : height;
  reader.take(2);  // planes
  header.bits = reader.read<std::uint16_t>();
  header.compression = reader.read<std::uint32_t>();
  reader.take(12);  // image size, resolution
  header.colours = reader.read<std::uint32_t>();
  reader.take(4);  // important colours
  header.palette_at = std::size_t(14) + info_size;
  const bool masks = header.compression == bit_fields && header.bits == 32;
  if (masks) {
    for (const std::uint32_t usual : usual_masks) {
      if (reader.read<std::uint32_t>() != usual) {
        fail(ErrorCode::unsupported, "colour masks other than those of 8-bit BGRA");
      }
    }
  }
  if ((header.bits != 8 && header.bits != 24 && header.bits != 32) ||
      (header.compression != uncompressed && !masks)) {
    fail(ErrorCode::unsupported,
         "{} bits per pixel with compression {}, accepted are 8, 24 and 32 without compression",
         header.bits, header.compression);
  }
  return header;
}

using Palette = std::array<std::array<std::uint8_t, 3>, 256>;

Palette read_palette(std::span<const std::byte> bytes, const Header& header) {
  Palette palette{};
  if (header.colours > 256) fail(ErrorCode::model, "palette of {} colours", header.colours);
  const std::size_t count = header.colours ? header.colours : 256;
  ByteReader reader(bytes);
  reader.take(header.palette_at);
  const auto entries = reader.take(count * 4);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t c = 0; c < 3; ++c) palette[i][c] = std::uint8_t(entries[i * 4 + 2 - c]);
  }
  return palette;
}

void convert_row(std::span<const std::byte> row, const Header& header, const Palette& palette,
                 std::uint8_t* out) {
  const auto width = std::size_t(header.width);
  if (header.bits == 8) {
    for (std::size_t x = 0; x < width; ++x) {
      std::memcpy(out + x * 3, palette[std::size_t(row[x])].data(), 3);
    }
    return;
  }
  const std::size_t step = std::size_t(header.bits) / 8;
  for (std::size_t x = 0; x < width; ++x) {
    for (std::size_t c = 0; c < 3; ++c) out[x * 3 + c] = std::uint8_t(row[x * step + 2 - c]);
  }
}

}  // namespace

Image decode_bmp(std::span<const std::byte> bytes, const ImageLimits& limits) {
  const Header header = read_header(bytes);
  const std::int64_t row_bytes = (header.width * header.bits + 31) / 32 * 4;
  const std::size_t left = header.pixels_at <= bytes.size() ? bytes.size() - header.pixels_at : 0;
  // Both factors are below 2^37, and a width below zero is refused with the image itself.
  if (header.width > 0 &&
      row_bytes > std::int64_t(left) / std::max<std::int64_t>(1, header.height)) {
    fail(ErrorCode::model, "{} x {} pixels of {} bits need more than the {} bytes from byte {} on",
         header.width, header.height, header.bits, left, header.pixels_at);
  }
  Image image = blank_image(header.height, header.width, 3, limits);
  const Palette palette = header.bits == 8 ? read_palette(bytes, header) : Palette{};
  for (std::int64_t y = 0; y < header.height; ++y) {
    const std::int64_t stored = header.top_down ? y : header.height - 1 - y;
    const auto row =
        bytes.subspan(header.pixels_at + std::size_t(stored * row_bytes), std::size_t(row_bytes));
    convert_row(row, header, palette, image.pixels.data() + y * header.width * 3);
  }
  return image;
}

}  // namespace strata::image
