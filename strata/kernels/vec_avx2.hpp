#pragma once

#include <immintrin.h>

#include <cstdint>

namespace strata::kernels::avx2 {
namespace {

struct Vec {
  static constexpr int size = 8;
  __m256 v;
};
struct Mask {
  __m256 m;
};

inline __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

inline Vec zero() { return {_mm256_setzero_ps()}; }
inline Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
inline Vec load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline Vec load(const float* p, int n) { return {_mm256_maskload_ps(p, first_lanes(n))}; }
inline void store(float* p, Vec a) { _mm256_storeu_ps(p, a.v); }
inline void store(float* p, Vec a, int n) { _mm256_maskstore_ps(p, first_lanes(n), a.v); }

inline Vec load_f16(const std::uint16_t* p) {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
inline Vec load_bf16(const std::uint16_t* p) {
  const __m256i bits = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(bits, 16))};
}
inline Vec load_i8(const std::int8_t* p) {
  return {_mm256_cvtepi32_ps(
      _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))))};
}

inline Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
inline void accumulate(Vec& sum, Vec a, Vec b) {
  asm volatile("vfmadd231ps %2, %1, %0" : "+x"(sum.v) : "x"(a.v), "x"(b.v));
}
inline Vec broadcast_now(const float& x) {
  Vec a;
  asm volatile("vbroadcastss %1, %0" : "=x"(a.v) : "m"(x));
  return a;
}
/// Lane l of a permutation is lane order[l].
struct LaneOrder {
  __m256i v;
};
inline LaneOrder load_order(const std::int32_t* order) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(order))};
}
inline Vec permute(Vec a, LaneOrder order) { return {_mm256_permutevar8x32_ps(a.v, order.v)}; }
inline Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
inline Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
inline Vec abs(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v)}; }
inline Vec round(Vec a) { return {_mm256_round_ps(a.v, 8)}; }
inline Vec floor(Vec a) { return {_mm256_round_ps(a.v, 9)}; }
inline Vec with_sign_of(Vec magnitude, Vec sign) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return {_mm256_or_ps(_mm256_andnot_ps(bit, magnitude.v), _mm256_and_ps(bit, sign.v))};
}
/// 2^n by its bits, n in -126..127.
inline __m256 power_of_two(__m256i n) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}
/// In three steps, so that results may be subnormal or overflow.
inline Vec scale(Vec a, Vec n) {
  const __m256i whole = _mm256_cvtps_epi32(n.v);
  const __m256i third = _mm256_cvttps_epi32(_mm256_mul_ps(n.v, _mm256_set1_ps(1.0f / 3)));
  const __m256i rest = _mm256_sub_epi32(whole, _mm256_add_epi32(third, third));
  const __m256 step = power_of_two(third);
  return {_mm256_mul_ps(_mm256_mul_ps(_mm256_mul_ps(a.v, power_of_two(rest)), step), step)};
}
inline Vec exponent_of(Vec a) {
  const __m256i biased = _mm256_srli_epi32(_mm256_castps_si256(abs(a).v), 23);
  return {_mm256_cvtepi32_ps(_mm256_sub_epi32(biased, _mm256_set1_epi32(127)))};
}
inline Vec fraction_of(Vec a) {
  const __m256i bits = _mm256_and_si256(_mm256_castps_si256(a.v), _mm256_set1_epi32(0x807fffff));
  return {_mm256_or_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(1.0f))};
}

inline Mask operator<(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
inline Mask operator==(Vec a, Vec b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
inline Vec select(Mask m, Vec a, Vec b) { return {_mm256_blendv_ps(b.v, a.v, m.m)}; }
inline Vec lanes(Vec a, int n, Vec fill) {
  return select({_mm256_castsi256_ps(first_lanes(n))}, a, fill);
}

}  // namespace
}  // namespace strata::kernels::avx2
