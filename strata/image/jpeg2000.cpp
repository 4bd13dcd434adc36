#ifdef STRATA_JPEG2000
#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

#include "strata/base/error.hpp"
#include "strata/image/decoders.hpp"

namespace strata::image {
namespace {

// One colour all over takes next to nothing; what takes less than this is an attack on memory.
constexpr std::int64_t most_samples_per_byte = 4096;

struct Source {
  std::span<const std::byte> bytes;
  std::size_t offset = 0;
  std::string message;
};

OPJ_SIZE_T read_bytes(void* out, OPJ_SIZE_T size, void* user) {
  auto& source = *static_cast<Source*>(user);
  const std::size_t count = std::min<std::size_t>(size, source.bytes.size() - source.offset);
  if (count == 0) return OPJ_SIZE_T(-1);
  std::memcpy(out, source.bytes.data() + source.offset, count);
  source.offset += count;
  return count;
}

OPJ_OFF_T skip(OPJ_OFF_T count, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (count < 0) return -1;
  const auto left = OPJ_OFF_T(source.bytes.size() - source.offset);
  count = std::min(count, left);
  source.offset += std::size_t(count);
  return count;
}

OPJ_BOOL seek(OPJ_OFF_T offset, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (offset < 0 || std::size_t(offset) > source.bytes.size()) return OPJ_FALSE;
  source.offset = std::size_t(offset);
  return OPJ_TRUE;
}

void complain(const char* text, void* user) {
  std::string& message = static_cast<Source*>(user)->message;
  message = text;
  while (!message.empty() && message.back() == '\n') message.pop_back();
}

template <auto destroy>
struct Destroy {
  void operator()(auto* object) const { destroy(object); }
};
using Codec = std::unique_ptr<opj_codec_t, Destroy<opj_destroy_codec>>;
using Stream = std::unique_ptr<opj_stream_t, Destroy<opj_stream_destroy>>;
using Picture = std::unique_ptr<opj_image_t, Destroy<opj_image_destroy>>;

Stream open(Source& source) {
  Stream stream(opj_stream_create(1 << 16, OPJ_TRUE));
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), source.bytes.size());
  opj_stream_set_read_function(stream.get(), read_bytes);
  opj_stream_set_skip_function(stream.get(), skip);
  opj_stream_set_seek_function(stream.get(), seek);
  return stream;
}

/// Gray, or red, green and blue, all of the picture's size.
void check_components(const opj_image_t& picture) {
  if (picture.numcomps < 1 || picture.color_space == OPJ_CLRSPC_SYCC ||
      picture.color_space == OPJ_CLRSPC_EYCC || picture.color_space == OPJ_CLRSPC_CMYK) {
    fail(ErrorCode::unsupported, "{} components of colour space {}, accepted are gray and sRGB",
         picture.numcomps, int(picture.color_space));
  }
  for (OPJ_UINT32 c = 0; c < picture.numcomps; ++c) {
    const opj_image_comp_t& component = picture.comps[c];
    if (component.w != picture.comps[0].w || component.h != picture.comps[0].h ||
        component.prec < 1 || component.prec > 16) {
      fail(ErrorCode::unsupported,
           "component {} has {} x {} samples of {} bits, accepted are as "
           "many as in the first, of 1 to 16 bits",
           c, component.w, component.h, component.prec);
    }
  }
}

std::uint8_t to_byte(const opj_image_comp_t& component, std::size_t i) {
  const int bits = int(component.prec);
  const int most = (1 << bits) - 1;
  const int sample = component.data[i] + (component.sgnd ? 1 << (bits - 1) : 0);
  const int clamped = std::clamp(sample, 0, most);
  return std::uint8_t(bits >= 8 ? clamped >> (bits - 8) : clamped * 255 / most);
}

}  // namespace

Image decode_jpeg2000(std::span<const std::byte> bytes, const ImageLimits& limits) {
  Source source{bytes, 0, "damaged"};
  const auto refuse = [&] { fail(ErrorCode::model, "{}", source.message); };
  const bool boxed = bytes[0] == std::byte(0);  // else a bare codestream
  const Codec codec(opj_create_decompress(boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K));
  opj_set_error_handler(codec.get(), complain, &source);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  const Stream stream = open(source);
  opj_image_t* read = nullptr;
  if (!opj_setup_decoder(codec.get(), &parameters)) refuse();
  const bool good = opj_read_header(stream.get(), codec.get(), &read);
  const Picture picture(read);
  if (!good || !picture) refuse();
  const std::int64_t height = std::int64_t(picture->y1) - picture->y0;
  const std::int64_t width = std::int64_t(picture->x1) - picture->x0;
  const int channels = picture->numcomps >= 3 ? 3 : 1;
  Image image = blank_image(height, width, channels, limits);
  if (width * height / most_samples_per_byte * picture->numcomps > std::int64_t(bytes.size())) {
    fail(ErrorCode::model, "{} x {} pixels cannot come out of {} bytes", width, height,
         bytes.size());
  }
  if (!opj_decode(codec.get(), stream.get(), picture.get())) refuse();
  check_components(*picture);
  if (picture->comps[0].w != width || picture->comps[0].h != height || !picture->comps[0].data) {
    refuse();
  }
  for (std::size_t i = 0; i < std::size_t(width * height); ++i) {
    for (std::size_t c = 0; c < std::size_t(channels); ++c) {
      image.pixels[i * std::size_t(channels) + c] = to_byte(picture->comps[c], i);
    }
  }
  return image;
}

}  // namespace strata::image
#endif
