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

/// x/2 (1 + erf(x / sqrt 2)).
inline Vec gelu(Vec x) {
  const Vec half = broadcast(0.5f) * x;
  return fma(half, erf(x * broadcast(0.707106781f)), half);
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
