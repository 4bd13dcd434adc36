#include "strata/data/auc.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "strata/base/random.hpp"

namespace strata::data {
namespace {

/// The definition: pairs.
double by_pairs(const std::vector<float>& scores, const std::vector<std::uint8_t>& positive) {
  double won = 0, pairs = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (std::size_t j = 0; j < scores.size(); ++j) {
      if (!positive[i] || positive[j]) continue;
      ++pairs;
      won += scores[i] > scores[j] ? 1 : scores[i] == scores[j] ? 0.5 : 0;
    }
  }
  return won / pairs;
}

TEST(Auc, IsTheShareOfPairsInOrder) {
  const std::uint64_t seed = 20;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Random random(seed);
  for (int round = 0; round < 20; ++round) {
    std::vector<float> scores;
    std::vector<std::uint8_t> positive{0, 1};
    for (int i = 0; i < 60; ++i) scores.push_back(float(random.below(12)));  // with ties
    while (positive.size() < scores.size()) positive.push_back(random.below(3) == 0);
    const auto result = auc(scores, positive);
    ASSERT_TRUE(result);
    // Sums of 60 terms of at most 1, each rounded.
    EXPECT_NEAR(result->value, by_pairs(scores, positive),
                60 * std::numeric_limits<double>::epsilon());
    EXPECT_LE(result->interval.low, result->value);
    EXPECT_GE(result->interval.high, result->value);
  }
}

TEST(Auc, KnowsWhatItDoesNotKnow) {
  const auto perfect = auc(std::vector<float>{1, 2, 3, 4}, std::vector<std::uint8_t>{0, 0, 1, 1});
  EXPECT_EQ(perfect->value, 1);
  EXPECT_EQ(perfect->interval.low, wilson(2, 2).low) << "two items of a class do not prove it";
  EXPECT_EQ(perfect->positive, 2);
  const auto worst = auc(std::vector<float>{4, 3, 2, 1}, std::vector<std::uint8_t>{0, 0, 1, 1});
  EXPECT_EQ(worst->value, 0);
  EXPECT_GT(worst->interval.high, 0.5);
  EXPECT_FALSE(auc(std::vector<float>{1, 2}, std::vector<std::uint8_t>{1, 1}));
}

TEST(Auc, IntervalsHoldAsOftenAsTheySay) {
  // Scores of both classes from normal distributions that differ by one standard deviation: the
  // area is Phi(1 / sqrt(2)).
  const double truth = 0.5 * std::erfc(-0.5);
  const std::uint64_t seed = 7;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  Random random(seed);
  constexpr int rounds = 400;
  int held = 0;
  for (int round = 0; round < rounds; ++round) {
    std::vector<float> scores;
    std::vector<std::uint8_t> positive;
    for (int i = 0; i < 120; ++i) {
      positive.push_back(i % 3 == 0);
      double sum = -6;  // of twelve uniform numbers: nearly normal
      for (int k = 0; k < 12; ++k) sum += random.uniform();
      scores.push_back(float(sum + positive.back()));
    }
    const Interval interval = auc(scores, positive)->interval;
    held += interval.low <= truth && truth <= interval.high;
  }
  // A binomial count with p = 0.95 lies beyond four standard deviations once in 15,000.
  const double deviation = std::sqrt(rounds * 0.95 * 0.05);
  EXPECT_NEAR(held, 0.95 * rounds, 4 * deviation);
}

TEST(Auc, AveragesClassesThatOccur) {
  // Three classes, of which the last has no items.
  const std::vector<float> scores = {0.9f, 0.1f, 0.0f, 0.2f, 0.8f, 0.0f, 0.3f, 0.7f, 0.0f};
  const std::vector<std::int32_t> labels = {0, 1, 0};
  const auto result = auc_one_vs_rest(scores, labels, 3);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->value, (1.0 + 1.0) / 2);
  EXPECT_FALSE(auc_one_vs_rest(scores, std::vector<std::int32_t>{1, 1, 1}, 3));
}

}  // namespace
}  // namespace strata::data
