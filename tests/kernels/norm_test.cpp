#include "strata/kernels/norm/norm.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/kernels/harness.hpp"
#include "tests/kernels/tolerance.hpp"

namespace strata::kernels {
namespace {

void check(SoftmaxProblem p, const Plain& x) {
  std::vector<double> expected(floats(x).size());
  for (std::int64_t o = 0; o < p.outer; ++o) {
    for (std::int64_t i = 0; i < p.inner; ++i) {
      const auto at = [&](std::int64_t s) { return std::size_t((o * p.size + s) * p.inner + i); };
      double top = -HUGE_VAL, sum = 0;
      for (std::int64_t s = 0; s < p.size; ++s) top = std::max(top, double(floats(x)[at(s)]));
      for (std::int64_t s = 0; s < p.size; ++s) sum += std::exp(double(floats(x)[at(s)]) - top);
      for (std::int64_t s = 0; s < p.size; ++s) {
        const double shifted = double(floats(x)[at(s)]) - top;
        expected[at(s)] = p.log ? shifted - std::log(sum) : std::exp(shifted) / sum;
      }
    }
  }
  // The shifted argument and the sum of `size` terms are rounded; exp is right to 2 units.
  double range = 1;
  for (const float v : floats(x)) range = std::max(range, 2 * std::abs(double(v)));
  const double units = double(p.size) + range + 6;
  const auto tolerance = [&](std::size_t i) {
    return rounding_tolerance(units, p.log ? 1 + std::abs(expected[i]) / units : expected[i]) +
           0x1p-148;
  };
  const std::string what = fmt::format("{} x {} x {} log {}", p.outer, p.size, p.inner, p.log);
  const int rows = for_each_option(norm_rows(), p, what, [&](const Row& row) {
    expect_close(run_row(row, p, {{x}}, x.dims), expected, tolerance);
  });
  EXPECT_GT(rows, 0);
}

TEST(Softmax, EveryShape) {
  std::uint64_t seed = 1;
  const std::int64_t shapes[][3] = {{1, 12, 1},   {1, 1000, 1}, {7, 33, 1}, {600, 9, 1},
                                    {2, 21, 100}, {3, 1, 5},    {1, 5, 1}};
  for (const auto& [outer, size, inner] : shapes) {
    for (const bool log : {false, true}) {
      SoftmaxProblem p;
      p.outer = outer;
      p.size = size;
      p.inner = inner;
      p.log = log;
      check(p, random_floats({outer, size, inner}, ++seed, -8, 8));
    }
  }
}

TEST(Softmax, LargeAndInfiniteArguments) {
  SoftmaxProblem p;
  p.size = 4;
  const std::vector<float> x{1000, -1000, 999, -HUGE_VALF};
  check(p, of_floats({1, 4, 1}, x));
}

/// `offset`: added to all elements, so that they lie close together beside their mean.
void check_layer_norm(std::int64_t rows, std::int64_t size, bool bias, float offset) {
  LayerNormProblem p;
  p.rows = rows;
  p.size = size;
  p.bias = bias;
  const Plain x = random_floats({rows, size}, std::uint64_t(size) + 1, offset - 1, offset + 1);
  const Plain scale = random_floats({size}, 2), shift = random_floats({size}, 3);
  std::vector<double> expected, tolerances;
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto row = floats(x).subspan(std::size_t(r * size), std::size_t(size));
    double mean = 0, variance = 0;
    for (const float v : row) mean += double(v) / double(size);
    for (const float v : row) variance += std::pow(double(v) - mean, 2) / double(size);
    const double inverse = 1 / std::sqrt(variance + double(p.epsilon));
    for (std::size_t i = 0; i < row.size(); ++i) {
      const double unit = (double(row[i]) - mean) * inverse;
      const double scaled = unit * double(floats(scale)[i]);
      expected.push_back(scaled + (bias ? double(floats(shift)[i]) : 0));
      // Differences of numbers below 2 in magnitude, and their sums of `size` terms.
      const double difference = rounding_tolerance(double(size) + 8, 2) * inverse;
      tolerances.push_back(difference * (1 + std::abs(unit) * inverse) +
                           rounding_tolerance(4, 1 + std::abs(scaled)));
    }
  }
  std::vector<Plain> inputs{x, scale};
  if (bias) inputs.push_back(shift);
  const std::string what = fmt::format("{} x {} bias {} offset {}", rows, size, bias, offset);
  const int taken = for_each_option(norm_rows(), p, what, [&](const Row& row) {
    expect_close(run_row(row, p, inputs, x.dims), expected,
                 [&](std::size_t i) { return tolerances[i]; });
  });
  EXPECT_GT(taken, 0);
}

TEST(LayerNorm, EveryShapeAndFarMeans) {
  const std::int64_t shapes[][2] = {{197, 192}, {5, 1}, {3, 7}, {40, 33}, {1, 5000}, {2, 64}};
  for (const auto& [rows, size] : shapes) {
    for (const float offset : {0.0f, 1000.0f}) {
      check_layer_norm(rows, size, size % 2 == 0, offset);
    }
  }
}

TEST(RmsNorm, EveryShape) {
  const std::int64_t shapes[][2] = {{197, 192}, {5, 1}, {3, 7}, {40, 33}, {1, 5000}, {2, 64}};
  for (const auto& [rows, size] : shapes) {
    LayerNormProblem p;
    p.rows = rows;
    p.size = size;
    p.centred = false;
    const Plain x = random_floats({rows, size}, std::uint64_t(size) + 4, -3, 3);
    const Plain scale = random_floats({size}, 5);
    const std::vector<Plain> inputs{x, scale};
    std::vector<double> expected;
    for (std::int64_t r = 0; r < rows; ++r) {
      const auto row = floats(x).subspan(std::size_t(r * size), std::size_t(size));
      double squares = 0;
      for (const float v : row) squares += double(v) * double(v) / double(size);
      const double inverse = 1 / std::sqrt(squares + double(p.epsilon));
      for (std::size_t i = 0; i < row.size(); ++i) {
        expected.push_back(double(row[i]) * inverse * double(floats(scale)[i]));
      }
    }
    // Half the error of a sum of `size` squares, its mean and epsilon; the root, its inverse and
    // two products are rounded.
    const double units = double(size + 3) / 2 + 4;
    const int taken =
        for_each_option(norm_rows(), p, fmt::format("{} x {}", rows, size), [&](const Row& row) {
          EXPECT_TRUE(row.name.starts_with("rmsnorm")) << row.name;
          expect_close(run_row(row, p, inputs, x.dims), expected, [&](std::size_t i) {
            return rounding_tolerance(units, std::abs(expected[i]));
          });
        });
    EXPECT_GT(taken, 0);
  }
}

}  // namespace
}  // namespace strata::kernels
