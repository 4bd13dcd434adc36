#pragma once

#include <span>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Where the matrices of a batch with two axes lie: elements between them along the outer and the
/// inner axis, and within one between rows and columns. Strides of 0 let matrices share an operand.
struct BatchPlaces {
  std::int64_t outer = 0, inner = 0;
  std::int64_t row = 0, column = 1;
};

/// Attention on f32, for each matrix of the batch:
///   Y = softmax(scale * Q K^T + mask) V, the softmax along the keys.
/// Q is (queries, depth), K (keys, depth), V (keys, columns), the mask (queries, keys) and Y
/// (queries, columns); each lies as its places say, and neighbouring columns of mask and Y side by
/// side. in: {Q, K, V, mask if masked}; out: {Y}. All plain layouts.
struct AttentionProblem : Problem {
  AttentionProblem() : Problem(ProblemKind::attention) {}

  std::int64_t batch = 1, batch_inner = 1;
  std::int64_t queries = 0, keys = 0, depth = 0, columns = 0;
  BatchPlaces q, k, v, mask, y;
  float scale = 1;
  bool masked = false;
  bool zero_if_all_masked = false;  ///< rows that may see no key: 0, else NaN

  std::int64_t offset(const BatchPlaces& places, std::int64_t b) const {
    return b / batch_inner * places.outer + b % batch_inner * places.inner;
  }
};

std::span<const Row> attention_rows();

}  // namespace strata::kernels
