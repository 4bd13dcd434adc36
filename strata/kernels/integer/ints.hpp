#pragma once

/// Vectors of integers for kernels, as vec.hpp has them of floats: written once, compiled per
/// instruction set, all names with internal linkage. Ints holds 16, 8 or 4 numbers of 32 bits,
/// Shorts twice as many of 16. They are the compiler's vectors, so that arithmetic is written with
/// operators; what those lack is defined here per set:
///   accumulate(sum, x, w): sum += the product of words of 4 bytes (u8 * i8, with VNNI) or 2
///   shorts; accumulate_shorts(sum, x, w): the same of 2 shorts, with any set; broadcast_word(p): 4
///   bytes repeated, never reordered (see vec.hpp); interleave_low, interleave_high(a, b),
///   join(low, high): within each 128 bits, pairs of elements of a and b, and the shorts that two
///   vectors of Ints narrow to, in the first order.
#if defined(__AVX2__)
// The undefined vectors of GCC 12's own header look uninitialised to it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <cstddef>
#include <cstdint>

#if defined(__AVX512VNNI__)
#define STRATA_INTS_NAMESPACE avx512_vnni
#elif defined(__AVX512F__)
#define STRATA_INTS_NAMESPACE avx512
#elif defined(__AVX2__)
#define STRATA_INTS_NAMESPACE avx2
#else
#define STRATA_INTS_NAMESPACE baseline
#endif

namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

#if defined(__AVX512F__)
constexpr int int_lanes = 16;
#elif defined(__AVX2__)
constexpr int int_lanes = 8;
#else
constexpr int int_lanes = 4;
#endif

using Ints = std::int32_t __attribute__((vector_size(4 * int_lanes)));
using Floats = float __attribute__((vector_size(4 * int_lanes)));
using Shorts = std::int16_t __attribute__((vector_size(4 * int_lanes)));
using Bytes = std::uint8_t __attribute__((vector_size(int_lanes)));
using WideBytes = std::uint8_t __attribute__((vector_size(2 * int_lanes)));
using WideSignedBytes = std::int8_t __attribute__((vector_size(2 * int_lanes)));

template <class V>
[[gnu::always_inline]] inline V load_any(const void* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
/// The first elements; the others are 0.
template <class V>
[[gnu::always_inline]] inline V load_any(const void* p, int elements) {
#if defined(__AVX512F__)
  const auto mask = __mmask16((1u << elements) - 1);
  if constexpr (sizeof(V) == 64 && sizeof(V{}[0]) == 4) {
    return (V)_mm512_maskz_loadu_epi32(mask, p);
  } else if constexpr (sizeof(V) == 32 && sizeof(V{}[0]) == 2) {
    return (V)_mm256_maskz_loadu_epi16(mask, p);
  } else if constexpr (sizeof(V) == 16 && sizeof(V{}[0]) == 1) {
    return (V)_mm_maskz_loadu_epi8(mask, p);
  }
#endif
  V v{};
  __builtin_memcpy(&v, p, std::size_t(elements) * sizeof v[0]);
  return v;
}
template <class V>
[[gnu::always_inline]] inline void store_any(void* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}
template <class V>
[[gnu::always_inline]] inline void store_any(void* p, V v, int elements) {
#if defined(__AVX512F__)
  const auto mask = __mmask16((1u << elements) - 1);
  if constexpr (sizeof(V) == 64 && sizeof(v[0]) == 4) {
    return _mm512_mask_storeu_epi32(p, mask, (__m512i)v);
  } else if constexpr (sizeof(V) == 32 && sizeof(v[0]) == 2) {
    return _mm256_mask_storeu_epi16(p, mask, (__m256i)v);
  } else if constexpr (sizeof(V) == 16 && sizeof(v[0]) == 1) {
    return _mm_mask_storeu_epi8(p, mask, (__m128i)v);
  }
#endif
  __builtin_memcpy(p, &v, std::size_t(elements) * sizeof v[0]);
}

/// The first `elements` bytes; the others are 0.
[[gnu::always_inline]] inline WideBytes load_bytes(const std::uint8_t* p, int elements) {
#if defined(__AVX512F__)
  const __mmask32 mask = __mmask32((std::uint64_t(1) << elements) - 1);
  return (WideBytes)_mm256_maskz_loadu_epi8(mask, p);
#else
  return elements == 2 * int_lanes ? load_any<WideBytes>(p) : load_any<WideBytes>(p, elements);
#endif
}
[[gnu::always_inline]] inline void store_bytes(std::uint8_t* p, WideBytes v, int elements) {
#if defined(__AVX512F__)
  _mm256_mask_storeu_epi8(p, __mmask32((std::uint64_t(1) << elements) - 1), (__m256i)v);
#else
  if (elements == 2 * int_lanes) return store_any(p, v);
  store_any(p, v, elements);
#endif
}

/// Bytes as numbers, and the low bytes of numbers: GCC 12 takes conversions between vectors of such
/// different sizes apart element by element.
[[gnu::always_inline]] inline Ints widen(Bytes v, bool is_signed) {
#if defined(__AVX512F__)
  return (Ints)(is_signed ? _mm512_cvtepi8_epi32((__m128i)v) : _mm512_cvtepu8_epi32((__m128i)v));
#elif defined(__AVX2__)
  const __m128i low = _mm_cvtsi64_si128((long long)v);
  return (Ints)(is_signed ? _mm256_cvtepi8_epi32(low) : _mm256_cvtepu8_epi32(low));
#else
  using SignedBytes = std::int8_t __attribute__((vector_size(int_lanes)));
  return is_signed ? __builtin_convertvector((SignedBytes)v, Ints)
                   : __builtin_convertvector(v, Ints);
#endif
}
[[gnu::always_inline]] inline Bytes narrow(Ints v) {
#if defined(__AVX512F__)
  return (Bytes)_mm512_cvtepi32_epi8((__m512i)v);
#elif defined(__AVX2__)
  const __m256i lowest = _mm256_set1_epi32(0x0c080400);
  const __m256i words = _mm256_shuffle_epi8((__m256i)v, lowest);
  return (Bytes)_mm_cvtsi128_si64(
      _mm_unpacklo_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
#else
  return __builtin_convertvector(v, Bytes);
#endif
}

#if defined(__AVX512F__)
[[gnu::always_inline]] inline Ints multiply_pairs(Shorts x, Shorts w) {
  return (Ints)_mm512_madd_epi16((__m512i)x, (__m512i)w);
}
[[gnu::always_inline]] inline Shorts interleave_low(Shorts a, Shorts b) {
  return (Shorts)_mm512_unpacklo_epi16((__m512i)a, (__m512i)b);
}
[[gnu::always_inline]] inline Shorts interleave_high(Shorts a, Shorts b) {
  return (Shorts)_mm512_unpackhi_epi16((__m512i)a, (__m512i)b);
}
[[gnu::always_inline]] inline Shorts join(Ints low, Ints high) {
  return (Shorts)_mm512_packs_epi32((__m512i)low, (__m512i)high);
}
#elif defined(__AVX2__)
[[gnu::always_inline]] inline Ints multiply_pairs(Shorts x, Shorts w) {
  return (Ints)_mm256_madd_epi16((__m256i)x, (__m256i)w);
}
[[gnu::always_inline]] inline Shorts interleave_low(Shorts a, Shorts b) {
  return (Shorts)_mm256_unpacklo_epi16((__m256i)a, (__m256i)b);
}
[[gnu::always_inline]] inline Shorts interleave_high(Shorts a, Shorts b) {
  return (Shorts)_mm256_unpackhi_epi16((__m256i)a, (__m256i)b);
}
[[gnu::always_inline]] inline Shorts join(Ints low, Ints high) {
  return (Shorts)_mm256_packs_epi32((__m256i)low, (__m256i)high);
}
#else
[[gnu::always_inline]] inline Ints multiply_pairs(Shorts x, Shorts w) {
#if defined(__SSE2__)
  return (Ints)_mm_madd_epi16((__m128i)x, (__m128i)w);
#else
  const Ints a = (Ints)x, b = (Ints)w;
  return ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16);
#endif
}
[[gnu::always_inline]] inline Shorts interleave_low(Shorts a, Shorts b) {
  return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}
[[gnu::always_inline]] inline Shorts interleave_high(Shorts a, Shorts b) {
  return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
[[gnu::always_inline]] inline Shorts join(Ints low, Ints high) {
  return __builtin_shufflevector((Shorts)low, (Shorts)high, 0, 2, 4, 6, 8, 10, 12, 14);
}
#endif

[[gnu::always_inline]] inline void accumulate_shorts(Ints& sum, Shorts x, Shorts w) {
#if defined(__AVX512VNNI__)
  sum = (Ints)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)x, (__m512i)w);
#else
  sum += multiply_pairs(x, w);
#endif
}

#if defined(__AVX512VNNI__)
[[gnu::always_inline]] inline void accumulate(Ints& sum, Ints x, Ints w) {
  asm volatile("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(w));
}
#elif defined(__AVX2__)
[[gnu::always_inline]] inline void accumulate(Ints& sum, Ints x, Ints w) {
  Ints product;
  asm volatile("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
               : "+v"(sum), "=&v"(product)
               : "v"(x), "v"(w));
}
#else
[[gnu::always_inline]] inline void accumulate(Ints& sum, Ints x, Ints w) {
  sum += multiply_pairs((Shorts)x, (Shorts)w);
}
#endif

[[gnu::always_inline]] inline Ints broadcast_word(const void* p) {
#if defined(__AVX2__)
  Ints a;
  asm volatile("vpbroadcastd %1, %0" : "=v"(a) : "m"(*static_cast<const std::int32_t*>(p)));
  return a;
#else
  std::int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return Ints{} + word;
#endif
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
