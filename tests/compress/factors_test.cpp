#include "strata/compress/quantize/factors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "strata/base/random.hpp"

namespace strata::compress {
namespace {

constexpr double finest = 1e9;  // levels: no noise from that side

/// One output that reads two channels of equal numbers by these weights.
FactorProblem two_channels(double first, double second) {
  FactorProblem problem;
  problem.largest = {1, 1};
  problem.energy = {1, 1};
  problem.squares = {first * first, second * second};
  problem.outputs = {{.weights = {{0, first, 1}, {1, second, 1}}}};
  return problem;
}

FactorProblem random_problem(std::uint64_t seed, bool bounded) {
  constexpr std::size_t channels = 9, outputs = 7;
  Random random(seed);
  FactorProblem problem;
  for (std::size_t c = 0; c < channels; ++c) {
    problem.largest.push_back(std::exp2(random.normal()));
    problem.energy.push_back(std::exp2(random.normal()));
    problem.squares.push_back(0);
    if (!bounded) continue;
    // Grows with the distance from the factor of 1, as the change of a bound does.
    problem.bounded.emplace_back();
    for (int e = -largest_bounded_exponent; e <= largest_bounded_exponent; ++e) {
      problem.bounded[c].push_back(double(e * e) * 1e-6 * double(c));
    }
  }
  problem.bound = 1;
  for (std::size_t o = 0; o < outputs; ++o) {
    FactorProblem::Output output{.others = std::abs(random.normal())};
    for (std::size_t c = o % 3; c < channels; c += 1 + o % 2) {
      const double weight = std::abs(random.normal()) * std::exp2(random.normal());
      output.weights.push_back({c, weight, 1});
      problem.squares[c] += weight * weight;
    }
    problem.outputs.push_back(output);
  }
  problem.weight_levels = 7;
  return problem;
}

TEST(Factors, WeightsOfOneSizeUseAllCodes) {
  FactorProblem problem = two_channels(8, 1);
  problem.grid_levels = finest;
  // max(8 / f, 1)^2 (f^2 + 1) is least where both are read by weights of one size: f = 8 =
  // 2^(24/8).
  const std::vector<int> exponents = choose_factors(problem);
  EXPECT_EQ(exponents[0] - exponents[1], 24);
}

TEST(Factors, ChannelsOfOneReachUseTheGrid) {
  FactorProblem problem = two_channels(1, 1);
  problem.weight_levels = finest;
  problem.largest = {1, 0.25};
  // max(f, 0.25)^2 (1 / f^2 + 1) for the first, the other being 1, is least at f = 0.25.
  const std::vector<int> exponents = choose_factors(problem);
  EXPECT_EQ(exponents[0] - exponents[1], -16);
}

TEST(Factors, NoMoveOfOneChannelLeavesLessNoise) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    const bool bounded = seed % 2 == 0;
    const FactorProblem problem = random_problem(seed, bounded);
    const std::vector<int> chosen = choose_factors(problem);
    const double least = factor_noise(problem, chosen);
    EXPECT_LT(least, factor_noise(problem, std::vector<int>(chosen.size())));
    const int limit = bounded ? largest_bounded_exponent : largest_exponent;
    for (std::size_t c = 0; c < chosen.size(); ++c) {
      for (const int move : {-4, -1, 1, 4}) {
        std::vector<int> moved = chosen;
        moved[c] = std::clamp(moved[c] + move, -limit, limit);
        // Sums of the same terms in another order, some hundred of them.
        EXPECT_GE(factor_noise(problem, moved), least * (1 - 1e3 * 0x1p-52)) << c;
      }
    }
  }
}

TEST(Factors, AFactorForAllChannelsChangesNothing) {
  FactorProblem problem = random_problem(3, false);
  for (FactorProblem::Output& output : problem.outputs) output.others = 0;
  const std::vector<int> none(problem.largest.size()), all(problem.largest.size(), 8);
  const double noise = factor_noise(problem, none);
  EXPECT_NEAR(factor_noise(problem, all), noise, noise * 1e3 * 0x1p-52);
}

TEST(Factors, ABoundThatMattersKeepsAChannel) {
  FactorProblem problem = two_channels(8, 1);
  problem.bound = 1;
  problem.bounded.assign(2, std::vector<double>(2 * largest_bounded_exponent + 1, 1.0));
  for (auto& of : problem.bounded) of[largest_bounded_exponent] = 0;
  EXPECT_EQ(choose_factors(problem), (std::vector<int>{0, 0}));
}

TEST(Factors, ChannelsThatNothingReadsStay) {
  FactorProblem problem = two_channels(8, 1);
  problem.largest.push_back(3);
  problem.energy.push_back(1);
  problem.squares.push_back(0);
  EXPECT_EQ(choose_factors(problem)[2], 0);
  EXPECT_TRUE(choose_factors({}).empty());
}

}  // namespace
}  // namespace strata::compress
