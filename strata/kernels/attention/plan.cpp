#include "strata/kernels/attention/plan.hpp"

#include <algorithm>

namespace strata::kernels {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

AttentionPlan plan_attention(const AttentionProblem& p, const VectorForm& vector) {
  // Scores of a block of queries with a block of keys take about 100 KB of the second cache.
  constexpr std::int64_t most_rows = 56, most_keys = 512;
  AttentionPlan plan;
  const std::int64_t lanes = vector.lanes, panel = 2 * lanes;
  plan.vector = vector;
  if (p.batch == 0 || p.queries == 0 || p.columns == 0) return plan;
  plan.tiles = divide_up(p.queries, vector.positions);
  plan.row_blocks = divide_up(plan.tiles, std::max<std::int64_t>(1, most_rows / vector.positions));
  plan.block_rows =
      divide_up(plan.tiles, std::max<std::int64_t>(plan.row_blocks, 1)) * vector.positions;
  plan.key_panels = divide_up(p.keys, panel);
  const std::int64_t panels =
      divide_up(plan.key_panels, std::max<std::int64_t>(divide_up(p.keys, most_keys), 1));
  plan.block_keys = panels * panel;
  plan.key_blocks = divide_up(p.keys, std::max<std::int64_t>(plan.block_keys, 1));
  plan.padded_keys = divide_up(p.keys, lanes) * lanes;
  plan.padded_columns = divide_up(p.columns, lanes) * lanes;
  plan.value_panels = divide_up(p.columns, panel);
  // A line more, so that rows do not fall into few sets of the first cache.
  plan.query_row = divide_up(p.depth, 16) * 16 + 16;
  plan.score_row = plan.block_keys + 16;
  return plan;
}

std::int64_t attention_units(const AttentionPlan& plan, const AttentionProblem& p, int phase) {
  return p.batch * (phase == 0 ? plan.key_panels + plan.value_panels : plan.row_blocks);
}

std::size_t attention_scratch_bytes(const AttentionPlan& plan, const AttentionProblem& p) {
  return std::size_t(p.batch * (plan.packed_keys(p) + plan.packed_values(p))) * sizeof(float);
}

std::size_t attention_worker_scratch_bytes(const AttentionPlan& plan) {
  constexpr std::int64_t row_figures = 2;  // the largest score and the sum of powers
  return std::size_t(plan.block_rows *
                     (plan.query_row + plan.score_row + plan.padded_columns + row_figures)) *
         sizeof(float);
}

}  // namespace strata::kernels
