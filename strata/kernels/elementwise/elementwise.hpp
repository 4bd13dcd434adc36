#pragma once

#include <array>
#include <span>

#include "strata/kernels/epilogue.hpp"
#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Unary scalar functions beyond Activation.
enum class Unary : std::uint8_t {
  activation,
  exp,
  log,
  sqrt,
  reciprocal,
  neg,
  abs,
  erf,
  floor,
  ceil,
  gelu,
  gelu_tanh,
  square,
  cube
};
/// in: {X}; out: {Y}, f32, any layout (the same for both).
struct UnaryProblem : Problem {
  UnaryProblem() : Problem(ProblemKind::unary) {}
  Unary function = Unary::activation;
  Epilogue epilogue;  ///< for Unary::activation: which, alpha, beta
  std::array<std::int64_t, 8> dims{};
  int rank = 0;
};

enum class Binary : std::uint8_t { add, sub, mul, div, min, max };
/// out = act(a op b) with numpy broadcasting, f32. in: {A and B, or the one that is not constant};
/// out: {Y}. constants: {the constant operand, f32, in its own plain shape, or null}.
/// Dims are aligned to the output's rank with leading ones.
struct BinaryProblem : Problem {
  BinaryProblem() : Problem(ProblemKind::binary) {}
  Binary function = Binary::add;
  bool a_constant = false, b_constant = false;
  std::array<std::int64_t, 8> a_dims{}, b_dims{}, out_dims{};
  int rank = 0;
  Epilogue epilogue;  ///< activation only
};

std::span<const Row> elementwise_rows();

}  // namespace strata::kernels
