#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <string>

#include "strata/base/error.hpp"
#include "strata/image/decoders.hpp"

namespace strata::image {
namespace {

// Deflate expands at most 1032-fold, and a row of n bytes is stored as n + 1.
constexpr std::int64_t most_expansion = 1100;
constexpr std::size_t most_message = 160;

/// What libpng's callbacks share. Its errors leave through longjmp, so functions that call into it
/// hold nothing that needs a destructor.
struct Source {
  std::span<const std::byte> bytes;
  std::size_t offset = 0;
  char message[most_message] = "";
};

void read_bytes(png_structp png, png_bytep out, png_size_t size) {
  auto& source = *static_cast<Source*>(png_get_io_ptr(png));
  if (size > source.bytes.size() - source.offset) png_error(png, "ends too early");
  std::memcpy(out, source.bytes.data() + source.offset, size);
  source.offset += size;
}

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto& source = *static_cast<Source*>(png_get_error_ptr(png));
  std::strncpy(source.message, text, most_message - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

/// A png_struct and its png_info, freed together.
class Png {
 public:
  explicit Png(Source& source)
      : png_(png_create_read_struct(PNG_LIBPNG_VER_STRING, &source, on_error, on_warning)),
        info_(png_ ? png_create_info_struct(png_) : nullptr) {
    if (!info_) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      fail(ErrorCode::io, "no memory to decode it");
    }
    png_set_read_fn(png_, &source, read_bytes);
  }
  ~Png() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
  png_structp png() const { return png_; }
  png_infop info() const { return info_; }

 private:
  png_structp png_;
  png_infop info_;
};

/// False if libpng complained. Afterwards rows come as 8-bit gray or RGB.
bool start(png_structp png, png_infop info, const ImageLimits& limits) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_user_limits(png, png_uint_32(limits.side), png_uint_32(limits.side));
  png_set_chunk_cache_max(png, 128);
  png_set_chunk_malloc_max(png, 8 << 20);
  png_read_info(png, info);
  png_set_strip_16(png);
  png_set_strip_alpha(png);
  png_set_palette_to_rgb(png);
  if (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
  return true;
}

bool read_rows(png_structp png, png_bytepp rows) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_read_image(png, rows);
  png_read_end(png, nullptr);
  return true;
}

}  // namespace

Image decode_png(std::span<const std::byte> bytes, const ImageLimits& limits) {
  Source source{bytes, 0, ""};
  const Png reader(source);
  const auto complain = [&] {
    fail(ErrorCode::model, "at byte {}: {}", source.offset, std::string(source.message));
  };
  if (!start(reader.png(), reader.info(), limits)) complain();
  const std::int64_t height = png_get_image_height(reader.png(), reader.info());
  const std::int64_t width = png_get_image_width(reader.png(), reader.info());
  const int channels = png_get_channels(reader.png(), reader.info());
  const auto row_bytes = std::int64_t(png_get_rowbytes(reader.png(), reader.info()));
  STRATA_ASSERT(row_bytes == width * channels && (channels == 1 || channels == 3));
  // A bit per pixel is the least a PNG stores before it compresses.
  if (height * (width / 8 + 1) / most_expansion > std::int64_t(bytes.size())) {
    fail(ErrorCode::model, "{} x {} pixels cannot come out of {} bytes", width, height,
         bytes.size());
  }
  Image image = blank_image(height, width, channels, limits);
  std::vector<png_bytep> rows;
  for (std::int64_t y = 0; y < height; ++y) rows.push_back(image.pixels.data() + y * row_bytes);
  if (!read_rows(reader.png(), rows.data())) complain();
  return image;
}

}  // namespace strata::image
