#ifdef STRATA_TIFF
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "strata/base/error.hpp"
#include "strata/image/decoders.hpp"

namespace strata::image {
namespace {

constexpr tmsize_t most_memory = tmsize_t(1) << 30;  // of one buffer of libtiff

/// The file as libtiff reads it, and its last complaint.
struct Source {
  std::span<const std::byte> bytes;
  std::uint64_t offset = 0;
  char message[160] = "";
};

tmsize_t read_bytes(thandle_t handle, void* out, tmsize_t size) {
  auto& source = *static_cast<Source*>(handle);
  const std::uint64_t start = std::min<std::uint64_t>(source.offset, source.bytes.size());
  const std::uint64_t count =
      std::min<std::uint64_t>(std::uint64_t(size), source.bytes.size() - start);
  std::memcpy(out, source.bytes.data() + start, count);
  source.offset = start + count;
  return tmsize_t(count);
}
tmsize_t write_bytes(thandle_t, void*, tmsize_t) { return 0; }
std::uint64_t size_of(thandle_t handle) { return static_cast<Source*>(handle)->bytes.size(); }
int close_file(thandle_t) { return 0; }

std::uint64_t seek(thandle_t handle, std::uint64_t offset, int whence) {
  auto& source = *static_cast<Source*>(handle);
  if (whence == SEEK_CUR) offset += source.offset;
  if (whence == SEEK_END) offset += source.bytes.size();
  return source.offset = offset;
}

int complain(TIFF*, void* user, const char*, const char* format, va_list values) {
  auto& source = *static_cast<Source*>(user);
  std::vsnprintf(source.message, sizeof source.message, format, values);
  return 1;
}
int ignore(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

std::unique_ptr<TIFF, Close> open(Source& source) {
  const std::unique_ptr<TIFFOpenOptions, Close> options(TIFFOpenOptionsAlloc());
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most_memory);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), complain, &source);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), ignore, nullptr);
  return std::unique_ptr<TIFF, Close>(TIFFClientOpenExt("picture", "rm", &source, read_bytes,
                                                        write_bytes, seek, close_file, size_of,
                                                        nullptr, nullptr, options.get()));
}

}  // namespace

Image decode_tiff(std::span<const std::byte> bytes, const ImageLimits& limits) {
  Source source{bytes, 0, ""};
  const auto refuse = [&] { fail(ErrorCode::model, "{}", std::string(source.message)); };
  const std::unique_ptr<TIFF, Close> tiff = open(source);
  if (!tiff) refuse();
  std::uint32_t width = 0, height = 0;
  std::uint16_t samples = 1;
  TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
  TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, &samples);
  std::uint16_t meaning = PHOTOMETRIC_RGB;
  TIFFGetField(tiff.get(), TIFFTAG_PHOTOMETRIC, &meaning);
  const bool gray = meaning == PHOTOMETRIC_MINISBLACK || meaning == PHOTOMETRIC_MINISWHITE;
  Image image = blank_image(height, width, gray ? 1 : 3, limits);
  const auto pixels = std::size_t(width) * height;
  const auto raster = std::make_unique_for_overwrite<std::uint32_t[]>(pixels);
  if (!TIFFReadRGBAImageOriented(tiff.get(), width, height, raster.get(), ORIENTATION_TOPLEFT, 1)) {
    refuse();
  }
  std::uint8_t* out = image.pixels.data();
  for (std::size_t i = 0; i < pixels; ++i) {
    *out++ = std::uint8_t(TIFFGetR(raster[i]));
    if (gray) continue;
    *out++ = std::uint8_t(TIFFGetG(raster[i]));
    *out++ = std::uint8_t(TIFFGetB(raster[i]));
  }
  return image;
}

}  // namespace strata::image
#endif
