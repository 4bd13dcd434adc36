#include "strata/base/error.hpp"
#include "strata/image/image.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  strata::image::ImageLimits limits;
  limits.pixels = 1 << 20;  // so that a run takes milliseconds
  try {
    strata::image::decode_image(std::as_bytes(std::span(data, size)), limits);
  } catch (const strata::Error& error) {
    if (error.code() == strata::ErrorCode::internal) throw;
  }
  return 0;
}
