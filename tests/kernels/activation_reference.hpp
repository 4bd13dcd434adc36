#pragma once

#include <algorithm>
#include <cmath>

#include "strata/kernels/epilogue.hpp"

namespace strata::kernels {

inline double activation_reference(double x, const Epilogue& e) {
  const double alpha = double(e.alpha), beta = double(e.beta);
  switch (e.activation) {
    case Activation::none:
      return x;
    case Activation::relu:
      return std::max(x, 0.0);
    case Activation::clip:
      return std::clamp(x, alpha, beta);
    case Activation::leaky_relu:
      return x < 0 ? alpha * x : x;
    case Activation::hard_sigmoid:
      return std::clamp(alpha * x + beta, 0.0, 1.0);
    case Activation::hard_swish:
      return x * std::clamp(alpha * x + beta, 0.0, 1.0);
    case Activation::sigmoid:
      return 1 / (1 + std::exp(-x));
    case Activation::silu:
      return x / (1 + std::exp(-x));
    case Activation::tanh:
      return std::tanh(x);
  }
  return x;
}

/// How much an activation may enlarge an error of its argument.
inline double activation_slope(const Epilogue& e) {
  return e.activation == Activation::hard_swish ? 1.5 : e.activation == Activation::silu ? 1.1 : 1;
}

/// What activations are right to, in units in the last place.
constexpr double activation_units = 6;

constexpr Epilogue activation_cases[] = {
    {false, false, Activation::none},
    {false, false, Activation::relu},
    {false, false, Activation::clip, -0.5f, 1.5f},
    {false, false, Activation::leaky_relu, 0.1f},
    {false, false, Activation::hard_sigmoid, 0.2f, 0.5f},
    {false, false, Activation::hard_swish, 1.0f / 6, 0.5f},
    {false, false, Activation::sigmoid},
    {false, false, Activation::silu},
    {false, false, Activation::tanh},
};

}  // namespace strata::kernels
