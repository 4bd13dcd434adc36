#include "strata/data/wav.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <optional>

#include "strata/base/byte_reader.hpp"
#include "strata/base/error.hpp"

namespace strata::data {
namespace {

constexpr int most_channels = 64;
constexpr std::uint32_t most_rate = 1'000'000;

enum Encoding : std::uint16_t { integers = 1, floats = 3, extensible = 0xfffe };

struct Format {
  std::uint16_t encoding = 0;
  std::uint16_t channels = 0;
  std::uint32_t rate = 0;
  std::uint16_t bits = 0;
};

std::string_view read_tag(ByteReader& reader) {
  const auto tag = reader.take(4);
  return {reinterpret_cast<const char*>(tag.data()), tag.size()};
}

Format read_format(std::span<const std::byte> chunk, std::size_t offset) {
  ByteReader reader(chunk);
  Format format;
  format.encoding = reader.read<std::uint16_t>();
  format.channels = reader.read<std::uint16_t>();
  format.rate = reader.read<std::uint32_t>();
  reader.take(4);  // bytes per second follow from the others
  const auto frame = reader.read<std::uint16_t>();
  format.bits = reader.read<std::uint16_t>();
  if (format.encoding == extensible) {
    reader.take(8);  // size, valid bits, which loudspeaker each channel is for
    format.encoding = reader.read<std::uint16_t>();
  }
  const bool known = (format.encoding == integers && (format.bits == 8 || format.bits == 16 ||
                                                      format.bits == 24 || format.bits == 32)) ||
                     (format.encoding == floats && format.bits == 32);
  if (!known) {
    fail(ErrorCode::unsupported,
         "at byte {}: encoding {} of {} bits, accepted are integers (1) of 8, 16, 24 and 32 bits "
         "and floats (3) of 32",
         offset, format.encoding, format.bits);
  }
  if (format.channels < 1 || format.channels > most_channels || format.rate < 1 ||
      format.rate > most_rate || frame != format.channels * format.bits / 8) {
    fail(ErrorCode::model,
         "at byte {}: {} channels at {} samples per second in frames of {} bytes; accepted are 1 "
         "to {} channels, rates of 1 to {} and frames of the size that follows",
         offset, format.channels, format.rate, frame, most_channels, most_rate);
  }
  return format;
}

/// A little-endian integer of 1 to 4 bytes in the high bytes of the result.
std::int32_t read_sample(const std::byte* at, std::size_t width) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value |= std::uint32_t(at[i]) << (8 * (4 - width + i));
  return std::int32_t(value);
}

std::vector<float> read_samples(std::span<const std::byte> data, const Format& format) {
  constexpr float full_scale = 2147483648.0f;
  const std::size_t width = format.bits / 8;
  std::vector<float> samples(data.size() / width);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::byte* at = data.data() + i * width;
    if (format.encoding == floats) {
      std::memcpy(&samples[i], at, sizeof(float));
      if (!std::isfinite(samples[i])) fail(ErrorCode::model, "sample {} is not finite", i);
    } else if (width == 1) {
      samples[i] = float(int(*at) - 128) / 128;  // bytes alone are unsigned
    } else {
      // Of 32 bits the last eight would round up to full scale; they are below what f32 keeps.
      const std::int32_t value = read_sample(at, width);
      samples[i] = float(width == 4 ? value & ~0x7f : value) / full_scale;
    }
  }
  return samples;
}

}  // namespace

Clip parse_wav(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  if (read_tag(reader) != "RIFF") fail(ErrorCode::model, "at byte 0: not a wav file: no RIFF");
  const auto size = reader.read<std::uint32_t>();
  if (size > reader.remaining()) {
    fail(ErrorCode::model, "at byte 4: {} bytes announced, {} are there", size, reader.remaining());
  }
  if (read_tag(reader) != "WAVE") fail(ErrorCode::model, "at byte 8: not a wav file: no WAVE");
  std::optional<Format> format;
  while (reader.remaining() > 0) {
    const std::size_t offset = reader.offset();
    const std::string_view tag = read_tag(reader);
    const auto length = reader.read<std::uint32_t>();
    const auto chunk = reader.take(length);
    if (tag == "fmt ") format = read_format(chunk, offset + 8);
    if (tag == "data") {
      if (!format) fail(ErrorCode::model, "at byte {}: samples before their format", offset);
      if (length % (format->channels * format->bits / 8u) != 0) {
        fail(ErrorCode::model, "at byte {}: {} bytes are no whole number of samples", offset,
             length);
      }
      return {format->rate, format->channels, read_samples(chunk, *format)};
    }
    if (length % 2 == 1 && reader.remaining() > 0) reader.take(1);  // chunks begin at even offsets
  }
  fail(ErrorCode::model, "a wav file without samples");
}

bool has_clip_suffix(std::string_view name) {
  constexpr std::string_view suffix = ".wav";
  if (name.size() < suffix.size()) return false;
  return std::ranges::equal(name.substr(name.size() - suffix.size()), suffix, [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  });
}

}  // namespace strata::data
