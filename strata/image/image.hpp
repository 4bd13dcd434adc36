#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace strata::image {

/// A picture of 8-bit pixels, rows from top to bottom, channels interleaved (HWC): 1 (gray) or
/// 3 (red, green, blue).
struct Image {
  int height = 0;
  int width = 0;
  int channels = 0;
  std::vector<std::uint8_t> pixels;  // (height, width, channels)
};

struct ImageLimits {
  int side = 32768;
  std::int64_t pixels = std::int64_t(64) << 20;
};

/// Decodes PNG, JPEG, BMP (8, 24 or 32 bits), PNM and, where their libraries were there when this
/// was built, JPEG 2000, TIFF and WebP; told apart by their first bytes. Alpha is dropped, palettes
/// are resolved, 16-bit samples keep their high byte, orientation tags are ignored. Sizes are
/// checked before anything is decoded. Throws model for damaged pictures, unsupported for other
/// formats.
Image decode_image(std::span<const std::byte> bytes, const ImageLimits& limits = {});

/// Whether a file name ends like that of a picture of a data set: .png, .jpg, .jpeg or .bmp, in any
/// case.
bool has_image_suffix(std::string_view name);

/// An image of these sizes, black. Throws model beyond the limits.
Image blank_image(std::int64_t height, std::int64_t width, int channels,
                  const ImageLimits& limits = {});

}  // namespace strata::image
