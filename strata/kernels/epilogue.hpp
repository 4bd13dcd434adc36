#pragma once

#include <cstdint>

namespace strata::kernels {

/// Scalar functions that kernels apply to results still in registers.
enum class Activation : std::uint8_t {
  none,
  relu,
  clip,
  leaky_relu,
  hard_sigmoid,
  hard_swish,
  sigmoid,
  silu,
  tanh
};

/// What follows the sum: out = activation(sum + bias + residual).
struct Epilogue {
  bool bias = false;      ///< constant, f32, per output channel
  bool residual = false;  ///< an activation of the output's shape and layout
  Activation activation = Activation::none;
  float alpha = 0;  ///< clip: lower bound; leaky_relu: slope; hard_sigmoid, hard_swish: alpha
  float beta = 0;   ///< clip: upper bound; hard_sigmoid, hard_swish: beta
};

/// How a kernel's constant weights are stored.
enum class WeightType : std::uint8_t {
  f32,
  f16,
  bf16,
  i8_tensor,   ///< codes i8 and one f32 scale
  i8_channel,  ///< codes i8 and an f32 scale per output channel
};

}  // namespace strata::kernels
