#include "strata/kernels/gemm/gemm.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tests/kernels/activation_reference.hpp"
#include "tests/kernels/gemm_problem.hpp"
#include "tests/kernels/harness.hpp"
#include "tests/kernels/tolerance.hpp"
#include "tests/kernels/weights_reference.hpp"

namespace strata::kernels {
namespace {

std::string text_of(const GemmProblem& p) {
  return fmt::format(
      "batch {} m {} n {} k {} transposed {} {} constant {} weights {} alpha {} epilogue {} {} {}",
      p.batch, p.m, p.n, p.k, p.transpose_a, p.transpose_b, p.constant_b, int(p.weights), p.alpha,
      p.epilogue.bias, p.epilogue.residual, int(p.epilogue.activation));
}

/// Every row that takes the problem computes what plain loops in double precision do.
int check(GemmProblem p, std::uint64_t seed) {
  const bool shares_a = p.a_stride == 0 && p.a_inner_stride == 0;
  const Dims a_dims{shares_a ? 1 : p.batch, p.m, p.k};
  const Dims b_dims{p.shares_b() ? 1 : p.batch, p.k, p.n};
  const Plain a = random_floats(a_dims, seed);
  const Plain b = random_floats(b_dims, seed + 1);
  const Plain bias = random_floats({p.n}, seed + 2);
  const Plain residual = random_floats({p.batch, p.m, p.n}, seed + 3);
  const StoredWeights w = store_weights(p.weights, floats(b), p.n, [&](std::size_t i) {
    return p.transpose_b ? std::int64_t(i) / p.k : std::int64_t(i) % p.n;
  });

  std::vector<double> expected;
  double largest = 0, largest_weight = 0;
  for (double v : w.values) largest_weight = std::max(largest_weight, std::abs(v));
  for (std::int64_t i = 0; i < p.batch; ++i) {
    for (std::int64_t r = 0; r < p.m; ++r) {
      for (std::int64_t c = 0; c < p.n; ++c) {
        double sum = 0;
        for (std::int64_t k = 0; k < p.k; ++k) {
          const std::int64_t a_row = p.stored_row_of_a(), b_row = p.stored_row_of_b();
          const std::int64_t at = p.transpose_a ? k * a_row + r : r * a_row + k;
          const std::int64_t from = p.transpose_b ? c * b_row + k : k * b_row + c;
          sum += double(floats(a)[std::size_t(p.a_offset(i) + at)]) *
                 w.values[std::size_t(p.b_offset(i) + from)];
        }
        sum *= double(p.alpha);
        if (p.epilogue.bias) sum += double(floats(bias)[std::size_t(c)]);
        if (p.epilogue.residual) sum += double(floats(residual)[expected.size()]);
        largest = std::max(largest, std::abs(sum));
        expected.push_back(activation_reference(sum, p.epilogue));
      }
    }
  }
  const auto tolerance = [&](const Row& row) {
    return activation_slope(p.epilogue) * (row.rounding * std::abs(double(p.alpha)) *
                                               dot_tolerance(p.k + 1, 1, largest_weight) +
                                           rounding_tolerance(3, largest)) +
           rounding_tolerance(activation_units, std::max(largest, 1.0));
  };

  std::vector<Plain> inputs{a};
  if (!p.constant_b) inputs.push_back(b);
  if (p.epilogue.residual) inputs.push_back(residual);
  const std::vector<const void*> constants{p.constant_b ? w.data() : nullptr, w.scales.data(),
                                           p.epilogue.bias ? bias.bytes.data() : nullptr};
  return for_each_option(gemm_rows(), p, text_of(p), [&](const Row& row) {
    const Plain y = run_row(row, p, inputs, {p.batch, p.m, p.n}, constants);
    const double rounded = row.precision == Precision::bf16
                               ? activation_slope(p.epilogue) * std::abs(double(p.alpha)) *
                                     bf16_tolerance(p.k, 1, largest_weight)
                               : 0;
    expect_close(y, expected, [&](std::size_t) { return tolerance(row) + rounded; });
  });
}

const std::int64_t sizes[][3] = {
    {1, 12, 64},
    {1, 1, 1},
    {1, 1000, 512},
    {2, 33, 17},
    {3, 48, 5},
    {4, 31, 100},
    {5, 16, 7},
    {7, 32, 64},
    {14, 64, 9},
    {15, 65, 31},
    {29, 17, 40},
    {57, 100, 3},
    {120, 40, 512},
    {3, 5, 0},
    // Halves for Strassen: an odd row, too few and enough; rows that collide; a single vector.
    {15, 32, 32},
    {49, 96, 64},
    {61, 160, 512},
    {300, 64, 96},
};

TEST(Gemm, EverySizeWithEveryWeightType) {
  std::uint64_t seed = 1;
  for (const auto& [m, n, k] : sizes) {
    for (const WeightType type : {WeightType::f32, WeightType::f16, WeightType::bf16,
                                  WeightType::i8_tensor, WeightType::i8_channel}) {
      GemmProblem p = product(m, n, k);
      p.weights = type;
      p.epilogue.bias = m % 2 == 1;
      p.transpose_b = n % 2 == 0;
      EXPECT_GT(check(p, seed += 10), 0);
    }
  }
}

TEST(Gemm, TransposesAlphaAndBatches) {
  std::uint64_t seed = 1000;
  for (const auto& [m, n, k] : sizes) {
    for (int form = 0; form < 16; ++form) {
      GemmProblem p = product(m, n, k);
      p.transpose_a = (form & 1) != 0;
      p.transpose_b = (form & 2) != 0;
      p.constant_b = (form & 4) != 0;
      if (form & 8) {
        p.alpha = -0.75f;
        p.batch = 3;
        p.a_stride = m * k;
        p.b_stride = p.constant_b ? 0 : n * k;
      }
      p.epilogue.residual = form % 3 == 0;
      EXPECT_GT(check(p, seed += 10), 0);
    }
  }
}

TEST(Gemm, BatchesWithConstantMatrices) {
  std::uint64_t seed = 2000;
  for (const auto& [m, n, k] : sizes) {
    GemmProblem p = product(m, n, k);
    p.batch = 3;
    p.a_stride = m * k;
    p.transpose_b = n % 2 == 0;
    p.epilogue = {true, true, Activation::leaky_relu, 0.1f};
    EXPECT_GT(check(p, seed += 10), 0);
    p.m *= p.batch;  // the same as samples that follow each other
    p.sample_rows = m;
    p.batch = 1;
    p.a_stride = 0;
    EXPECT_GT(check(p, seed += 10), 0);
  }
}

/// Small integers leave nothing to round in any sum: all rows give the same.
TEST(Gemm, SmallIntegersAreExact) {
  GemmProblem p = product(61, 96, 64);
  const auto rounded = [](const Dims& dims, std::uint64_t seed) {
    const Plain uniform = random_floats(dims, seed);
    std::vector<float> values;
    for (const float v : floats(uniform)) values.push_back(std::round(8 * v));
    return of_floats(dims, values);
  };
  const Plain a = rounded({p.m, p.k}, 1), b = rounded({p.k, p.n}, 2);
  std::vector<double> expected;
  for (std::int64_t r = 0; r < p.m; ++r) {
    for (std::int64_t c = 0; c < p.n; ++c) {
      double sum = 0;
      for (std::int64_t k = 0; k < p.k; ++k) {
        sum += double(floats(a)[std::size_t(r * p.k + k)]) *
               double(floats(b)[std::size_t(k * p.n + c)]);
      }
      expected.push_back(sum);
    }
  }
  const int rows = for_each_option(gemm_rows(), p, text_of(p), [&](const Row& row) {
    const Plain y =
        run_row(row, p, std::vector<Plain>{a}, {p.m, p.n}, {b.bytes.data(), nullptr, nullptr});
    expect_close(y, expected, [](std::size_t) { return 0.0; });
  });
  EXPECT_GT(rows, 0);
}

/// Whatever is in one sample, the bits of others stay.
TEST(Gemm, SamplesDoNotReachEachOther) {
  GemmProblem p = product(4 * 32, 96, 64);
  p.sample_rows = 32;
  const Plain a = random_floats({p.m, p.k}, 1), b = random_floats({p.k, p.n}, 2);
  std::vector<float> other(floats(a).begin(), floats(a).end());
  other[0] = std::numeric_limits<float>::infinity();
  const int rows = for_each_option(gemm_rows(), p, text_of(p), [&](const Row& row) {
    const auto run = [&](const Plain& x) {
      const Plain y =
          run_row(row, p, std::vector<Plain>{x}, {p.m, p.n}, {b.bytes.data(), nullptr, nullptr});
      return std::vector<float>(floats(y).begin() + 32 * p.n, floats(y).end());
    };
    EXPECT_EQ(run(a), run(of_floats({p.m, p.k}, other)));
  });
  EXPECT_GT(rows, 0);
}

/// Operands stored as (outer, rows, inner, columns), as heads of attention are before anybody
/// transposes them.
TEST(Gemm, RowsMayLieApart) {
  constexpr std::int64_t outer = 2, inner = 3;
  std::uint64_t seed = 3000;
  for (const auto& [m, n, k] : sizes) {
    for (int form = 0; form < 8; ++form) {
      GemmProblem p = product(m, n, k);
      p.constant_b = false;
      p.batch = outer * inner;
      p.batch_inner = inner;
      p.transpose_a = (form & 1) != 0;
      p.transpose_b = (form & 2) != 0;
      p.alpha = form & 4 ? 0.125f : 1.0f;
      p.a_inner_stride = p.transpose_a ? m : k;
      p.a_row = inner * p.a_inner_stride;
      p.a_stride = inner * m * k;
      p.b_inner_stride = p.transpose_b ? k : n;
      p.b_row = inner * p.b_inner_stride;
      p.b_stride = inner * n * k;
      p.epilogue.residual = form % 3 == 0;
      EXPECT_GT(check(p, seed += 10), 0);
    }
  }
}

TEST(Gemm, OneAForABatchOfB) {
  GemmProblem p = product(6, 20, 30);
  p.constant_b = false;
  p.batch = 4;
  p.b_stride = 600;
  EXPECT_GT(check(p, 77), 0);
}

TEST(Gemm, EveryActivation) {
  std::uint64_t seed = 5000;
  for (const Epilogue& e : activation_cases) {
    for (const std::int64_t m : {1, 9}) {
      GemmProblem p = product(m, 37, 20);
      p.epilogue = e;
      p.epilogue.bias = true;
      p.epilogue.residual = m == 9;
      EXPECT_GT(check(p, seed += 10), 0);
    }
  }
}

TEST(Gemm, PackingDoesNotDependOnRowsOrBatch) {
  for (const Row& row : gemm_rows()) {
    GemmProblem p = product(1, 37, 20), q = product(500, 37, 20);
    q.batch = 3;
    EXPECT_EQ(row.packed_bytes(p), row.packed_bytes(q)) << row.name;
  }
}

TEST(Gemm, PackedFormTellsTransposedSquaresApart) {
  GemmProblem p = product(1, 32, 32), q = p;
  q.transpose_b = true;
  for (const Row& row : gemm_rows()) {
    ASSERT_EQ(row.packed_bytes(p), row.packed_bytes(q)) << row.name;
    EXPECT_NE(row.packed_form(p), row.packed_form(q)) << row.name;
  }
}

TEST(Gemm, RejectsConstantMatricesThatDifferWithinTheBatch) {
  GemmProblem p = product(2, 3, 4);
  p.batch = 2;
  p.b_stride = 12;
  for (const Row& row : gemm_rows()) EXPECT_NE(row.rejects(p), nullptr) << row.name;
}

}  // namespace
}  // namespace strata::kernels
