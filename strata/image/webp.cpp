#ifdef STRATA_WEBP
#include <webp/decode.h>

#include "strata/base/error.hpp"
#include "strata/image/decoders.hpp"

namespace strata::image {

Image decode_webp(std::span<const std::byte> bytes, const ImageLimits& limits) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  int width = 0, height = 0;
  if (!WebPGetInfo(data, bytes.size(), &width, &height)) fail(ErrorCode::model, "no valid header");
  Image image = blank_image(height, width, 3, limits);
  if (!WebPDecodeRGBInto(data, bytes.size(), image.pixels.data(), image.pixels.size(), width * 3)) {
    fail(ErrorCode::model, "damaged, or animated");
  }
  return image;
}

}  // namespace strata::image
#endif
