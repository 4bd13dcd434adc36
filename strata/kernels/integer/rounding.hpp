#pragma once

#include "strata/kernels/integer/ints.hpp"

/// Roundings of tensor/integer_arithmetic.hpp by vectors.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

/// clamp(R(v)): the nearest integer, halves to even. Bounds are integers below 2^22, and are
/// applied before rounding, which gives the same; NaN becomes the lower one. At 1.5 * 2^23 the last
/// bit of an f32 is worth 1, so that the sum rounds as wanted.
[[gnu::always_inline]] inline Ints round_within(Floats v, float low, float high) {
  constexpr float shift = 12582912.0f;
  v = v > low ? v : Floats{} + low;
  v = v < high ? v : Floats{} + high;
  return (Ints)(v + shift) - 0x4b400000;
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
