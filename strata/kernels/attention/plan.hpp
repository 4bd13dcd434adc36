#pragma once

#include "strata/kernels/attention/attention.hpp"
#include "strata/kernels/tile.hpp"

namespace strata::kernels {

/// A block of scores that becomes powers of e, after M. Milakov and N. Gimelshein, "Online
/// normalizer calculation for softmax" (2018): each row keeps the largest score and the sum of
/// powers so far; where a larger score comes, what was summed before is scaled down.
struct SoftenBlock {
  float* scores;  ///< rows `row` floats apart, readable in whole vectors
  std::ptrdiff_t row;
  int rows;
  int keys;
  const float* mask;  ///< added to the scores, rows mask_row apart; null: none
  std::ptrdiff_t mask_row;
  float* largest;  ///< of each row, so far
  float* total;
  float* sums;  ///< rows of sums_row floats that were weighted with the powers so far
  std::ptrdiff_t sums_row;
  bool first;  ///< there is nothing so far
};
using SoftenFunction = void(const SoftenBlock& block) noexcept;

/// to = from * factor, `factors` apart per row; in place too.
struct ScaledRows {
  const float* from;
  std::ptrdiff_t from_row;
  float* to;
  std::ptrdiff_t to_row;
  std::int64_t rows, columns;
  const float* factors;
  std::ptrdiff_t factor_step;  ///< 0: one for all rows
};
using ScaleRowsFunction = void(const ScaledRows& rows) noexcept;

namespace avx512 {
SoftenFunction soften_scores;
ScaleRowsFunction scale_rows;
}  // namespace avx512
namespace avx2 {
SoftenFunction soften_scores;
ScaleRowsFunction scale_rows;
}  // namespace avx2
namespace baseline {
SoftenFunction soften_scores;
ScaleRowsFunction scale_rows;
}  // namespace baseline

/// The functions of an instruction set.
struct AttentionKernels {
  FindTile* tile;
  SoftenFunction* soften;
  ScaleRowsFunction* scale_rows;
};

/// How attention runs; worked out anew at each call, from sizes only. Phase 0 packs K^T and V of
/// every matrix of the batch into panels of two vectors of columns. A unit of phase 1 is a block of
/// queries: its scores with a block of keys, the powers of them, and those times V stay in the
/// near caches, then come the next keys. Scores never reach memory. Without results there is
/// nothing to pack either: all counts are 0.
struct AttentionPlan {
  VectorForm vector{};
  std::int64_t tiles = 0, row_blocks = 0;  ///< of the queries
  std::int64_t block_rows = 0;             ///< most rows of a block
  std::int64_t key_blocks = 0, block_keys = 0;
  std::int64_t key_panels = 0, value_panels = 0;
  std::int64_t padded_keys = 0, padded_columns = 0;  ///< to whole vectors
  std::int64_t query_row = 0, score_row = 0;         ///< floats between rows in scratch

  std::int64_t packed_keys(const AttentionProblem& p) const { return padded_keys * p.depth; }
  std::int64_t packed_values(const AttentionProblem& p) const { return padded_columns * p.keys; }
};

AttentionPlan plan_attention(const AttentionProblem& problem, const VectorForm& vector);
std::int64_t attention_units(const AttentionPlan& plan, const AttentionProblem& problem, int phase);
std::size_t attention_scratch_bytes(const AttentionPlan& plan, const AttentionProblem& problem);
std::size_t attention_worker_scratch_bytes(const AttentionPlan& plan);

/// Executes units of a phase.
void run_attention(const AttentionPlan& plan, const AttentionKernels& kernels, const Args& args,
                   int phase, std::int64_t begin, std::int64_t end);

}  // namespace strata::kernels
