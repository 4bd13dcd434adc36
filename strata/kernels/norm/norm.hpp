#pragma once

#include <span>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Softmax or log-softmax over the middle axis of (outer, size, inner), f32, plain layout.
/// in: {X}; out: {Y}.
struct SoftmaxProblem : Problem {
  SoftmaxProblem() : Problem(ProblemKind::softmax) {}
  std::int64_t outer = 1, size = 1, inner = 1;
  bool log = false;
};

/// (x - mean) / sqrt(variance + epsilon) * scale + bias of each row of (rows, size), f32, plain
/// layout; not centred: x / sqrt(mean(x * x) + epsilon) * scale, without bias.
/// in: {X, scale (size), bias (size) if any}; out: {Y}.
struct LayerNormProblem : Problem {
  LayerNormProblem() : Problem(ProblemKind::layer_norm) {}
  std::int64_t rows = 1, size = 1;
  float epsilon = 1e-5f;
  bool centred = true;
  bool bias = false;
};

std::span<const Row> norm_rows();

}  // namespace strata::kernels
