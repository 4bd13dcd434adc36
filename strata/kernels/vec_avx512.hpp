#pragma once

// The undefined vectors of GCC 12's own header look uninitialised to it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop

#include <cstdint>

namespace strata::kernels::avx512 {
namespace {

struct Vec {
  static constexpr int size = 16;
  __m512 v;
};
struct Mask {
  __mmask16 m;
};

inline __mmask16 first_lanes(int n) { return __mmask16((1u << n) - 1u); }

inline Vec zero() { return {_mm512_setzero_ps()}; }
inline Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
inline Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline Vec load(const float* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
inline void store(float* p, Vec a) { _mm512_storeu_ps(p, a.v); }
inline void store(float* p, Vec a, int n) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }

inline Vec load_f16(const std::uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
inline Vec load_bf16(const std::uint16_t* p) {
  const __m512i bits =
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(bits, 16))};
}
inline Vec load_i8(const std::int8_t* p) {
  return {_mm512_cvtepi32_ps(
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
}

inline Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
inline void accumulate(Vec& sum, Vec a, Vec b) {
  asm volatile("vfmadd231ps %2, %1, %0" : "+v"(sum.v) : "v"(a.v), "v"(b.v));
}
/// The same for the first half of the lanes; the others become zero.
inline void accumulate_half(Vec& sum, Vec a, Vec b) {
  asm volatile("vfmadd231ps %t2, %t1, %t0" : "+v"(sum.v) : "v"(a.v), "v"(b.v));
}
inline Vec broadcast_now(const float& x) {
  Vec a;
  asm volatile("vbroadcastss %1, %0" : "=v"(a.v) : "m"(x));
  return a;
}
/// Lane l of a permutation is lane order[l].
struct LaneOrder {
  __m512i v;
};
inline LaneOrder load_order(const std::int32_t* order) { return {_mm512_loadu_si512(order)}; }
inline Vec permute(Vec a, LaneOrder order) { return {_mm512_permutexvar_ps(order.v, a.v)}; }
#if defined(__AVX512BF16__)
/// sum += a*b for lanes that hold two bf16 each: both products are added.
inline void accumulate_pairs(Vec& sum, Vec a, Vec b) {
  asm volatile("vdpbf16ps %2, %1, %0" : "+v"(sum.v) : "v"(a.v), "v"(b.v));
}
#endif
inline Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
inline Vec abs(Vec a) { return {_mm512_abs_ps(a.v)}; }
inline Vec round(Vec a) { return {_mm512_roundscale_ps(a.v, 8)}; }
inline Vec floor(Vec a) { return {_mm512_roundscale_ps(a.v, 9)}; }
inline Vec with_sign_of(Vec magnitude, Vec sign) {
  const __m512 bit = _mm512_set1_ps(-0.0f);
  return {_mm512_or_ps(_mm512_andnot_ps(bit, magnitude.v), _mm512_and_ps(bit, sign.v))};
}
inline Vec scale(Vec a, Vec n) { return {_mm512_scalef_ps(a.v, n.v)}; }
inline Vec exponent_of(Vec a) { return {_mm512_getexp_ps(a.v)}; }
inline Vec fraction_of(Vec a) {
  return {_mm512_getmant_ps(a.v, _MM_MANT_NORM_1_2, _MM_MANT_SIGN_src)};
}

inline Mask operator<(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator==(Vec a, Vec b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
inline Vec select(Mask m, Vec a, Vec b) { return {_mm512_mask_blend_ps(m.m, b.v, a.v)}; }
inline Vec lanes(Vec a, int n, Vec fill) { return select({first_lanes(n)}, a, fill); }

}  // namespace
}  // namespace strata::kernels::avx512
