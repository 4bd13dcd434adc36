#include "strata/data/metrics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace strata::data {
namespace {

constexpr double printed = 0.5e-4;  // published with four decimals

void expect_published(const Interval& interval, double low, double high) {
  EXPECT_NEAR(interval.low, low, printed);
  EXPECT_NEAR(interval.high, high, printed);
}

// Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3.
TEST(Wilson, MatchesPublishedIntervals) {
  expect_published(wilson(81, 263), 0.2553, 0.3662);
  expect_published(wilson(15, 148), 0.0624, 0.1605);
  expect_published(wilson(0, 20), 0.0, 0.1611);
  expect_published(wilson(1, 29), 0.0061, 0.1718);
}

TEST(Wilson, StaysWithinZeroAndOne) {
  for (const std::int64_t n : {1, 2, 850, 1'000'000}) {
    EXPECT_EQ(wilson(0, n).low, 0);
    EXPECT_EQ(wilson(n, n).high, 1);
    EXPECT_NEAR(wilson(0, n).high, 1 - wilson(n, n).low,
                std::numeric_limits<double>::epsilon() * 4);
  }
  EXPECT_EQ(wilson(0, 0).low, 0);
  EXPECT_EQ(wilson(0, 0).high, 1);
}

/// Outcomes with these counts: right by both, by the first, by the second, by neither.
struct Pairs {
  Pairs(int both, int first, int second, int neither) {
    const auto add = [this](int n, int a, int b) {
      for (int i = 0; i < n; ++i) {
        one.push_back(std::uint8_t(a));
        two.push_back(std::uint8_t(b));
      }
    };
    add(both, 1, 1);
    add(first, 1, 0);
    add(second, 0, 1);
    add(neither, 0, 0);
  }
  std::vector<std::uint8_t> one, two;
};

// Newcombe 1998, Statistics in Medicine 17, 2635-2650: the first example, method 10.
TEST(PairedDrop, MatchesThePublishedInterval) {
  const Pairs pairs(36, 12, 2, 0);
  const PairedDrop drop = paired_drop(pairs.one, pairs.two);
  EXPECT_EQ(drop.count, 50);
  EXPECT_EQ(drop.lost, 12);
  EXPECT_EQ(drop.gained, 2);
  EXPECT_EQ(drop.drop, 0.2);
  expect_published(drop.interval, 0.0569, 0.3404);
}

TEST(PairedDrop, TurnsAroundWithItsOperands) {
  const Pairs pairs(600, 30, 20, 200);
  const PairedDrop drop = paired_drop(pairs.one, pairs.two);
  const PairedDrop back = paired_drop(pairs.two, pairs.one);
  EXPECT_EQ(drop.drop, -back.drop);
  const double rounding = 8 * std::numeric_limits<double>::epsilon();
  EXPECT_NEAR(drop.interval.low, -back.interval.high, rounding);
  EXPECT_NEAR(drop.interval.high, -back.interval.low, rounding);
  // Judging the same items twice is worth more than judging as many others.
  const double apart = wilson(630, 850).high - wilson(630, 850).low;
  EXPECT_LT(drop.interval.high - drop.interval.low, apart);
}

TEST(PairedDrop, KnowsAgreementAndNothing) {
  const Pairs same(50, 0, 0, 4);
  const PairedDrop drop = paired_drop(same.one, same.two);
  EXPECT_EQ(drop.drop, 0);
  EXPECT_LE(drop.interval.low, 0);
  EXPECT_GE(drop.interval.high, 0);
  EXPECT_EQ(paired_drop({}, {}).interval.low, -1);
}

TEST(Agreement, CountsEqualPredictions) {
  EXPECT_EQ(agreement(std::vector{1, 2, 3, 4}, std::vector{1, 2, 0, 4}), 0.75);
  EXPECT_EQ(agreement({}, {}), 1);
}

TEST(TopK, OrdersByScoreThenIndexAndPutsNanLast) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> scores{nan, 1, 3, 1, -infinity, 3, nan};
  EXPECT_EQ(argmax(scores), 2);
  EXPECT_EQ(top_k(scores, 10), (std::vector<std::int32_t>{2, 5, 1, 3, 4, 0, 6}));
  for (std::size_t k = 0; k <= scores.size(); ++k) {
    const std::vector<std::int32_t> best = top_k(scores, k);
    for (std::int32_t label = -1; label <= 7; ++label) {
      const bool listed = std::find(best.begin(), best.end(), label) != best.end();
      EXPECT_EQ(in_top_k(scores, label, k), listed) << label << " among " << k;
    }
  }
  EXPECT_EQ(argmax({}), -1);
  EXPECT_EQ(argmax(std::vector{nan, nan}), 0);
}

}  // namespace
}  // namespace strata::data
