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

#if defined(__AVX512VNNI__)
/// Pixels of three planes, side by side: 16 at a time, of which each plane gives every third byte.
void interleave_three(const IntegerPrepare& p, Prepared* to, Preparation prepared) {
  const std::uint8_t *a = p.x, *b = p.x + p.x_channel, *c = p.x + 2 * p.x_channel;
  const __m128i flip = _mm_set1_epi8(char(prepared.flip));
  __m128i pick[3][3];  // by register of the result, then plane; no byte: 0x80
  for (int i = 0; i < 3; ++i) {
    alignas(16) std::uint8_t index[3][16];
    for (int j = 0; j < 16; ++j) {
      for (int plane = 0; plane < 3; ++plane) {
        const int at = 16 * i + j;
        index[plane][j] = at % 3 == plane ? std::uint8_t(at / 3) : 0x80;
      }
    }
    for (int plane = 0; plane < 3; ++plane) pick[i][plane] = load_any<__m128i>(index[plane]);
  }
  int i = 0;
  for (; i + 16 <= p.pixels; i += 16, to += 48) {
    const __m128i planes[3] = {_mm_xor_si128(load_any<__m128i>(a + i), flip),
                               _mm_xor_si128(load_any<__m128i>(b + i), flip),
                               _mm_xor_si128(load_any<__m128i>(c + i), flip)};
    for (int part = 0; part < 3; ++part) {
      const __m128i bytes = _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(planes[0], pick[part][0]),
                                                      _mm_shuffle_epi8(planes[1], pick[part][1])),
                                         _mm_shuffle_epi8(planes[2], pick[part][2]));
      store_any(to + 16 * part, bytes);
    }
  }
  for (; i < p.pixels; ++i, to += 3) {
    to[0] = prepared(a[i]);
    to[1] = prepared(b[i]);
    to[2] = prepared(c[i]);
  }
}
#endif

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
#if defined(__AVX512VNNI__)
  if (p.channels == 3 && p.group_elements == 3 && p.groups == 1 && p.x_pixel == 1) {
    return interleave_three(p, to, prepared);
  }
#endif
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
