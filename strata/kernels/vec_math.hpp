#pragma once

#include "strata/kernels/epilogue.hpp"
#include "strata/kernels/vec.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

/// e^x within 2 units in the last place; subnormal results, infinities and NaN as they should be.
/// x = n ln 2 + r, e^r = 1 + r + r^2 q(r) with q minimax on |r| <= ln 2 / 2 (error 8e-9).
inline Vec exp(Vec x) {
  const Vec bounded = min(broadcast(100.0f), max(broadcast(-110.0f), x));
  const Vec n = round(bounded * broadcast(1.44269504089f));
  Vec r = fma(n, broadcast(-0x1.62e4p-1f), bounded);  // 15 bits: the product is exact
  r = fma(n, broadcast(-1.42860682031e-6f), r);
  Vec q = broadcast(0.001392617612f);
  q = fma(q, r, broadcast(0.008363173075f));
  q = fma(q, r, broadcast(0.04166655466f));
  q = fma(q, r, broadcast(0.1666657703f));
  q = fma(q, r, broadcast(0.5f));
  const Vec fraction = broadcast(1.0f) + fma(q, r * r, r);
  return scale(fraction, n);
}

/// 1 / (1 + e^-x) within 3 units in the last place while e^-x is finite, else 0.
inline Vec sigmoid(Vec x) { return broadcast(1.0f) / (broadcast(1.0f) + exp(zero() - x)); }

/// tanh within 4 units in the last place: odd minimax polynomial for |x| <= 0.63, else from e^2|x|.
inline Vec tanh(Vec x) {
  const Vec one = broadcast(1.0f);
  const Vec magnitude = abs(x);
  const Vec square = x * x;
  Vec p = broadcast(-0.006045165097f);
  p = fma(p, square, broadcast(0.02096132911f));
  p = fma(p, square, broadcast(-0.05384326318f));
  p = fma(p, square, broadcast(0.1333271885f));
  p = fma(p, square, broadcast(-0.3333332843f));
  const Vec small = fma(p * square, x, x);
  const Vec large = one - broadcast(2.0f) / (exp(magnitude + magnitude) + one);
  return select(magnitude < broadcast(0.63f), small, with_sign_of(large, x));
}

/// Natural logarithm within 2 units in the last place; -infinity at 0, NaN below.
/// x = f 2^e, f in [sqrt 1/2, sqrt 2): log x = e ln 2 + g - g^2/2 + g^3 p(g), g = f - 1.
inline Vec log(Vec x) {
  const Vec one = broadcast(1.0f);
  const Mask subnormal = x < broadcast(0x1p-126f);
  const Vec normal = select(subnormal, x * broadcast(0x1p24f), x);
  Vec e = exponent_of(normal) - select(subnormal, broadcast(24.0f), zero());
  Vec f = fraction_of(normal);
  const Mask upper = broadcast(1.41421356f) < f;
  f = select(upper, f * broadcast(0.5f), f);
  e = select(upper, e + one, e);
  const Vec g = f - one;
  Vec p = broadcast(0.06915336644f);
  p = fma(p, g, broadcast(-0.1178973215f));
  p = fma(p, g, broadcast(0.1187294546f));
  p = fma(p, g, broadcast(-0.1238435878f));
  p = fma(p, g, broadcast(0.1421866432f));
  p = fma(p, g, broadcast(-0.1666925049f));
  p = fma(p, g, broadcast(0.2000222625f));
  p = fma(p, g, broadcast(-0.249999866f));
  p = fma(p, g, broadcast(0.3333331045f));
  const Vec square = g * g;
  Vec tail = fma(e, broadcast(-2.12194440e-4f), p * square * g);  // ln 2 = 0.693359375 + this
  tail = fma(square, broadcast(-0.5f), tail);
  const Vec result = fma(e, broadcast(0.693359375f), g + tail);
  const Vec infinity = broadcast(__builtin_inff());
  const Vec finite = select(x < infinity, result, x);  // infinity and NaN
  const Vec defined = select(x < zero(), broadcast(__builtin_nanf("")), finite);
  return select(x == zero(), zero() - infinity, defined);
}

/// erf within 3 units in the last place: odd polynomial for |x| <= 1, else 1 - e^-q(|x|).
inline Vec erf(Vec x) {
  const Vec magnitude = abs(x);
  const Vec t = x * x;
  Vec p = broadcast(7.889117579e-5f);
  p = fma(p, t, broadcast(-0.0008020840714f));
  p = fma(p, t, broadcast(0.005189535278f));
  p = fma(p, t, broadcast(-0.02685444456f));
  p = fma(p, t, broadcast(0.1128360018f));
  p = fma(p, t, broadcast(-0.3761262714f));
  p = fma(p, t, broadcast(0.1283791659f));
  const Vec small = fma(p, x, x);
  const Vec bounded = min(broadcast(4.0f), magnitude);  // from there on erf is 1 in f32
  Vec q = broadcast(-0.0001855728907f);
  q = fma(q, bounded, broadcast(0.002939596447f));
  q = fma(q, bounded, broadcast(-0.02180527551f));
  q = fma(q, bounded, broadcast(0.1030372809f));
  q = fma(q, bounded, broadcast(0.6382257762f));
  q = fma(q, bounded, broadcast(1.127039978f));
  q = fma(q, bounded, broadcast(0.0003537333222f));
  const Vec large = broadcast(1.0f) - exp(zero() - q);
  return select(magnitude < broadcast(1.0f), small, with_sign_of(large, x));
}

/// The activation of an epilogue.
inline Vec activate(Vec x, const Epilogue& e) {
  const Vec one = broadcast(1.0f);
  const Vec alpha = broadcast(e.alpha);
  const Vec beta = broadcast(e.beta);
  switch (e.activation) {
    case Activation::none:
      break;
    case Activation::relu:
      return max(zero(), x);
    case Activation::clip:
      return min(beta, max(alpha, x));
    case Activation::leaky_relu:
      return select(x < zero(), x * alpha, x);
    case Activation::hard_sigmoid:
      return min(one, max(zero(), fma(alpha, x, beta)));
    case Activation::hard_swish:
      return x * min(one, max(zero(), fma(alpha, x, beta)));
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::silu:
      return x * sigmoid(x);
    case Activation::tanh:
      return tanh(x);
  }
  return x;
}

/// Activations that EpilogueBounds applies; the others take a pass of their own with activate().
inline bool is_bounding(Activation a) {
  return a == Activation::none || a == Activation::relu || a == Activation::clip;
}

/// Lowest and highest result of a bounding activation; infinities for all others.
struct EpilogueBounds {
  explicit EpilogueBounds(const Epilogue& e)
      : lower(broadcast(e.activation == Activation::relu   ? 0.0f
                        : e.activation == Activation::clip ? e.alpha
                                                           : -__builtin_inff())),
        upper(broadcast(e.activation == Activation::clip ? e.beta : __builtin_inff())) {}
  Vec apply(Vec x) const { return min(upper, max(lower, x)); }

  Vec lower, upper;
};

}  // namespace
}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
