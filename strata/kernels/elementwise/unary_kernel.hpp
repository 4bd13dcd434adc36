#pragma once

#include "strata/kernels/elementwise/runs.hpp"
#include "strata/kernels/vec_math.hpp"

namespace strata::kernels::STRATA_VEC_NAMESPACE {
namespace {

template <class Function>
inline void map(const float* x, float* y, std::int64_t count, Function function) {
  std::int64_t i = 0;
  for (; i + Vec::size <= count; i += Vec::size) store(y + i, function(load(x + i)));
  const int rest = int(count - i);
  if (rest > 0) store(y + i, function(load(x + i, rest)), rest);
}

inline void map_activation(const float* x, float* y, std::int64_t count, const Epilogue& e) {
  const Epilogue epilogue = e;  // y cannot alias a local
  switch (epilogue.activation) {
    case Activation::relu:
      return map(x, y, count, [](Vec v) { return max(zero(), v); });
    case Activation::clip:
      return map(x, y, count, [&](Vec v) {
        return min(broadcast(epilogue.beta), max(broadcast(epilogue.alpha), v));
      });
    case Activation::sigmoid:
      return map(x, y, count, [](Vec v) { return sigmoid(v); });
    case Activation::tanh:
      return map(x, y, count, [](Vec v) { return tanh(v); });
    case Activation::silu:
      return map(x, y, count, [](Vec v) { return v * sigmoid(v); });
    case Activation::none:
    case Activation::leaky_relu:
    case Activation::hard_sigmoid:
    case Activation::hard_swish:
      return map(x, y, count, [&](Vec v) { return activate(v, epilogue); });
  }
}

/// x P(x), P the normal distribution function: (x + |x|) / 2 - |x| P(-|x|), within 3 units in the
/// last place of x. P(-t) is 2 to a polynomial of degree 12 on [0, 8] (weighted minimax, error
/// 2e-7); beyond, t P(-t) is taken for that at 8, 5e-15.
inline Vec gelu(Vec x) {
  const Vec magnitude = abs(x);
  const Vec t = min(magnitude, broadcast(8.0f));
  Vec q = broadcast(-8.963960824e-11f);
  q = fma(q, t, broadcast(4.791991692e-09f));
  q = fma(q, t, broadcast(-1.141333072e-07f));
  q = fma(q, t, broadcast(1.591829573e-06f));
  q = fma(q, t, broadcast(-1.427899406e-05f));
  q = fma(q, t, broadcast(8.342088404e-05f));
  q = fma(q, t, broadcast(-0.0002788146085f));
  q = fma(q, t, broadcast(-3.666146586e-05f));
  q = fma(q, t, broadcast(0.007024203427f));
  q = fma(q, t, broadcast(-0.05251223966f));
  q = fma(q, t, broadcast(-0.4591916203f));
  q = fma(q, t, broadcast(-1.151108503f));
  q = fma(q, t, broadcast(-0.9999998808f));
  const Vec n = round(q);
  const Vec r = q - n;
  Vec power = broadcast(0.001340043265f);
  power = fma(power, r, broadcast(0.009676037356f));
  power = fma(power, r, broadcast(0.05550327152f));
  power = fma(power, r, broadcast(0.2402210683f));
  power = fma(power, r, broadcast(0.6931471825f));
  power = fma(power, r, broadcast(1.000000119f));
  const Vec half = broadcast(0.5f);
  return fma(zero() - t, scale(power, n), fma(half, magnitude, half * x));
}

/// x/2 (1 + tanh u) = x / (1 + e^-2u), u = sqrt(2 / pi) (x + 0.044715 x^3).
inline Vec gelu_tanh(Vec x) {
  const Vec minus_2u = x * fma(x * x, broadcast(-0.0713548163f), broadcast(-1.59576912f));
  return x / (broadcast(1.0f) + exp(minus_2u));
}

inline void map_unary(const UnaryProblem& problem, const float* x, float* y, std::int64_t count) {
  switch (problem.function) {
    case Unary::activation:
      return map_activation(x, y, count, problem.epilogue);
    case Unary::exp:
      return map(x, y, count, [](Vec v) { return exp(v); });
    case Unary::log:
      return map(x, y, count, [](Vec v) { return log(v); });
    case Unary::sqrt:
      return map(x, y, count, [](Vec v) { return sqrt(v); });
    case Unary::reciprocal:
      return map(x, y, count, [](Vec v) { return broadcast(1.0f) / v; });
    case Unary::neg:
      return map(x, y, count, [](Vec v) { return broadcast(-0.0f) - v; });
    case Unary::abs:
      return map(x, y, count, [](Vec v) { return abs(v); });
    case Unary::erf:
      return map(x, y, count, [](Vec v) { return erf(v); });
    case Unary::floor:
      return map(x, y, count, [](Vec v) { return floor(v); });
    case Unary::ceil:
      return map(x, y, count, [](Vec v) { return broadcast(-0.0f) - floor(broadcast(-0.0f) - v); });
    case Unary::gelu:
      return map(x, y, count, [](Vec v) { return gelu(v); });
    case Unary::gelu_tanh:
      return map(x, y, count, [](Vec v) { return gelu_tanh(v); });
    case Unary::square:
      return map(x, y, count, [](Vec v) { return v * v; });
    case Unary::cube:
      return map(x, y, count, [](Vec v) { return v * v * v; });
  }
}

}  // namespace

const char* run_unary(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
  const auto& problem = static_cast<const UnaryProblem&>(*args.problem);
  const std::int64_t all = unary_elements(problem);
  const std::int64_t from = begin * elementwise_unit;
  const std::int64_t to = end * elementwise_unit < all ? end * elementwise_unit : all;
  map_unary(problem, static_cast<const float*>(args.in[0]) + from,
            static_cast<float*>(args.out[0]) + from, to - from);
  return nullptr;
}

}  // namespace strata::kernels::STRATA_VEC_NAMESPACE
