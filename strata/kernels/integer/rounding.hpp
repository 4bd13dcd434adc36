#pragma once

#include "strata/kernels/integer/ints.hpp"

/// Roundings of tensor/integer_arithmetic.hpp by vectors.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

[[gnu::always_inline]] inline Floats broadcast(float x) { return x - Floats{}; }

/// a where it is larger (smaller), else b, also where one is no number.
[[gnu::always_inline]] inline Floats larger(Floats a, Floats b) {
#if defined(__AVX512F__)
  return (Floats)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Floats)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (Floats)_mm_max_ps((__m128)a, (__m128)b);
#else
  return a > b ? a : b;
#endif
}
[[gnu::always_inline]] inline Floats smaller(Floats a, Floats b) {
#if defined(__AVX512F__)
  return (Floats)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (Floats)_mm256_min_ps((__m256)a, (__m256)b);
#elif defined(__SSE2__)
  return (Floats)_mm_min_ps((__m128)a, (__m128)b);
#else
  return a < b ? a : b;
#endif
}

/// clamp(R(v)) + zero: the nearest integer, halves to even. Bounds are integers below 2^22, and are
/// applied before rounding, which gives the same; NaN becomes the lower one. At 1.5 * 2^23 the last
/// bit of an f32 is worth 1, so that the sum rounds as wanted.
struct EvenRounding {
  Floats low, high;
  Ints offset;

  [[gnu::always_inline]] EvenRounding(float from, float to, std::int32_t zero)
      : low(broadcast(from)), high(broadcast(to)), offset(Ints{} + (zero - 0x4b400000)) {}
  [[gnu::always_inline]] Ints operator()(Floats v) const {
    return (Ints)(smaller(larger(v, low), high) + broadcast(12582912.0f)) + offset;
  }
};

/// A(clamp(v)): the nearest integer, halves away from 0; NaN becomes the lower bound.
[[gnu::always_inline]] inline Ints round_away_within(Floats v, float low, float high) {
  v = smaller(larger(v, broadcast(low)), broadcast(high));
  const Ints whole = __builtin_convertvector(v, Ints);
  const Floats rest = v - __builtin_convertvector(whole, Floats);
  return whole + (rest >= 0.5f ? Ints{} + 1 : Ints{}) - (rest <= -0.5f ? Ints{} + 1 : Ints{});
}

/// v as it is: keeps the compiler from fusing a product with the sum that follows.
[[gnu::always_inline]] inline Floats rounded(Floats v) {
#if defined(__AVX2__)
  asm("" : "+v"(v));
#elif defined(__SSE2__)
  asm("" : "+x"(v));
#else
  asm("" : "+w"(v));
#endif
  return v;
}

/// a * b + c with one rounding.
[[gnu::always_inline]] inline Floats fused(Floats a, Floats b, Floats c) {
#if defined(__AVX512F__)
  return (Floats)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  Floats y;
  for (int i = 0; i < int_lanes; ++i) y[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return y;
#endif
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
