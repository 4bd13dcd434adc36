#pragma once

#include "strata/data/image.hpp"

namespace strata::data {

// One decoder for each format; decode_image chooses. Errors do not name the format.
Image decode_png(std::span<const std::byte> bytes, const ImageLimits& limits);
Image decode_jpeg(std::span<const std::byte> bytes, const ImageLimits& limits);
Image decode_bmp(std::span<const std::byte> bytes, const ImageLimits& limits);

}  // namespace strata::data
