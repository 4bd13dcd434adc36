#pragma once

#include "strata/kernels/bf16/bf16.hpp"
#include "strata/kernels/tile_kernel.hpp"

/// Conversions to pairs of bf16, to nearest even.
namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// Up to two vectors as 32 bf16, the first in the low half.
inline __m512i to_bf16(Vec low, Vec high) { return (__m512i)_mm512_cvtne2ps_pbh(high.v, low.v); }

inline int lanes_left(std::ptrdiff_t count) { return int(count < Vec::size ? count : Vec::size); }

inline Vec load_up_to(const float* p, std::ptrdiff_t count) {
  return count <= 0 ? zero() : load(p, lanes_left(count));
}

/// `words` words.
inline void store_words(Bf16Pair* to, __m512i v, int words) {
  _mm512_mask_storeu_epi32(to, first_lanes(words), v);
}

/// One row, two vectors at a time.
void convert_row(const float* from, Bf16Pair* to, std::ptrdiff_t length, Vec factor) {
  std::ptrdiff_t i = 0;
  for (; i + 2 * Vec::size <= length; i += 2 * Vec::size) {
    const __m512i v = to_bf16(load(from + i) * factor, load(from + i + Vec::size) * factor);
    _mm512_storeu_si512(to + i / 2, v);
  }
  if (i == length) return;
  const Vec low = load_up_to(from + i, length - i) * factor;
  const Vec high = load_up_to(from + i + Vec::size, length - i - Vec::size) * factor;
  store_words(to + i / 2, to_bf16(low, high), int((length - i + 1) / 2));
}

/// Rows of at most one vector, two of them at a time.
void convert_short_rows(const PairRows& rows, Vec factor) {
  const int lanes = int(rows.length), words = (lanes + 1) / 2;
  const __mmask8 mask = __mmask8((1u << words) - 1);
  const float* from = rows.from;
  Bf16Pair* to = rows.to;
  std::ptrdiff_t r = 0;
  for (; r + 2 <= rows.count; r += 2) {
    const __m512i v =
        to_bf16(load(from, lanes) * factor, load(from + rows.from_step, lanes) * factor);
    _mm256_mask_storeu_epi32(to, mask, _mm512_castsi512_si256(v));
    _mm256_mask_storeu_epi32(to + rows.to_step, mask, _mm512_extracti64x4_epi64(v, 1));
    from += 2 * rows.from_step;
    to += 2 * rows.to_step;
  }
  if (r == rows.count) return;
  const __m512i v = to_bf16(load(from, lanes) * factor, zero());
  _mm256_mask_storeu_epi32(to, mask, _mm512_castsi512_si256(v));
}

void along(const PairRows& rows, float factor) noexcept {
  const Vec by = broadcast(factor);
  const bool dense = rows.from_step == rows.length && rows.to_step * 2 == rows.length;
  if (dense) return convert_row(rows.from, rows.to, rows.count * rows.length, by);
  if (rows.length <= Vec::size) return convert_short_rows(rows, by);
  for (std::ptrdiff_t r = 0; r < rows.count; ++r) {
    convert_row(rows.from + r * rows.from_step, rows.to + r * rows.to_step, rows.length, by);
  }
}

/// Lanes of two vectors as the halves of words.
inline __m512i interleave(Vec first, Vec second) {
  const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first.v));
  const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second.v));
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

void across(const float* first, const float* second, Bf16Pair* to, std::ptrdiff_t count,
            float factor) noexcept {
  const Vec by = broadcast(factor);
  for (std::ptrdiff_t i = 0; i < count; i += Vec::size) {
    const int lanes = lanes_left(count - i);
    const Vec high = second ? load(second + i, lanes) * by : zero();
    store_words(to + i, interleave(load(first + i, lanes) * by, high), lanes);
  }
}

TileFunction* find_pair_tile(int rows, int columns, int lanes) noexcept {
  return tiles<Bf16Pair>.find(rows, columns, lanes);
}

}  // namespace
}  // namespace strata::kernels::STRATA_VEC_NAMESPACE

namespace strata::kernels::avx512_bf16 {

constinit const PairKernels pair_kernels = {
    .tile = STRATA_VEC_NAMESPACE::find_pair_tile,
    .along = STRATA_VEC_NAMESPACE::along,
    .across = STRATA_VEC_NAMESPACE::across,
};

}  // namespace strata::kernels::avx512_bf16
