#include "strata/compress/quantize/rounding.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "strata/base/random.hpp"

namespace strata::compress {
namespace {

/// A layer whose inputs are correlated, and shifted a little by quantizing.
RoundingProblem layer(std::int64_t inputs, std::int64_t channels, std::uint64_t seed) {
  Random random(seed);
  RoundingProblem problem{.inputs = inputs, .channels = channels};
  for (std::int64_t i = 0; i < inputs * channels; ++i) problem.weights.push_back(random.normal());
  const auto k = std::size_t(inputs);
  problem.second.resize(k * k);
  problem.cross.resize(k * k);
  const int rows = 4 * int(inputs);
  std::vector<double> before(k), quantized(k);
  for (int row = 0; row < rows; ++row) {
    const double common = random.normal();
    for (std::size_t i = 0; i < k; ++i) {
      before[i] = random.normal() + 2 * common;
      quantized[i] = before[i] + 0.1 * random.normal();
    }
    for (std::size_t i = 0; i < k; ++i) {
      for (std::size_t j = 0; j < k; ++j) {
        problem.second[i * k + j] += quantized[i] * quantized[j] / rows;
        problem.cross[i * k + j] += before[i] * quantized[j] / rows;
      }
    }
  }
  return problem;
}

TEST(Rounding, FindsWeightsThatAreOnTheGrid) {
  Random random(1);
  RoundingProblem problem = layer(12, 5, 2);
  problem.cross = problem.second;
  std::vector<std::int8_t> codes;
  for (std::size_t i = 0; i < problem.weights.size(); ++i) {
    codes.push_back(i % 12 == 3 ? 7 : std::int8_t(int(random.below(15)) - 7));
    problem.weights[i] = codes.back() * 0.25 * double(1 + i / 12);
  }
  for (const RoundedWeights& rounded :
       {round_to_nearest(problem, {-7, 7}, false), round_to_nearest(problem, {-7, 7}, true),
        round_by_least_squares(problem, {.range = {-7, 7}})}) {
    EXPECT_EQ(rounded.codes, codes);
    for (std::size_t c = 0; c < 5; ++c) EXPECT_EQ(rounded.scales[c], 0.25f * float(1 + c));
  }
}

TEST(Rounding, LeastSquaresLosesLessThanNearest) {
  for (const QuantizedRange range : {QuantizedRange{-1, 1}, {-3, 3}, {-7, 7}, {-127, 127}}) {
    const RoundingProblem problem = layer(40, 6, 11);
    // The loss that damping is part of is not the same; without damping they are.
    const RoundedWeights least = round_by_least_squares(problem, {.range = range, .damping = 1e-9});
    EXPECT_LT(rounding_error(problem, least),
              rounding_error(problem, round_to_nearest(problem, range, true)))
        << range.high;
  }
}

TEST(Rounding, NoOtherCodeIsBetter) {
  const RoundingProblem problem = layer(9, 4, 21);
  const RoundedWeights best = round_by_least_squares(problem, {.range = {-3, 3}, .damping = 1e-9});
  const double error = rounding_error(problem, best);
  // Errors are differences of sums of squares of this size.
  double size = 0;
  for (std::size_t i = 0; i < 9; ++i) size = std::max(size, problem.second[i * 9 + i]);
  const double rounding = 1e-9 * size * 9 * 4 * 9;
  for (std::size_t i = 0; i < best.codes.size(); ++i) {
    for (int code = -3; code <= 3; ++code) {
      RoundedWeights other = best;
      other.codes[i] = std::int8_t(code);
      EXPECT_GE(rounding_error(problem, other), error - rounding) << i << " " << code;
    }
  }
}

TEST(Rounding, MakesUpForWhatQuantizedInputsLack) {
  // The quantized inputs are half of what they were: weights twice as large restore the output.
  RoundingProblem problem = layer(8, 3, 31);
  const std::vector<double> second = problem.second;
  for (std::size_t i = 0; i < second.size(); ++i) {
    problem.second[i] = second[i] / 4;
    problem.cross[i] = second[i] / 2;
  }
  const RoundedWeights rounded =
      round_by_least_squares(problem, {.range = {-127, 127}, .damping = 1e-9});
  for (std::size_t i = 0; i < problem.weights.size(); ++i) {
    const double scale = double(rounded.scales[i / 8]);
    // Some codes are rounded the other way, to make up for the errors of others.
    EXPECT_NEAR(rounded.codes[i] * scale, 2 * problem.weights[i], 4 * scale);
  }
}

TEST(Rounding, FewDataAskForMoreDamping) {
  // Halves that have nothing in common say that neither is to be trusted; equal ones, that both
  // are.
  RoundingProblem one = layer(40, 6, 21), other = one, same = one;
  Random random(23);
  for (std::size_t i = 0; i < one.second.size(); ++i) {
    one.cross[i] += i % 2 == 0 ? 3 * random.normal() : 0;
    other.cross[i] += i % 2 == 1 ? 3 * random.normal() : 0;
  }
  const RoundingOptions options{.range = {-7, 7}};
  EXPECT_GT(choose_damping(one, other, options), choose_damping(same, same, options));
}

TEST(Rounding, IsTheSameForAnyNumberOfThreads) {
  const RoundingProblem problem = layer(30, 29, 41);
  const RoundedWeights one = round_by_least_squares(problem, {.range = {-7, 7}});
  for (const int threads : {1, 3, 64}) {
    const RoundedWeights many =
        round_by_least_squares(problem, {.range = {-7, 7}, .threads = threads});
    EXPECT_EQ(one.codes, many.codes) << threads;
    EXPECT_EQ(one.scales, many.scales) << threads;
  }
}

TEST(Rounding, TakesChannelsAndInputsOfZeros) {
  RoundingProblem problem = layer(6, 3, 51);
  std::fill_n(problem.weights.begin() + 6, 6, 0.0);
  for (std::size_t i = 0; i < 6; ++i) {
    for (const std::size_t at : {i, i * 6}) problem.second[at] = problem.cross[at] = 0;
  }
  for (const RoundedWeights& rounded :
       {round_by_least_squares(problem), round_to_nearest(problem, {-127, 127}, false)}) {
    for (std::size_t i = 6; i < 12; ++i) EXPECT_EQ(rounded.codes[i], 0);
    for (const float scale : rounded.scales) EXPECT_TRUE(std::isnormal(scale) && scale > 0);
  }
}

}  // namespace
}  // namespace strata::compress
