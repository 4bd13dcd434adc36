#include <cstdio>
// jpeglib.h needs stdio's types before it.
#include <jpeglib.h>

#include <jerror.h>

#include <csetjmp>
#include <string>

#include "strata/base/error.hpp"
#include "strata/image/decoders.hpp"

namespace strata::image {
namespace {

// A progressive file may hold any number of scans, each as slow as a whole picture.
constexpr int most_scans = 100;

/// libjpeg's error handler, with the way out. Functions that call into libjpeg hold nothing that
/// needs a destructor.
struct ErrorState {
  jpeg_error_mgr handler{};  // first: libjpeg hands out its address
  jmp_buf leave{};
  char message[JMSG_LENGTH_MAX] = "";
};

[[noreturn]] void leave(j_common_ptr info) {
  auto& state = *reinterpret_cast<ErrorState*>(info->err);
  state.handler.format_message(info, state.message);
  longjmp(state.leave, 1);
}

/// Warnings that mean that part of the picture is missing are errors here.
void on_message(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) leave(info);
}

void check_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > most_scans) {
    info->err->msg_code = JERR_BAD_PROGRESSION;
    leave(info);
  }
}

/// A decompressor, freed at the end of the scope.
struct Decompressor {
  explicit Decompressor(ErrorState& state) {
    info.err = jpeg_std_error(&state.handler);
    state.handler.error_exit = leave;
    state.handler.emit_message = on_message;
  }
  ~Decompressor() { jpeg_destroy_decompress(&info); }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;

  jpeg_decompress_struct info{};
  jpeg_progress_mgr progress{};
};

bool read_header(Decompressor& decompressor, ErrorState& state, std::span<const std::byte> bytes) {
  if (setjmp(state.leave)) return false;
  jpeg_create_decompress(&decompressor.info);
  decompressor.progress.progress_monitor = check_scans;
  decompressor.info.progress = &decompressor.progress;
  jpeg_mem_src(&decompressor.info, reinterpret_cast<const unsigned char*>(bytes.data()),
               static_cast<unsigned long>(bytes.size()));
  jpeg_read_header(&decompressor.info, TRUE);
  return true;
}

bool read_pixels(jpeg_decompress_struct& info, ErrorState& state, std::uint8_t* pixels,
                 std::size_t row_bytes) {
  if (setjmp(state.leave)) return false;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = pixels + info.output_scanline * row_bytes;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  return true;
}

/// Four-ink pictures carry inverted inks, as Adobe's programs write them.
Image from_inks(const Image& inks) {
  Image image = inks;
  image.channels = 3;
  image.pixels.resize(inks.pixels.size() / 4 * 3);
  for (std::size_t i = 0; i < inks.pixels.size() / 4; ++i) {
    const int black = inks.pixels[i * 4 + 3];
    for (std::size_t c = 0; c < 3; ++c) {
      image.pixels[i * 3 + c] = std::uint8_t((inks.pixels[i * 4 + c] * black + 127) / 255);
    }
  }
  return image;
}

}  // namespace

Image decode_jpeg(std::span<const std::byte> bytes, const ImageLimits& limits) {
  ErrorState state;
  Decompressor decompressor(state);
  jpeg_decompress_struct& info = decompressor.info;
  const auto complain = [&] { fail(ErrorCode::model, "{}", std::string(state.message)); };
  if (!read_header(decompressor, state, bytes)) complain();
  const int channels = info.num_components == 1 ? 1 : info.num_components == 4 ? 4 : 3;
  info.out_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 4 ? JCS_CMYK : JCS_RGB;
  Image image = blank_image(info.image_height, info.image_width, channels, limits);
  const std::size_t row_bytes = std::size_t(info.image_width) * std::size_t(channels);
  if (!read_pixels(info, state, image.pixels.data(), row_bytes)) complain();
  return channels == 4 ? from_inks(image) : image;
}

}  // namespace strata::image
