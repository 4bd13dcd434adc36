#pragma once

#include "strata/kernels/integer/rounding.hpp"
#include "strata/kernels/integer/tile.hpp"

/// From sums to codes, by vectors: tensor's Rescale.
namespace strata::kernels::STRATA_INTS_NAMESPACE {
namespace {

constexpr int half_lanes = int_lanes / 2;
using HalfInts = std::int32_t __attribute__((vector_size(4 * half_lanes)));
using HalfWords = std::uint32_t __attribute__((vector_size(4 * half_lanes)));
using Longs = std::int64_t __attribute__((vector_size(8 * half_lanes)));
using Words = std::uint64_t __attribute__((vector_size(8 * half_lanes)));
using Doubles = double __attribute__((vector_size(8 * half_lanes)));

/// Both halves of vectors through f, which takes and gives HalfInts.
template <class F>
[[gnu::always_inline]] inline Ints by_halves(F&& f, const Ints& a, const Ints& b, const Ints& c) {
  HalfInts in[3][2], out[2];
  __builtin_memcpy(in[0], &a, sizeof a);
  __builtin_memcpy(in[1], &b, sizeof b);
  __builtin_memcpy(in[2], &c, sizeof c);
  for (int i = 0; i < 2; ++i) out[i] = f(in[0][i], in[1][i], in[2][i]);
  Ints y;
  __builtin_memcpy(&y, out, sizeof y);
  return y;
}

[[gnu::always_inline]] inline Ints clamp(Ints v, const IntegerEpilogue& e) {
  v = v > e.low ? v : Ints{} + e.low;
  return (v < e.high ? v : Ints{} + e.high) + e.zero;
}

/// fixed_point.hpp's multiply_away or multiply_up. The product with a multiplier that is not
/// negative never saturates, and its rounding is that of adding half and shifting; bits 31 to 62 of
/// the sum are the result.
[[gnu::always_inline]] inline Ints multiply_fixed(Ints sum, Ints multiplier, Ints shifts) {
  const Ints left = sum << (shifts & 255);
#if defined(__AVX512F__)
  // Even lanes and odd ones: GCC 12 widens numbers of 32 bits one by one.
  const __m512i half = _mm512_set1_epi64(std::int64_t(1) << 30), a = (__m512i)left;
  const __m512i b = (__m512i)multiplier;
  const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
  const __m512i odd =
      _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)), half);
  const Ints x =
      (Ints)_mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
#else
  const Ints x = by_halves(
      [](HalfInts a, HalfInts b, HalfInts) {
        const Longs product = __builtin_convertvector(a, Longs) * __builtin_convertvector(b, Longs);
        const Words shifted = (Words)(product + (std::int64_t(1) << 30)) >> 31;
        return (HalfInts) __builtin_convertvector(shifted, HalfWords);
      },
      left, multiplier, multiplier);
#endif
  const Ints right = shifts >> 8 & 255;
  const Ints mask = ((Ints{} + 1) << right) - 1;
  const Ints threshold = (mask >> 1) + (shifts >> 16 & (x < 0 ? Ints{} + 1 : Ints{}));
  return (x >> right) + ((x & mask) > threshold ? Ints{} + 1 : Ints{});
}

/// A of the product with an f64: what is cut off decides, its sign included.
[[gnu::always_inline]] inline Ints multiply_real(Ints sum, Ints lower, Ints upper,
                                                 const IntegerEpilogue& e) {
  return by_halves(
      [&](HalfInts a, HalfInts low, HalfInts high) {
        const Words bits = __builtin_convertvector((HalfWords)low, Words) |
                           __builtin_convertvector((HalfWords)high, Words) << 32;
        Doubles v = __builtin_convertvector(a, Doubles) * (Doubles)bits;
        const double least = e.low, most = e.high;
        v = v > least ? v : Doubles{} + least;
        v = v < most ? v : Doubles{} + most;
        const HalfInts whole = __builtin_convertvector(v, HalfInts);
        const Doubles rest = v - __builtin_convertvector(whole, Doubles);
        const Longs up = rest >= 0.5 ? Longs{} + 1 : Longs{};
        const Longs down = rest <= -0.5 ? Longs{} + 1 : Longs{};
        return whole + __builtin_convertvector(up - down, HalfInts);
      },
      sum, lower, upper);
}

[[gnu::always_inline]] inline EvenRounding even_rounding(const IntegerEpilogue& e) {
  return {float(e.low), float(e.high), e.zero};
}
[[gnu::always_inline]] inline Ints rescale_even(Ints sum, Floats scale,
                                                const EvenRounding& rounding) {
  return rounding(__builtin_convertvector(sum, Floats) * scale);
}

/// The codes of one vector of sums, by the two words of their rule.
[[gnu::always_inline]] inline Ints rescale(Ints sum, Ints first, Ints second,
                                           const IntegerEpilogue& e) {
  if (e.rule == IntegerRule::float_even) {
    return rescale_even(sum, (Floats)first, even_rounding(e));
  }
  if (e.rule == IntegerRule::fixed) return clamp(multiply_fixed(sum, first, second), e);
  return multiply_real(sum, first, second, e) + e.zero;
}

}  // namespace
}  // namespace strata::kernels::STRATA_INTS_NAMESPACE
