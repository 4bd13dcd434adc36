#pragma once

#include "strata/image/image.hpp"

namespace strata::image {

// One decoder for each format; decode_image chooses. Errors do not name the format.
Image decode_png(std::span<const std::byte> bytes, const ImageLimits& limits);
Image decode_jpeg(std::span<const std::byte> bytes, const ImageLimits& limits);
Image decode_bmp(std::span<const std::byte> bytes, const ImageLimits& limits);
Image decode_pnm(std::span<const std::byte> bytes, const ImageLimits& limits);
// These are there if their library was: STRATA_WEBP, STRATA_TIFF and STRATA_JPEG2000 say so.
Image decode_webp(std::span<const std::byte> bytes, const ImageLimits& limits);
Image decode_tiff(std::span<const std::byte> bytes, const ImageLimits& limits);
Image decode_jpeg2000(std::span<const std::byte> bytes, const ImageLimits& limits);

}  // namespace strata::image
