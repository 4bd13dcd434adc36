#include <algorithm>
#include <cctype>

#include "strata/base/error.hpp"
#include "strata/image/decoders.hpp"

// The formats of Netpbm: "P", a digit, width, height, the greatest sample (not in bitmaps),
// samples.

namespace strata::image {
namespace {

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t left() const { return bytes_.size() - offset_; }
  int next() {
    if (left() == 0) fail(ErrorCode::model, "ends at byte {}", offset_);
    return int(bytes_[offset_++]);
  }
  /// A decimal number after spaces and comments, which run from # to the end of the line.
  std::int64_t number() {
    skip_spaces();
    std::int64_t value = 0;
    const std::size_t start = offset_;
    while (left() > 0 && std::isdigit(peek())) {
      value = std::min<std::int64_t>(value * 10 + (next() - '0'), 1 << 30);
    }
    if (offset_ == start) fail(ErrorCode::model, "no number at byte {}", start);
    return value;
  }
  /// One 0 or 1, which need no space between them.
  bool digit() {
    skip_spaces();
    const int c = next();
    if (c != '0' && c != '1') fail(ErrorCode::model, "byte {} is no 0 or 1", offset_ - 1);
    return c == '1';
  }

 private:
  int peek() const { return int(bytes_[offset_]); }
  void skip_spaces() {
    while (left() > 0 && (std::isspace(peek()) || peek() == '#')) {
      const bool comment = next() == '#';
      while (comment && left() > 0 && next() != '\n') {
      }
    }
  }
  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
};

constexpr int bits_as_text = 1, bits = 4, samples = 5;  // the digits; samples as text are 2 and 3

/// In bitmaps 1 is black; rows of packed ones start at a byte.
void read_bits(Reader& reader, int kind, Image& image) {
  const auto width = std::size_t(image.width);
  int byte = 0;
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    const std::size_t x = i % width;
    if (kind == bits && x % 8 == 0) byte = reader.next();
    const bool black = kind == bits ? (byte >> (7 - x % 8)) & 1 : reader.digit();
    image.pixels[i] = black ? 0 : 255;
  }
}

void read_samples(Reader& reader, bool text, std::int64_t greatest, Image& image) {
  for (std::uint8_t& pixel : image.pixels) {
    std::int64_t sample = text ? reader.number() : reader.next();
    if (!text && greatest > 255) sample = sample * 256 + reader.next();
    if (sample > greatest) {
      fail(ErrorCode::model, "a sample is {}, accepted are 0 to {}", sample, greatest);
    }
    pixel =
        std::uint8_t(greatest == 65535 ? sample >> 8 : (sample * 255 + greatest / 2) / greatest);
  }
}

}  // namespace

Image decode_pnm(std::span<const std::byte> bytes, const ImageLimits& limits) {
  Reader reader(bytes);
  reader.next();
  const int kind = reader.next() - '0';
  const std::int64_t width = reader.number();
  const std::int64_t height = reader.number();
  const bool bitmap = kind == bits_as_text || kind == bits;
  const std::int64_t greatest = bitmap ? 1 : reader.number();
  if (greatest < 1 || greatest > 65535) {
    fail(ErrorCode::model, "the greatest sample is {}, accepted are 1 to 65535", greatest);
  }
  const int channels = kind % 3 == 0 ? 3 : 1;
  const bool text = kind < bits;
  if (!text) reader.next();  // one space ends the header
  // The least that samples take; then a header cannot ask for more memory than the file has bytes.
  const std::int64_t least = kind == bits ? (width + 7) / 8 * height : width * height * channels;
  if (least > std::int64_t(reader.left())) {
    fail(ErrorCode::model, "{} x {} pixels need more than the {} bytes that are left", width,
         height, reader.left());
  }
  Image image = blank_image(height, width, channels, limits);
  bitmap ? read_bits(reader, kind, image) : read_samples(reader, text, greatest, image);
  return image;
}

}  // namespace strata::image
