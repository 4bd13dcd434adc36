#include "strata/kernels/attention/attention.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/kernels/harness.hpp"
#include "tests/kernels/tolerance.hpp"

namespace strata::kernels {
namespace {

enum class Form { heads_apart, heads_beside, transposed };

/// (batch, rows, columns) elements, of which batch_inner matrices may lie beside one another.
BatchPlaces places_of(Form form, std::int64_t rows, std::int64_t columns, std::int64_t inner) {
  switch (form) {
    case Form::heads_apart:
      return {inner * rows * columns, rows * columns, columns, 1};
    case Form::heads_beside:
      return {inner * rows * columns, columns, inner * columns, 1};
    case Form::transposed:
      return {inner * rows * columns, rows * columns, 1, rows};
  }
  return {};
}

AttentionProblem problem(std::int64_t batch, std::int64_t inner, std::int64_t queries,
                         std::int64_t keys, std::int64_t depth, std::int64_t columns,
                         Form form = Form::heads_apart) {
  AttentionProblem p;
  p.batch = batch;
  p.batch_inner = inner;
  p.queries = queries;
  p.keys = keys;
  p.depth = depth;
  p.columns = columns;
  p.scale = float(1 / std::sqrt(double(std::max<std::int64_t>(depth, 1))));
  p.q = places_of(form, queries, depth, inner);
  p.k = places_of(form, keys, depth, inner);
  p.v = places_of(form, keys, columns, inner);
  const Form dense_rows = form == Form::transposed ? Form::heads_beside : form;
  p.y = places_of(dense_rows, queries, columns, inner);
  return p;
}

/// What plain loops in double precision compute, and how far rounding may lead from it.
struct Expected {
  std::vector<double> values, tolerances;

  Expected(const AttentionProblem& p, const std::vector<Plain>& in)
      : values(std::size_t(p.batch * p.queries * p.columns)), tolerances(values.size()) {
    for (std::int64_t b = 0; b < p.batch; ++b) {
      for (std::int64_t i = 0; i < p.queries; ++i) add_row(p, in, b, i);
    }
  }

 private:
  static double at(const AttentionProblem& p, const BatchPlaces& places, const Plain& tensor,
                   std::int64_t b, std::int64_t row, std::int64_t column) {
    return double(floats(
        tensor)[std::size_t(p.offset(places, b) + row * places.row + column * places.column)]);
  }

  void add_row(const AttentionProblem& p, const std::vector<Plain>& in, std::int64_t b,
               std::int64_t i) {
    std::vector<double> scores;
    double largest = -HUGE_VAL, off = 0;
    for (std::int64_t j = 0; j < p.keys; ++j) {
      double score = 0, magnitude = 0;
      for (std::int64_t d = 0; d < p.depth; ++d) {
        const double product = at(p, p.q, in[0], b, i, d) * at(p, p.k, in[1], b, j, d);
        score += product * double(p.scale);
        magnitude += std::abs(product * double(p.scale));
      }
      const double mask = p.masked ? at(p, p.mask, in[3], b, i, j) : 0;
      if (std::isfinite(mask)) {
        // Products, their sum, the scaled query and the mask; then the difference to the largest.
        off = std::max(off, rounding_tolerance(double(p.depth) + 4, magnitude + std::abs(mask)));
      }
      scores.push_back(score + mask);
      largest = std::max(largest, scores.back());
    }
    double total = 0;
    for (double& score : scores) total += score = std::exp(score - largest);
    const bool zero = largest == -HUGE_VAL && p.zero_if_all_masked;
    for (std::int64_t c = 0; c < p.columns; ++c) {
      double sum = 0, magnitude = 0;
      for (std::int64_t j = 0; j < p.keys; ++j) {
        const double term = scores[std::size_t(j)] / total * at(p, p.v, in[2], b, j, c);
        sum += term;
        magnitude += std::abs(term);
      }
      const auto y = std::size_t(p.offset(p.y, b) + i * p.y.row + c);
      values[y] = zero ? 0 : sum;
      // Every power and their total are off by a factor e^(2 off) each, and rounded like the sum
      // of their products: by 2 units each, once more per block of keys, and per addition.
      const double units = 2 * double(p.keys) + 16;
      tolerances[y] =
          zero ? 0 : std::expm1(4 * off) * magnitude + rounding_tolerance(units, magnitude);
    }
  }
};

std::vector<Plain> operands(const AttentionProblem& p, std::uint64_t seed, float range = 2) {
  return {random_floats({p.batch, p.queries, p.depth}, seed, -range, range),
          random_floats({p.batch, p.keys, p.depth}, seed + 1, -range, range),
          random_floats({p.batch, p.keys, p.columns}, seed + 2, -1, 1)};
}

void check(AttentionProblem p, const std::vector<Plain>& in) {
  const Expected expected(p, in);
  const std::string what =
      fmt::format("batch {} of {}, {} queries, {} keys, depth {}, {} columns, masked {}", p.batch,
                  p.batch_inner, p.queries, p.keys, p.depth, p.columns, p.masked);
  const int rows = for_each_option(attention_rows(), p, what, [&](const Row& row) {
    expect_close(run_row(row, p, in, {p.batch, p.queries, p.columns}), expected.values,
                 [&](std::size_t i) { return expected.tolerances[i]; });
  });
  EXPECT_GT(rows, 0) << what;
}

TEST(Attention, EveryShapeAndPlace) {
  std::uint64_t seed = 1;
  for (const Form form : {Form::heads_apart, Form::heads_beside, Form::transposed}) {
    for (const auto& [queries, keys, depth, columns] : {std::array<std::int64_t, 4>{13, 21, 8, 24},
                                                        {60, 33, 64, 64},
                                                        {1, 5, 3, 2},
                                                        {29, 1, 16, 17},
                                                        {3, 65, 1, 48}}) {
      const AttentionProblem p = problem(6, 3, queries, keys, depth, columns, form);
      check(p, operands(p, seed += 3));
    }
  }
}

TEST(Attention, BlocksOfKeysScaleDownWhatCameBefore) {
  const AttentionProblem p = problem(1, 1, 17, 1100, 16, 40);
  std::vector<Plain> in = operands(p, 71);
  check(p, in);
  // Every key outweighs those before it, so that each block brings larger scores.
  std::vector<float> keys(floats(in[1]).begin(), floats(in[1]).end());
  for (std::size_t i = 0; i < keys.size(); ++i) keys[i] *= 0.02f * float(i) / float(p.depth);
  in[1] = of_floats(in[1].dims, keys);
  check(p, in);
}

TEST(Attention, MasksAreSharedOrNot) {
  AttentionProblem p = problem(6, 3, 9, 600, 12, 20);
  p.masked = true;
  std::vector<Plain> in = operands(p, 81);
  in.push_back(random_floats({6, 9, 600}, 91, -4, 4));
  p.mask = places_of(Form::heads_apart, 9, 600, 3);
  check(p, in);
  p.mask.inner = 0;  // for all heads
  check(p, in);
  p.mask = {0, 0, 0, 1};  // of keys alone
  check(p, in);
}

TEST(Attention, WhatIsMaskedCountsForNothing) {
  AttentionProblem p = problem(1, 1, 8, 1030, 8, 20);
  p.masked = p.zero_if_all_masked = true;
  p.mask = {0, 0, 1030, 1};
  std::vector<Plain> in = operands(p, 95);
  std::vector<float> mask(8 * 1030, 0.0f);
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const std::size_t query = i / 1030, key = i % 1030;
    const bool seen = query == 0 ? key == 1029 : query == 1 ? false : key <= query * 140;
    if (!seen) mask[i] = -HUGE_VALF;
  }
  in.push_back(of_floats({8, 1030}, mask));
  check(p, in);
}

TEST(Attention, QueriesThatSeeNothingAreNoNumbers) {
  AttentionProblem p = problem(1, 1, 2, 40, 8, 5);
  p.masked = true;
  p.mask = {0, 0, 40, 1};
  std::vector<Plain> in = operands(p, 97);
  std::vector<float> mask(80, 0.0f);
  std::fill_n(mask.begin(), 40, -HUGE_VALF);
  in.push_back(of_floats({2, 40}, mask));
  for_each_option(attention_rows(), p, "masked", [&](const Row& row) {
    const Plain y = run_row(row, p, in, {1, 2, 5});
    for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(std::isnan(floats(y)[i]), i < 5) << row.name;
  });
}

TEST(Attention, LargeScoresDoNotOverflow) {
  AttentionProblem p = problem(2, 1, 5, 700, 4, 8);
  p.scale = 1;
  check(p, operands(p, 99, 300));
}

TEST(Attention, NothingToComputeTakesNoMemory) {
  constexpr std::int64_t many = std::int64_t(1) << 45;
  for (const auto& [batch, queries, columns] :
       {std::array<std::int64_t, 3>{many, 0, 64}, {many, 5, 0}, {0, 5, 64}}) {
    AttentionProblem p = problem(batch, 1, queries, 64, 64, columns);
    p.k.outer = p.v.outer = 0;
    for (const Row& row : attention_rows()) {
      EXPECT_EQ(row.rejects(p), nullptr);
      EXPECT_EQ(row.scratch_bytes(p), 0u);
      EXPECT_EQ(row.units(p, 0) + row.units(p, 1), 0);
    }
  }
}

TEST(Attention, RejectsWhatNoMemoryHoldsPacked) {
  constexpr std::int64_t many = std::int64_t(1) << 45;
  for (AttentionProblem p : {problem(many, 1, 1, 64, 64, 1), problem(1, 1, 1, many, 1 << 10, 1),
                             problem(1, 1, 1, INT64_MAX, 0, 1)}) {
    for (const Row& row : attention_rows()) {
      EXPECT_STREQ(row.rejects(p), "keys and values take more than 2^40 bytes packed");
    }
  }
}

TEST(Attention, NeedsKeys) {
  AttentionProblem p = problem(1, 1, 5, 0, 4, 8);
  for (const Row& row : attention_rows()) EXPECT_STREQ(row.rejects(p), "there are no keys");
}

}  // namespace
}  // namespace strata::kernels
