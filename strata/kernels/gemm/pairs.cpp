#include <algorithm>

#include "strata/kernels/gemm/plan.hpp"
#include "strata/kernels/movement/copy_2d.hpp"

namespace strata::kernels {
namespace {

constexpr std::int64_t chunk_rows = 32, chunk_words = 64;

/// to[row * out_row + word * out_word], transposed while both ends are in the first cache.
void store_chunk(const Bf16Pair* chunk, std::int64_t rows, std::int64_t words, std::int64_t out_row,
                 std::int64_t out_word, Bf16Pair* to) {
  const Copy2d move{.rows = rows,
                    .columns = words,
                    .in_row = chunk_words,
                    .in_column = 1,
                    .out_row = out_row,
                    .out_column = out_word};
  copy_2d(move, sizeof(Bf16Pair), reinterpret_cast<const std::byte*>(chunk),
          reinterpret_cast<std::byte*>(to));
}

}  // namespace

void pack_panel_pairs(const GemmProblem& p, const PairKernels& kernels, const float* b,
                      std::int64_t column, std::int64_t valid, std::int64_t width, Bf16Pair* to) {
  const std::int64_t words = (p.k + 1) / 2, stored_row = p.stored_row_of_b();
  if (valid < width) std::fill_n(to, words * width, Bf16Pair{0});
  if (!p.transpose_b) {
    for (std::int64_t word = 0; word < words; ++word) {
      const float* row = b + 2 * word * stored_row + column;
      kernels.across(row, 2 * word + 1 < p.k ? row + stored_row : nullptr, to + word * width, valid,
                     1.0f);
    }
    return;
  }
  alignas(64) Bf16Pair chunk[chunk_rows * chunk_words];
  for (std::int64_t word = 0; word < words; word += chunk_words) {
    const std::int64_t length = std::min(p.k - 2 * word, 2 * chunk_words);
    const float* from = b + column * stored_row + 2 * word;
    kernels.along({from, stored_row, chunk, chunk_words, valid, length}, 1.0f);
    store_chunk(chunk, valid, (length + 1) / 2, 1, width, to + word * width);
  }
}

void copy_rows_as_pairs(const GemmPlan& plan, const GemmProblem& p, const PairKernels& kernels,
                        const float* a, Bf16Pair* copy, std::int64_t first, std::int64_t count) {
  const std::int64_t stored_row = p.stored_row_of_a();
  if (!p.transpose_a) {
    return kernels.along({a + first * stored_row, stored_row, copy, plan.a_row, count, p.k},
                         p.alpha);
  }
  alignas(64) Bf16Pair chunk[chunk_rows * chunk_words];
  for (std::int64_t word = 0; word < plan.depth; word += chunk_rows) {
    const std::int64_t words = std::min(plan.depth - word, chunk_rows);
    for (std::int64_t r = 0; r < count; r += chunk_words) {
      const std::int64_t rows = std::min(count - r, chunk_words);
      for (std::int64_t i = 0; i < words; ++i) {
        const std::int64_t k = 2 * (word + i);
        const float* row = a + k * stored_row + first + r;
        kernels.across(row, k + 1 < p.k ? row + stored_row : nullptr, chunk + i * chunk_words, rows,
                       p.alpha);
      }
      store_chunk(chunk, words, rows, 1, plan.a_row, copy + r * plan.a_row + word);
    }
  }
}

}  // namespace strata::kernels
