#pragma once

#include "strata/kernels/integer/rescale.hpp"

/// From the sums of tiles to results.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

[[gnu::always_inline]] inline Ints rescale(Ints sum, IntegerWords words, std::ptrdiff_t lane,
                                           const IntegerEpilogue& e) {
  return rescale(sum, load_any<Ints>(words.first + lane), load_any<Ints>(words.second + lane), e);
}

template <class Stored>
[[gnu::always_inline]] inline Stored stored_as(Ints v) {
  if constexpr (sizeof(Stored) == sizeof(Ints)) {
    return v;
  } else {
    return narrow(v);
  }
}

/// Sums of one vector of lanes, at all positions, through f(sum, position), which gives what is
/// stored as elements of Stored.
template <class Stored, class F>
[[gnu::always_inline]] inline void finish_vector(const IntegerFinish& f, int v, F&& result) {
  const std::ptrdiff_t lane = v * int_lanes;
  const int lanes = v + 1 < f.vectors ? int_lanes : f.last_lanes;
  const Ints bias = load_any<Ints>(f.bias + lane);
  const std::int32_t* sums = f.sums + lane;
  constexpr std::ptrdiff_t size = std::ptrdiff_t(sizeof(Stored)) / int_lanes;
  for (int p = 0; p < f.positions;) {
    std::uint8_t* y = f.y + (p / f.columns * f.y_row + lane) * size;
    for (int c = 0; c < f.columns; ++c, ++p) {
      const Ints sum = load_any<Ints>(sums) + bias;
      const Stored stored = stored_as<Stored>(result(sum, p));
      lanes == int_lanes ? store_any(y, stored) : store_any(y, stored, lanes);
      sums += f.vectors * int_lanes;
      y += f.y_column * size;
    }
  }
}

#if defined(__AVX512F__)
/// Where the codes of each position go, one after the other.
struct PositionWalk {
  explicit PositionWalk(const IntegerFinish& f)
      : row(f.y), y(f.y), columns(f.columns), y_row(f.y_row), y_column(f.y_column) {}

  std::uint8_t* next() {
    std::uint8_t* at = y;
    y += y_column;
    if (++column == columns) {
      column = 0;
      y = row += y_row;
    }
    return at;
  }

  std::uint8_t *row, *y;
  int column = 0, columns;
  std::ptrdiff_t y_row, y_column;
};

/// The rule float_even for four vectors at once. Narrowing saturates to the codes there are; only
/// numbers beyond 2^31 would turn negative, and are kept below. NaN gives the lowest code.
struct FourVectors {
  explicit FourVectors(const IntegerEpilogue& e)
      : low(_mm512_set1_epi16(std::int16_t(-e.low))),
        flip(_mm512_set1_epi8(e.low + e.zero < 0 ? char(0x80) : char(0))),
        bound(_mm512_set1_ps(0x1p30f)),
        order(_mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0)) {}

  [[gnu::always_inline]] __m512i whole(__m512i sum, __m512 scale) const {
    const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale);
    return _mm512_cvtps_epi32(_mm512_min_ps(bound, scaled));
  }
  /// The codes of one vector after the other.
  [[gnu::always_inline]] __m512i codes(__m512i a, __m512i b, __m512i c, __m512i d) const {
    const __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(a, b), low);
    const __m512i second = _mm512_adds_epi16(_mm512_packs_epi32(c, d), low);
    return _mm512_permutexvar_epi32(order,
                                    _mm512_xor_si512(_mm512_packus_epi16(first, second), flip));
  }

  __m512i low, flip;
  __m512 bound;
  __m512i order;
};

/// A tile, by two positions of two vectors, or four of one.
template <int Vectors>
void finish_even(const IntegerFinish& f) noexcept {
  constexpr int together = 4 / Vectors;
  const FourVectors four(f.epilogue);
  __m512i bias[Vectors], w_zero[Vectors];
  __m512 scale[Vectors];
  for (int v = 0; v < Vectors; ++v) {
    bias[v] = _mm512_loadu_si512(f.bias + 16 * v);
    scale[v] = _mm512_loadu_ps(f.words.first + 16 * v);
    w_zero[v] = f.window_sums ? _mm512_loadu_si512(f.w_zero + 16 * v) : _mm512_setzero_si512();
  }
  const auto mask = __mmask32((std::uint64_t(1) << (16 * (Vectors - 1) + f.last_lanes)) - 1);
  PositionWalk walk(f);
  for (int p = 0; p < f.positions; p += together) {
    // Behind the last position it is stored again.
    const int last = f.positions - 1 - p;
    __m512i whole[4];
    std::uint8_t *y[together], *to = nullptr;
    for (int i = 0; i < together; ++i) {
      const int at = p + (i < last ? i : last);
      if (i <= last) to = walk.next();
      y[i] = to;
      for (int v = 0; v < Vectors; ++v) {
        __m512i sum = _mm512_loadu_si512(f.sums + 16 * (at * Vectors + v));
        sum = _mm512_add_epi32(sum, bias[v]);
        if (f.window_sums) {
          const __m512i window = _mm512_set1_epi32(f.window_sums[at]);
          sum = _mm512_sub_epi32(sum, _mm512_mullo_epi32(w_zero[v], window));
        }
        whole[i * Vectors + v] = four.whole(sum, scale[v]);
      }
    }
    const __m512i codes = four.codes(whole[0], whole[1], whole[2], whole[3]);
    if constexpr (Vectors == 2) {
      _mm256_mask_storeu_epi8(y[0], mask, _mm512_castsi512_si256(codes));
      _mm256_mask_storeu_epi8(y[1], mask, _mm512_extracti64x4_epi64(codes, 1));
    } else {
      const auto lanes = __mmask16(mask);
      _mm_mask_storeu_epi8(y[0], lanes, _mm512_castsi512_si128(codes));
      _mm_mask_storeu_epi8(y[1], lanes, _mm512_extracti32x4_epi32(codes, 1));
      _mm_mask_storeu_epi8(y[2], lanes, _mm512_extracti32x4_epi32(codes, 2));
      _mm_mask_storeu_epi8(y[3], lanes, _mm512_extracti32x4_epi32(codes, 3));
    }
  }
}
#endif

void finish_tile(const IntegerFinish& f) noexcept {
  const IntegerEpilogue e = f.epilogue;
#if defined(__AVX512F__)
  if (e.rule == IntegerRule::float_even) {
    return f.vectors == 2 ? finish_even<2>(f) : finish_even<1>(f);
  }
#endif
  for (int v = 0; v < f.vectors; ++v) {
    const std::ptrdiff_t lane = v * int_lanes;
    const auto complete = [&](Ints sum, int p) {
      return f.window_sums ? sum - load_any<Ints>(f.w_zero + lane) * f.window_sums[p] : sum;
    };
    if (e.rule == IntegerRule::sums) {
      finish_vector<Ints>(f, v, complete);
    } else if (e.rule == IntegerRule::float_even) {
      const Floats scale = (Floats)load_any<Ints>(f.words.first + lane);
      const EvenRounding rounding = even_rounding(e);
      if (f.window_sums) {
        finish_vector<Bytes>(f, v,
                             [scale, rounding, zero = load_any<Ints>(f.w_zero + lane),
                              windows = f.window_sums](Ints sum, int p) {
                               return rescale_even(sum - zero * windows[p], scale, rounding);
                             });
      } else {
        finish_vector<Bytes>(
            f, v, [scale, rounding](Ints sum, int) { return rescale_even(sum, scale, rounding); });
      }
    } else {
      finish_vector<Bytes>(
          f, v, [&](Ints sum, int p) { return rescale(complete(sum, p), f.words, lane, e); });
    }
  }
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
