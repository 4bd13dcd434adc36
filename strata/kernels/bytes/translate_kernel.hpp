#pragma once

#include "strata/kernels/integer/ints.hpp"

/// Codes through a table of 256.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

#if defined(__AVX512F__)
/// Four registers hold the table; two lookups of 7 bits, between which the last bit decides.
[[gnu::target("avx512vbmi")]] void translate_by_permutation(const std::uint8_t* table,
                                                            const std::uint8_t* x, std::uint8_t* y,
                                                            std::int64_t count) {
  __m512i part[4];
  for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_si512(table + 64 * i);
  const auto lookup = [&](__m512i codes) __attribute__((always_inline, target("avx512vbmi"))) {
    return _mm512_mask_mov_epi8(_mm512_permutex2var_epi8(part[0], codes, part[1]),
                                _mm512_movepi8_mask(codes),
                                _mm512_permutex2var_epi8(part[2], codes, part[3]));
  };
  for (; count >= 64; count -= 64, x += 64, y += 64) {
    _mm512_storeu_si512(y, lookup(_mm512_loadu_si512(x)));
  }
  if (count <= 0) return;
  const __mmask64 rest = ~std::uint64_t(0) >> (64 - count);
  _mm512_mask_storeu_epi8(y, rest, lookup(_mm512_maskz_loadu_epi8(rest, x)));
}
#endif

#if defined(__AVX2__)
/// The lookups of 4 bits in each part of the table, of which one is not 0: an index beyond the part
/// has its last bit set.
void translate_by_parts(const std::uint8_t* table, const std::uint8_t* x, std::uint8_t* y,
                        std::int64_t count) {
  __m256i part[16];
  for (int i = 0; i < 16; ++i) {
    part[i] = _mm256_broadcastsi128_si256(load_any<__m128i>(table + 16 * i));
  }
  for (; count >= 32; count -= 32, x += 32, y += 32) {
    __m256i index = load_any<__m256i>(x), found = _mm256_setzero_si256();
    for (int i = 0; i < 16; ++i) {
      const __m256i within = _mm256_adds_epu8(index, _mm256_set1_epi8(0x70));
      found = _mm256_or_si256(found, _mm256_shuffle_epi8(part[i], within));
      index = _mm256_sub_epi8(index, _mm256_set1_epi8(16));
    }
    store_any(y, found);
  }
  for (std::int64_t i = 0; i < count; ++i) y[i] = table[x[i]];
}
#endif

/// y may be x.
void translate_run(const std::uint8_t* table, const std::uint8_t* x, std::uint8_t* y,
                   std::int64_t count) noexcept {
#if defined(__AVX512F__)
  if (__builtin_cpu_supports("avx512vbmi")) return translate_by_permutation(table, x, y, count);
#endif
#if defined(__AVX2__)
  return translate_by_parts(table, x, y, count);
#else
  for (std::int64_t i = 0; i < count; ++i) y[i] = table[x[i]];
#endif
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
