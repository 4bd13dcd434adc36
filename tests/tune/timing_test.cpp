#include "strata/tune/timing.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "strata/base/error.hpp"
#include "strata/base/random.hpp"

namespace strata::tune {
namespace {

TEST(Timing, MedianAndRanksOfTheInterval) {
  std::vector<double> samples(100);
  std::iota(samples.begin(), samples.end(), 1.0);
  const Timing timing = summarize(samples);
  EXPECT_EQ(timing.median, 50.5);
  // Ranks 40 and 61 of 100, as tabulated for the median's 95 % interval.
  EXPECT_EQ(timing.low, 40);
  EXPECT_EQ(timing.high, 61);
  EXPECT_EQ(timing.samples, 100u);
}

TEST(Timing, FewSamplesGiveTheirRange) {
  const double samples[] = {3, 1, 2};
  const Timing timing = summarize(samples);
  EXPECT_EQ(timing.median, 2);
  EXPECT_EQ(timing.low, 1);
  EXPECT_EQ(timing.high, 3);
  EXPECT_THROW(summarize({}), Error);
}

// The interval covers the true median about as often as it says, however skewed the noise.
TEST(Timing, IntervalCoversTheMedianOfSkewedNoise) {
  constexpr std::uint64_t seed = 20240601;
  RecordProperty("seed", std::to_string(seed));
  Random random(seed);
  constexpr int trials = 2000;
  int covered = 0;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<double> samples(60);
    for (double& x : samples) x = std::exp(random.normal());  // median 1
    const Timing timing = summarize(samples);
    covered += timing.low <= 1 && 1 <= timing.high;
  }
  const double share = double(covered) / trials;
  // At least the nominal 0.95, less three standard deviations of the count.
  EXPECT_GE(share, 0.95 - 3 * std::sqrt(0.95 * 0.05 / trials));
}

TEST(Race, AlternatesAndTurnsTheOrder) {
  RaceOptions options;
  options.least_rounds = 3;
  options.seconds = 0;
  options.warmup_rounds = 1;
  Race race(3, options);
  std::vector<std::size_t> order;
  while (!race.done()) {
    order.push_back(race.next());
    race.tell(1);
  }
  EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 1, 2, 0, 2, 0, 1, 0, 1, 2}));
  EXPECT_EQ(race.rounds(), 3u);
  EXPECT_EQ(race.timing(0).samples, 3u);
}

TEST(Race, EndsByTimeOrByRounds) {
  RaceOptions options;
  options.least_rounds = 2;
  options.most_rounds = 50;
  options.seconds = 20;
  options.warmup_rounds = 0;
  const auto rounds = [&](double seconds) {
    Race race(2, options);
    while (!race.done()) race.tell(seconds);
    return race.rounds();
  };
  EXPECT_EQ(rounds(1), 10u);
  EXPECT_EQ(rounds(1000), 2u);
  EXPECT_EQ(rounds(0), 50u);
}

// A machine that becomes slower and slower: absolute times lie, the paired ratio does not.
TEST(Race, RatioIsPairedByRound) {
  RaceOptions options;
  options.least_rounds = options.most_rounds = 40;
  Race race(2, options);
  double drift = 1;
  while (!race.done()) {
    race.tell(race.next() == 0 ? 2 * drift : 3 * drift);
    if (race.next() == race.rounds() % 2) drift *= 1.2;
  }
  const Timing ratio = race.ratio(1, 0);
  EXPECT_LE(1.5 / 1.2, ratio.median);
  EXPECT_LE(ratio.median, 1.5 * 1.2);
  EXPECT_GT(race.timing(0).high / race.timing(0).low, ratio.high / ratio.low);
}

TEST(Race, RunsByTheClockAndStopsWhenAsked) {
  int first = 0, second = 0;
  const std::function<void()> contenders[] = {[&] { ++first; }, [&] { ++second; }};
  int asked = 0;
  RaceOptions options;
  options.seconds = 1e6;
  const Race race = run_race(contenders, options, [&] { return ++asked == 4; });
  EXPECT_EQ(race.rounds(), 4u);
  EXPECT_EQ(first, second);
  EXPECT_GT(race.timing(0).median, 0);
}

// Each heat meets the contenders somewhere else; what counts is the spread between heats.
TEST(Heats, AreSummarisedByTheirMedians) {
  RaceOptions options;
  options.seconds = 0;
  options.least_rounds = 3;
  std::vector<std::size_t> prepared;
  const HeatsResult result = run_heats(
      4,
      [&](std::size_t heat) {
        prepared.push_back(heat);
        return Contenders{[] {}, [] {}};
      },
      options);
  EXPECT_EQ(prepared, (std::vector<std::size_t>{0, 1, 2, 3}));
  EXPECT_EQ(result.ratio.samples, 4u);
  EXPECT_LE(result.ratio.low, result.ratio.median);
  EXPECT_LE(result.ratio.median, result.ratio.high);
}

TEST(Heats, OneContenderAloneIsTheReference) {
  const HeatsResult result = run_heats(2, [](std::size_t) { return Contenders{[] {}}; });
  EXPECT_EQ(result.ratio.median, 1);
  EXPECT_GT(result.reference.median, 0);
}

TEST(Heats, StopBetweenHeats) {
  std::size_t prepared = 0;
  run_heats(
      100,
      [&](std::size_t) {
        ++prepared;
        return Contenders{[] {}};
      },
      {}, [] { return true; });
  EXPECT_EQ(prepared, 1u);
}

}  // namespace
}  // namespace strata::tune
