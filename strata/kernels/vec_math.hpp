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

}  // namespace
}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
