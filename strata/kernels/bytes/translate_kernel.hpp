#pragma once

#include "strata/kernels/bytes/runs.hpp"
#include "strata/kernels/integer/ints.hpp"

/// Codes through a table of 256.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

#if defined(__AVX512F__)
/// Four registers hold the table; two lookups of 7 bits, between which the last bit decides.
[[gnu::target("avx512vbmi")]] void translate_by_permutation(const std::uint8_t* table,
                                                            const CodeRows& rows) {
  __m512i part[4];
  for (int i = 0; i < 4; ++i) part[i] = _mm512_loadu_si512(table + 64 * i);
  const auto lookup = [&](__m512i codes) __attribute__((always_inline, target("avx512vbmi"))) {
    return _mm512_mask_mov_epi8(_mm512_permutex2var_epi8(part[0], codes, part[1]),
                                _mm512_movepi8_mask(codes),
                                _mm512_permutex2var_epi8(part[2], codes, part[3]));
  };
  const std::int64_t whole = rows.count / 64 * 64;
  const __mmask64 rest = (std::uint64_t(1) << rows.count % 64) - 1;
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const std::uint8_t* x = rows.x + r * rows.x_row;
    std::uint8_t* y = rows.y + r * rows.y_row;
    for (std::int64_t i = 0; i < whole; i += 64) {
      _mm512_storeu_si512(y + i, lookup(_mm512_loadu_si512(x + i)));
    }
    if (!rest) continue;
    _mm512_mask_storeu_epi8(y + whole, rest, lookup(_mm512_maskz_loadu_epi8(rest, x + whole)));
  }
}
#endif

#if defined(__AVX2__)
/// The lookups of 4 bits in each part of the table, of which one is not 0: an index beyond the part
/// has its last bit set.
void translate_by_parts(const std::uint8_t* table, const CodeRows& rows) {
  __m256i part[16];
  for (int i = 0; i < 16; ++i) {
    part[i] = _mm256_broadcastsi128_si256(load_any<__m128i>(table + 16 * i));
  }
  const auto lookup = [&](__m256i index) __attribute__((always_inline)) {
    __m256i found = _mm256_setzero_si256();
    for (int i = 0; i < 16; ++i) {
      const __m256i within = _mm256_adds_epu8(index, _mm256_set1_epi8(0x70));
      found = _mm256_or_si256(found, _mm256_shuffle_epi8(part[i], within));
      index = _mm256_sub_epi8(index, _mm256_set1_epi8(16));
    }
    return found;
  };
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const std::uint8_t* x = rows.x + r * rows.x_row;
    std::uint8_t* y = rows.y + r * rows.y_row;
    std::int64_t i = 0;
    for (; i + 32 <= rows.count; i += 32) store_any(y + i, lookup(load_any<__m256i>(x + i)));
    for (; i < rows.count; ++i) y[i] = table[x[i]];
  }
}
#endif

void translate_rows(const std::uint8_t* table, const CodeRows& rows) noexcept {
#if defined(__AVX512F__)
  if (__builtin_cpu_supports("avx512vbmi")) return translate_by_permutation(table, rows);
#endif
#if defined(__AVX2__)
  return translate_by_parts(table, rows);
#else
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    const std::uint8_t* x = rows.x + r * rows.x_row;
    std::uint8_t* y = rows.y + r * rows.y_row;
    for (std::int64_t i = 0; i < rows.count; ++i) y[i] = table[x[i]];
  }
#endif
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
