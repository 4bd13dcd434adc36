#pragma once

/// One small vector type of f32 for kernels: written once, compiled per instruction set. The
/// including file's flags select the form: Vec holds 16 floats (AVX-512), 8 (AVX2) or 4. All names
/// have internal linkage, so that an ISA object exports nothing but its run and pack functions;
/// for the same reason kernels include no standard header with functions in it.
///
/// Each form defines:
///   Vec::size; zero(), broadcast(float); load(p), load(p, n), store(p, v), store(p, v, n) with any
///   alignment, n in 0..size lanes (the others read as 0);
///   load_f16(p), load_bf16(p), load_i8(p): stored elements, converted;
///   + - * /, fma(a, b, c) = a*b + c, sqrt, abs, round (to nearest even), floor, with_sign_of;
///   accumulate(sum, a, b): sum += a*b, and broadcast_now(x): the same, but never reordered, for
///   tiles that fill the registers (left to itself, GCC 12 reorders them until they spill);
///   min(a, b), max(a, b): b if either is NaN;
///   Mask from a < b, a == b; select(mask, a, b) = mask ? a : b;
///   exponent_of(v), fraction_of(v): e and f of v = f * 2^e, |f| in [1, 2), for normal v;
///   scale(v, n) = v * 2^n for integral n in -300..300; lanes(v, n, fill): lanes from n on
///   replaced.
#if defined(__AVX512F__)
#include "strata/kernels/vec_avx512.hpp"
#define STRATA_VEC_NAMESPACE avx512
#elif defined(__AVX2__)
#include "strata/kernels/vec_avx2.hpp"
#define STRATA_VEC_NAMESPACE avx2
#else
#include "strata/kernels/vec_baseline.hpp"
#define STRATA_VEC_NAMESPACE baseline
#endif

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// Sum of all lanes, in a fixed order.
inline float sum(Vec v) {
  float lane[Vec::size];
  store(lane, v);
  for (int width = Vec::size / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) lane[i] += lane[i + width];
  }
  return lane[0];
}

/// Largest lane.
inline float largest(Vec v) {
  float lane[Vec::size];
  store(lane, v);
  float result = lane[0];
  for (int i = 1; i < Vec::size; ++i) result = lane[i] > result ? lane[i] : result;
  return result;
}

}  // namespace
}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
