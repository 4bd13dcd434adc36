#include "strata/compress/quantize/factors.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "strata/base/random.hpp"

namespace strata::compress {
namespace {

constexpr double finest = 1e12;  // levels: no noise from that side

/// One output that reads two channels of equal numbers by these weights.
FactorProblem two_channels(double first, double second) {
  FactorProblem problem;
  problem.lowest = {0, 0};
  problem.highest = {1, 1};
  problem.energy = {1, 1};
  problem.squares = {first * first, second * second};
  problem.readers = {
      {.channels = 2, .outputs = 1, .largest = {float(first), float(second)}, .others = {0}}};
  return problem;
}

/// Readers of all channels, and of some only, with weights that read others.
FactorProblem random_problem(std::uint64_t seed, bool bounded) {
  constexpr std::size_t channels = 9;
  Random random(seed);
  FactorProblem problem;
  for (std::size_t c = 0; c < channels; ++c) {
    problem.lowest.push_back(bounded ? 0 : -std::exp2(random.normal()));
    problem.highest.push_back(std::exp2(random.normal()));
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
  for (const std::size_t first : {0, 3}) {
    FactorProblem::Readers readers{
        .first = first, .channels = channels - 2 * first, .outputs = 5 + first, .taps = 3};
    readers.levels = first == 0 ? 7 : 31;
    for (std::size_t o = 0; o < readers.outputs; ++o) {
      readers.others.push_back(float(std::abs(random.normal())));
    }
    for (std::size_t c = 0; c < readers.channels; ++c) {
      for (std::size_t o = 0; o < readers.outputs; ++o) {
        const double weight = std::abs(random.normal()) * std::exp2(random.normal());
        readers.largest.push_back(float(weight));
        problem.squares[first + c] += weight * weight;
      }
    }
    problem.readers.push_back(readers);
  }
  return problem;
}

TEST(Factors, WeightsOfOneSizeUseAllCodes) {
  FactorProblem problem = two_channels(8, 1);
  problem.grid_steps = finest;
  // max(8 / f, 1)^2 (f^2 + 1) is least where both are read by weights of one size: f = 8 =
  // 2^(24/8).
  const std::vector<int> exponents = choose_factors(problem);
  EXPECT_EQ(exponents[0] - exponents[1], 24);
}

TEST(Factors, ChannelsOfOneReachUseTheGrid) {
  FactorProblem problem = two_channels(1, 1);
  problem.readers[0].levels = finest;
  problem.highest = {1, 0.25};
  // max(f, 0.25)^2 (1 / f^2 + 1) for the first, the other being 1, is least at f = 0.25.
  const std::vector<int> exponents = choose_factors(problem);
  EXPECT_EQ(exponents[0] - exponents[1], -16);
}

TEST(Factors, TheGridSpansBothSigns) {
  FactorProblem problem = two_channels(1, 1);
  problem.readers[0].levels = finest;
  const std::vector<int> none(2);
  const double above = factor_noise(problem, none);
  problem.lowest = {-1, 0};
  // Twice the span, four times the noise; sums of two terms.
  EXPECT_NEAR(factor_noise(problem, none), 4 * above, 4 * above * 8 * 0x1p-52);
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
  for (FactorProblem::Readers& readers : problem.readers) {
    readers.others.assign(readers.outputs, 0);
  }
  const std::vector<int> none(problem.energy.size()), all(problem.energy.size(), 8);
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
  problem.lowest.push_back(0);
  problem.highest.push_back(3);
  problem.energy.push_back(1);
  problem.squares.push_back(0);
  EXPECT_EQ(choose_factors(problem)[2], 0);
  EXPECT_TRUE(choose_factors({}).empty());
}

}  // namespace
}  // namespace strata::compress
