#pragma once

#include <cstdint>

namespace strata::kernels::baseline {
namespace {

using Float4 = float __attribute__((vector_size(16)));
using Int4 = std::int32_t __attribute__((vector_size(16)));

struct Vec {
  static constexpr int size = 4;
  Float4 v;
};
struct Mask {
  Int4 m;  // 0 or -1
};

inline Vec zero() { return {Float4{}}; }
inline Vec broadcast(float x) { return {Float4{x, x, x, x}}; }
inline Vec load(const float* p) {
  Vec a;
  __builtin_memcpy(&a.v, p, sizeof a.v);
  return a;
}
inline Vec load(const float* p, int n) {
  Float4 v{};
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return {v};
}
inline void store(float* p, Vec a) { __builtin_memcpy(p, &a.v, sizeof a.v); }
inline void store(float* p, Vec a, int n) {
  for (int i = 0; i < n; ++i) p[i] = a.v[i];
}

inline float half_to_float(std::uint16_t half) {
  const std::uint32_t magnitude = std::uint32_t(half & 0x7fffu) << 13;
  const std::uint32_t sign = std::uint32_t(half & 0x8000u) << 16;
  const bool finite = (half & 0x7c00u) != 0x7c00u;
  // The product moves the exponent and is exact for subnormal halves too.
  const float value = finite ? __builtin_bit_cast(float, magnitude) * 0x1p112f
                             : __builtin_bit_cast(float, magnitude | 0x7f800000u);
  return __builtin_bit_cast(float, __builtin_bit_cast(std::uint32_t, value) | sign);
}
inline Vec load_f16(const std::uint16_t* p) {
  return {
      Float4{half_to_float(p[0]), half_to_float(p[1]), half_to_float(p[2]), half_to_float(p[3])}};
}
inline Vec load_bf16(const std::uint16_t* p) {
  using Bits = std::uint32_t __attribute__((vector_size(16)));
  const Bits bits{p[0], p[1], p[2], p[3]};
  return {__builtin_bit_cast(Float4, bits << 16)};
}
inline Vec load_i8(const std::int8_t* p) {
  return {Float4{float(p[0]), float(p[1]), float(p[2]), float(p[3])}};
}

inline Vec operator+(Vec a, Vec b) { return {a.v + b.v}; }
inline Vec operator-(Vec a, Vec b) { return {a.v - b.v}; }
inline Vec operator*(Vec a, Vec b) { return {a.v * b.v}; }
inline Vec operator/(Vec a, Vec b) { return {a.v / b.v}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {a.v * b.v + c.v}; }
inline void accumulate(Vec& sum, Vec a, Vec b) { sum.v += a.v * b.v; }
inline Vec broadcast_now(const float& x) { return broadcast(x); }
/// Lane l of a permutation is lane order[l].
struct LaneOrder {
  const std::int32_t* v;
};
inline LaneOrder load_order(const std::int32_t* order) { return {order}; }
inline Vec permute(Vec a, LaneOrder order) {
  return {Float4{a.v[order.v[0]], a.v[order.v[1]], a.v[order.v[2]], a.v[order.v[3]]}};
}
inline Vec min(Vec a, Vec b) { return {a.v < b.v ? a.v : b.v}; }
inline Vec max(Vec a, Vec b) { return {a.v > b.v ? a.v : b.v}; }
inline Vec sqrt(Vec a) {
  return {Float4{__builtin_sqrtf(a.v[0]), __builtin_sqrtf(a.v[1]), __builtin_sqrtf(a.v[2]),
                 __builtin_sqrtf(a.v[3])}};
}
inline Vec with_sign_of(Vec magnitude, Vec sign) {
  const Int4 bit = Int4{} + INT32_MIN;
  return {__builtin_bit_cast(Float4, (__builtin_bit_cast(Int4, magnitude.v) & ~bit) |
                                         (__builtin_bit_cast(Int4, sign.v) & bit))};
}
inline Vec abs(Vec a) { return with_sign_of(a, zero()); }
/// Adding 2^23 leaves no room for a fraction; from there on every float is whole.
inline Vec round(Vec a) {
  const Float4 big = Float4{} + 0x1p23f;
  const Float4 magnitude = abs(a).v;
  const Float4 whole = (magnitude + big) - big;
  return with_sign_of({magnitude < big ? whole : magnitude}, a);
}
inline Vec floor(Vec a) {
  const Float4 nearest = round(a).v;
  return with_sign_of({nearest > a.v ? nearest - 1.0f : nearest}, a);
}
/// 2^n by its bits, n in -126..127.
inline Float4 power_of_two(Int4 n) { return __builtin_bit_cast(Float4, (n + 127) << 23); }
/// In three steps, so that results may be subnormal or overflow.
inline Vec scale(Vec a, Vec n) {
  const Float4 number = n.v == n.v ? n.v : Float4{};  // a is NaN as well
  const Int4 whole = __builtin_convertvector(number, Int4);
  const Int4 third = __builtin_convertvector(number * (1.0f / 3), Int4);
  const Float4 step = power_of_two(third);
  return {a.v * power_of_two(whole - third - third) * step * step};
}
inline Vec exponent_of(Vec a) {
  const Int4 biased = (__builtin_bit_cast(Int4, a.v) >> 23) & 255;
  return {__builtin_convertvector(biased - 127, Float4)};
}
inline Vec fraction_of(Vec a) {
  const Int4 bits = __builtin_bit_cast(Int4, a.v) & std::int32_t(0x807fffff);
  return {__builtin_bit_cast(Float4, bits | 0x3f800000)};
}

inline Mask operator<(Vec a, Vec b) { return {a.v < b.v}; }
inline Mask operator==(Vec a, Vec b) { return {a.v == b.v}; }
inline Vec select(Mask m, Vec a, Vec b) { return {m.m ? a.v : b.v}; }
inline Vec lanes(Vec a, int n, Vec fill) { return select({Int4{0, 1, 2, 3} < n}, a, fill); }

}  // namespace
}  // namespace strata::kernels::baseline
