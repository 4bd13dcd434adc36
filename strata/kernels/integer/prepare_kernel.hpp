#pragma once

#include "strata/kernels/integer/ints.hpp"
#include "strata/kernels/integer/tile.hpp"

/// Rows of the input as tiles read them.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

#if defined(__AVX512VNNI__)
using Prepared = std::uint8_t;
#else
using Prepared = std::int16_t;
#endif

/// u8 with the sign bit flipped where bytes are signed, or the difference to the zero point.
struct Preparation {
  int flip;  ///< of the sign bit
  int zero;  ///< of the flipped byte

  Prepared operator()(std::uint8_t byte) const {
    const int value = byte ^ flip;
#if defined(__AVX512VNNI__)
    return Prepared(value);
#else
    return Prepared(value - zero);
#endif
  }
  Prepared padding() const { return (*this)(std::uint8_t(zero ^ flip)); }
};

void convert(const std::uint8_t* from, Prepared* to, std::ptrdiff_t count, Preparation prepared) {
  for (std::ptrdiff_t i = 0; i < count; ++i) to[i] = prepared(from[i]);
}

/// Channels that lie apart.
void gather(const IntegerPrepare& p, Prepared* to, Preparation prepared) {
  const int channels = p.channels / p.groups;
  const std::ptrdiff_t pixel = std::ptrdiff_t(p.groups) * p.group_elements;
  for (int c = 0; c < p.channels; ++c) {
    const std::uint8_t* from = p.x + c * p.x_channel;
    Prepared* at = to + c / channels * p.group_elements + c % channels;
    for (int i = 0; i < p.pixels; ++i) at[i * pixel] = prepared(from[i * p.x_pixel]);
  }
}

void prepare_row(const IntegerPrepare& p) noexcept {
  const int flip = p.is_signed ? 0x80 : 0;
  const Preparation prepared{flip, (p.zero & 0xff) ^ flip};
  const int channels = p.channels / p.groups;
  const std::ptrdiff_t pixel = std::ptrdiff_t(p.groups) * p.group_elements;
  Prepared* to = reinterpret_cast<Prepared*>(p.to);
  const Prepared padding = prepared.padding();
  const auto fill = [padding](Prepared* from, std::ptrdiff_t count) {
    for (std::ptrdiff_t i = 0; i < count; ++i) from[i] = padding;
  };
  if (!p.x) return fill(to, p.width * pixel);
  fill(to, p.left * pixel);
  fill(to + (p.left + p.pixels) * pixel, (p.width - p.left - p.pixels) * pixel);
  to += p.left * pixel;
  if (channels != p.group_elements) fill(to, p.pixels * pixel);
  if (p.x_channel != 1) return gather(p, to, prepared);
  if (channels == p.group_elements) return convert(p.x, to, p.pixels * pixel, prepared);
  for (int i = 0; i < p.pixels; ++i) {
    for (int g = 0; g < p.groups; ++g) {
      convert(p.x + i * p.x_pixel + g * channels, to + i * pixel + g * p.group_elements, channels,
              prepared);
    }
  }
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
