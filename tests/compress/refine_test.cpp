#include "strata/compress/quantize/refine.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "strata/base/random.hpp"

namespace strata::compress {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

struct Case {
  SampledLayer layer;
  RoundedWeights rounded;
  std::vector<double> bias;
};

/// Weights at their nearest codes, and what the real ones make of the same inputs.
Case nearest(std::int64_t groups, std::int64_t inputs, std::int64_t channels, Interval bound,
             QuantizedRange range) {
  Random random(5);
  constexpr std::int64_t positions = 1500;
  RoundingProblem problem{.inputs = inputs, .channels = channels};
  for (std::int64_t i = 0; i < inputs * channels; ++i) problem.weights.push_back(random.normal());
  Case result;
  result.rounded = round_to_nearest(problem, range, true);
  result.bias.assign(std::size_t(channels), -0.5);
  SampledLayer& layer = result.layer;
  layer = {.groups = groups, .inputs = inputs, .channels = channels, .positions = positions};
  layer.first = positions / 2;
  layer.bound = bound;
  for (std::int64_t i = 0; i < groups * inputs * positions; ++i) {
    layer.read.push_back(float(std::abs(random.normal())));
  }
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::int64_t group = c / (channels / groups);
    for (std::int64_t at = 0; at < positions; ++at) {
      double sum = -0.5;
      for (std::int64_t k = 0; k < inputs; ++k) {
        sum += problem.weights[std::size_t(c * inputs + k)] *
               double(layer.read[std::size_t((group * inputs + k) * positions + at)]);
      }
      layer.targets.push_back(float(sum));
    }
  }
  return result;
}

/// The definition, in double.
double error_of(const Case& c) {
  const SampledLayer& layer = c.layer;
  double sum = 0;
  for (std::int64_t channel = 0; channel < layer.channels; ++channel) {
    const std::int64_t group = channel / (layer.channels / layer.groups);
    for (std::int64_t at = 0; at < layer.positions; ++at) {
      double y = c.bias[std::size_t(channel)];
      for (std::int64_t k = 0; k < layer.inputs; ++k) {
        y += double(c.rounded.scales[std::size_t(channel)]) *
             c.rounded.codes[std::size_t(channel * layer.inputs + k)] *
             double(layer.read[std::size_t((group * layer.inputs + k) * layer.positions + at)]);
      }
      const double target = double(layer.targets[std::size_t(channel * layer.positions + at)]);
      const double off = std::clamp(y, layer.bound.low, layer.bound.high) -
                         std::clamp(target, layer.bound.low, layer.bound.high);
      sum += off * off;
    }
  }
  return sum / double(layer.positions);
}

TEST(Refine, ErrorIsThatOfTheDefinition) {
  for (const Interval bound : {Interval{0, 6}, {0, infinite}, {-infinite, infinite}}) {
    const Case c = nearest(1, 12, 5, bound, {-7, 7});
    const double expected = error_of(c);
    // Each number is made of 12 products, and squares are added up: some 30 roundings of f32 on
    // the way to each, of numbers up to a hundred times the errors that are squared.
    const double tolerance = 30 * 100 * std::numeric_limits<float>::epsilon() * expected;
    EXPECT_NEAR(sampled_error(c.layer, c.rounded, c.bias), expected, tolerance);
  }
}

TEST(Refine, LowersTheErrorBehindABound) {
  for (const Interval bound : {Interval{0, 6}, {0, infinite}}) {
    for (const std::int64_t groups : {1, 6}) {
      Case c = nearest(groups, 9, 6, bound, {-7, 7});
      const double before = error_of(c);
      refine(c.layer, {.range = {-7, 7}}, c.rounded, c.bias);
      EXPECT_LT(error_of(c), 0.7 * before) << groups;
      for (const std::int8_t code : c.rounded.codes) EXPECT_LE(std::abs(code), 7);
    }
  }
}

TEST(Refine, ThreadsDoNotChangeTheOutcome) {
  const Case given = nearest(1, 20, 13, {0, 6}, {-3, 3});
  std::vector<Case> results;
  for (const int threads : {1, 2, 5}) {
    Case c = given;
    refine(c.layer, {.range = {-3, 3}, .threads = threads}, c.rounded, c.bias);
    results.push_back(std::move(c));
  }
  for (const Case& c : results) {
    EXPECT_EQ(c.rounded.codes, results[0].rounded.codes);
    EXPECT_EQ(c.rounded.scales, results[0].rounded.scales);
    EXPECT_EQ(c.bias, results[0].bias);
  }
}

TEST(Refine, LeavesWhatIsAlwaysCutOff) {
  Case c = nearest(1, 4, 1, {0, infinite}, {-7, 7});
  for (float& target : c.layer.targets) target = -1;
  c.bias[0] = -1000;
  const Case given = c;
  refine(c.layer, {.range = {-7, 7}}, c.rounded, c.bias);
  EXPECT_EQ(c.rounded.codes, given.rounded.codes);
  EXPECT_EQ(c.bias, given.bias);
}

TEST(Refine, HoldsWhereDataSufficeOnly) {
  Case c = nearest(1, 9, 6, {0, 6}, {-7, 7});
  EXPECT_TRUE(refining_holds(c.layer, {.range = {-7, 7}}, c.rounded, c.bias));
  // Targets that have nothing to do with what is read: whatever is learnt is chance.
  c = nearest(1, 60, 6, {0, infinite}, {-127, 127});
  Random random(9);
  for (float& target : c.layer.targets) target = float(50 * random.normal());
  SampledLayer few = c.layer;
  few.positions = 80;
  few.first = 40;
  few.read.clear();
  few.targets.clear();
  for (std::int64_t row = 0; row < 60; ++row) {
    const auto from = c.layer.read.begin() + row * c.layer.positions;
    few.read.insert(few.read.end(), from, from + 80);
  }
  for (std::int64_t row = 0; row < 6; ++row) {
    const auto from = c.layer.targets.begin() + row * c.layer.positions;
    few.targets.insert(few.targets.end(), from, from + 80);
  }
  RoundedWeights nothing = c.rounded;
  std::ranges::fill(nothing.codes, std::int8_t(0));
  std::ranges::fill(c.bias, 20.0);
  EXPECT_FALSE(refining_holds(few, {.range = {-127, 127}}, nothing, c.bias));
}

TEST(Refine, HoldsOnlyIfThereIsAnotherHalf) {
  Case c = nearest(1, 9, 6, {0, 6}, {-7, 7});
  for (const std::int64_t first : {std::int64_t(0), c.layer.positions}) {
    c.layer.first = first;
    EXPECT_FALSE(refining_holds(c.layer, {.range = {-7, 7}}, c.rounded, c.bias));
  }
}

TEST(Refine, StopsWhenAsked) {
  const Case given = nearest(1, 12, 5, {0, 6}, {-7, 7});
  Case c = given;
  refine(c.layer, {.range = {-7, 7}, .stopped = [] { return true; }}, c.rounded, c.bias);
  EXPECT_EQ(c.rounded.codes, given.rounded.codes);
}

}  // namespace
}  // namespace strata::compress
