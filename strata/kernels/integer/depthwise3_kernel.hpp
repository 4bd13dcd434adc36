#pragma once

#include "strata/kernels/integer/rescale.hpp"
#include "strata/kernels/unrolled.hpp"

/// Depthwise convolution 3x3 of 32 or 64 channels by products of words: the bytes of three rows are
/// interleaved once for each input column, and each such word is multiplied by the weights of the
/// one to three outputs of the row that read it.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

#if defined(__AVX512VNNI__)
/// A register of 32 or 64 channels. Instructions on bytes stay within each 128 bits.
struct Channels32 {
  using V = __m256i;
  static constexpr int count = 32;

  static V all(std::int32_t word) { return _mm256_set1_epi32(word); }
  static V load(const void* p) { return load_any<V>(p); }
  static V load_codes(const std::uint8_t* p, std::uint64_t channels) {
    return _mm256_maskz_loadu_epi8(__mmask32(channels), p);
  }
  static void store_codes(std::uint8_t* p, std::uint64_t channels, V v) {
    _mm256_mask_storeu_epi8(p, __mmask32(channels), v);
  }
  static V bytes_low(V a, V b) { return _mm256_unpacklo_epi8(a, b); }
  static V bytes_high(V a, V b) { return _mm256_unpackhi_epi8(a, b); }
  static V shorts_low(V a, V b) { return _mm256_unpacklo_epi16(a, b); }
  static V shorts_high(V a, V b) { return _mm256_unpackhi_epi16(a, b); }
  static V flipped(V v, V by) { return _mm256_xor_si256(v, by); }
  static V add_words(V sum, V x, V w) { return _mm256_dpbusd_epi32(sum, x, w); }
  static V scaled(V sum, const void* scale) {
    const __m256 v = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), load_any<__m256>(scale));
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_set1_ps(0x1p30f), v));
  }
  static V shorts(V a, V b, V zero) { return _mm256_adds_epi16(_mm256_packs_epi32(a, b), zero); }
  static V bytes(V a, V b) { return _mm256_packus_epi16(a, b); }
};
struct Channels64 {
  using V = __m512i;
  static constexpr int count = 64;

  static V all(std::int32_t word) { return _mm512_set1_epi32(word); }
  static V load(const void* p) { return load_any<V>(p); }
  static V load_codes(const std::uint8_t* p, std::uint64_t channels) {
    return _mm512_maskz_loadu_epi8(channels, p);
  }
  static void store_codes(std::uint8_t* p, std::uint64_t channels, V v) {
    _mm512_mask_storeu_epi8(p, channels, v);
  }
  static V bytes_low(V a, V b) { return _mm512_unpacklo_epi8(a, b); }
  static V bytes_high(V a, V b) { return _mm512_unpackhi_epi8(a, b); }
  static V shorts_low(V a, V b) { return _mm512_unpacklo_epi16(a, b); }
  static V shorts_high(V a, V b) { return _mm512_unpackhi_epi16(a, b); }
  static V flipped(V v, V by) { return _mm512_xor_si512(v, by); }
  static V add_words(V sum, V x, V w) { return _mm512_dpbusd_epi32(sum, x, w); }
  static V scaled(V sum, const void* scale) {
    const __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), load_any<__m512>(scale));
    return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_set1_ps(0x1p30f), v));
  }
  static V shorts(V a, V b, V zero) { return _mm512_adds_epi16(_mm512_packs_epi32(a, b), zero); }
  static V bytes(V a, V b) { return _mm512_packus_epi16(a, b); }
};

/// One row of the output; vectors of words k hold the channels 16 L + 4 k + m as word m of their
/// 128 bits L.
template <class Of>
struct Depthwise3Row {
  using V = typename Of::V;
  struct ChannelWords {
    V at[4];
  };

  Depthwise3Row(const IntegerDepthwise& d, int row, const std::uint8_t* padding)
      : outside(padding),
        channels(~std::uint64_t(0) >> (64 - d.lanes)),
        width(unsigned(d.width)),
        column(d.x_column),
        y_column(d.y_column),
        y(d.y + row * d.y_row),
        weights(static_cast<const std::uint8_t*>(d.w)),
        bias(d.bias),
        scales(d.words.first),
        flip(Of::all(d.is_signed ? std::int32_t(0x80808080) : 0)),
        low(Of::all(-d.epilogue.low * 0x10001)),
        y_flip(Of::all(d.epilogue.low + d.epilogue.zero < 0 ? std::int32_t(0x80808080) : 0)) {
    for (int i = 0; i < 3; ++i) {
      const int at = row * d.stride_h - d.pad_top + i * d.dilation_h;
      const bool exists = at >= 0 && at < d.height;
      x[i] = exists ? d.x + at * d.x_row : outside;
      step[i] = exists ? column : 0;
    }
    unrolled<3>([&](auto j) __attribute__((always_inline)) {
      unrolled<4>([&](auto k) __attribute__((always_inline)) {
        w[j].at[k] = Of::load(weights + (4 * j + k) * sizeof(V));
      });
    });
  }

  [[gnu::always_inline]] ChannelWords at(int c) const {
    const bool inside = unsigned(c) < width;
    const auto load = [&](int i) __attribute__((always_inline)) {
      const std::uint8_t* p = inside ? x[i] + c * step[i] : outside;
      return Of::flipped(Of::load_codes(p, channels), flip);
    };
    const V a = load(0), b = load(1), last = load(2);
    const V first_low = Of::bytes_low(a, b), first_high = Of::bytes_high(a, b);
    const V last_low = Of::bytes_low(last, last), last_high = Of::bytes_high(last, last);
    return {{Of::shorts_low(first_low, last_low), Of::shorts_high(first_low, last_low),
             Of::shorts_low(first_high, last_high), Of::shorts_high(first_high, last_high)}};
  }

  template <int J>
  [[gnu::always_inline]] void add(ChannelWords& sums, const ChannelWords& words) const {
    unrolled<4>([&](auto k) __attribute__((always_inline)) {
      sums.at[k] = Of::add_words(sums.at[k], words.at[k], w[J].at[k]);
    });
  }
  /// Sums that start with the first column of their window.
  [[gnu::always_inline]] ChannelWords start(const ChannelWords& words) const {
    ChannelWords sums;
    unrolled<4>([&](auto k) __attribute__((always_inline)) {
      sums.at[k] = Of::load(bias + k * (Of::count / 4));
    });
    add<0>(sums, words);
    return sums;
  }

  /// clamp(R(f32(sum) * scale) + zero) of complete sums. Narrowing saturates; only numbers beyond
  /// 2^31 would turn negative, and are kept below. NaN gives the lowest code.
  [[gnu::always_inline]] void put(const ChannelWords& sums) {
    V whole[4];
    unrolled<4>([&](auto k) __attribute__((always_inline)) {
      whole[k] = Of::scaled(sums.at[k], scales + k * (Of::count / 4));
    });
    const V codes =
        Of::bytes(Of::shorts(whole[0], whole[1], low), Of::shorts(whole[2], whole[3], low));
    Of::store_codes(y, channels, Of::flipped(codes, y_flip));
    y += y_column;
  }

  const std::uint8_t* x[3];
  std::ptrdiff_t step[3];  ///< bytes between columns: 0 in a row of padding
  const std::uint8_t* outside;
  std::uint64_t channels;
  unsigned width;
  std::ptrdiff_t column, y_column;
  std::uint8_t* y;
  const std::uint8_t* weights;
  const std::int32_t *bias, *scales;
  V flip, low, y_flip;
  ChannelWords w[3];
};

template <class Of>
void depthwise3_by_one(const IntegerDepthwise& d, int row, const std::uint8_t* outside) {
  using ChannelWords = typename Depthwise3Row<Of>::ChannelWords;
  Depthwise3Row<Of> r(d, row, outside);
  int c = -d.pad_left;
  ChannelWords x = r.at(c++), next = r.at(c++);
  // Of three outputs that an input column reaches, the first is complete.
  ChannelWords first = r.start(x), second, third;
  r.template add<1>(first, next);
  second = r.start(next);
  const auto step = [&](ChannelWords & oldest, ChannelWords & middle, ChannelWords & newest)
      __attribute__((always_inline)) {
    const ChannelWords words = r.at(c++);
    r.template add<2>(oldest, words);
    r.template add<1>(middle, words);
    newest = r.start(words);
    r.put(oldest);
  };
  for (int q = d.out_width;;) {
    if (--q < 0) return;
    step(first, second, third);
    if (--q < 0) return;
    step(second, third, first);
    if (--q < 0) return;
    step(third, first, second);
  }
}

template <class Of>
void depthwise3_by_two(const IntegerDepthwise& d, int row, const std::uint8_t* outside) {
  using ChannelWords = typename Depthwise3Row<Of>::ChannelWords;
  Depthwise3Row<Of> r(d, row, outside);
  int c = -d.pad_left;
  ChannelWords sums = r.start(r.at(c++));
  for (int q = 0; q < d.out_width; ++q) {
    r.template add<1>(sums, r.at(c++));
    const ChannelWords shared = r.at(c++);
    r.template add<2>(sums, shared);
    r.put(sums);
    sums = r.start(shared);
  }
}

void depthwise3_row(const IntegerDepthwise& d, int row) noexcept {
  alignas(64) std::uint8_t outside[64];
  store_any(outside, _mm512_set1_epi8(char(d.zero)));
  if (d.lanes > 32) {
    d.stride_w == 1 ? depthwise3_by_one<Channels64>(d, row, outside)
                    : depthwise3_by_two<Channels64>(d, row, outside);
  } else {
    d.stride_w == 1 ? depthwise3_by_one<Channels32>(d, row, outside)
                    : depthwise3_by_two<Channels32>(d, row, outside);
  }
}
constexpr auto depthwise3 = depthwise3_row;
#else
constexpr decltype(IntegerKernels::depthwise3) depthwise3 = nullptr;
#endif

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
