#include "strata/compress/quantize/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/base/random.hpp"

namespace strata::compress {
namespace {

std::vector<float> numbers(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = float(std::exp(3 * random.normal()) * random.normal());
  return values;
}

std::string state(const Histogram& histogram) {
  std::string bytes;
  histogram.write(bytes);
  return bytes;
}

TEST(Histogram, DoesNotDependOnOrderOrPieces) {
  std::vector<float> values = numbers(5000, 7);
  Histogram whole;
  whole.add(values);
  std::ranges::reverse(values);
  Histogram pieces;
  for (std::size_t at = 0; at < values.size(); at += 125) {
    pieces.add(std::span(values).subspan(at, 125));
  }
  EXPECT_EQ(state(whole), state(pieces));
}

TEST(Histogram, CountsEachNumberInTheBinThatHoldsIt) {
  const std::vector<float> values = numbers(3000, 8);
  Histogram histogram;
  histogram.add(values);
  EXPECT_EQ(histogram.count(), values.size());
  EXPECT_EQ(float(histogram.seen().low), std::ranges::min(values));
  EXPECT_EQ(float(histogram.seen().high), std::ranges::max(values));
  std::uint64_t below = 0;
  for (std::size_t bin = 0; bin < Histogram::bins; ++bin) {
    below += histogram.in_bin(bin);
    const double end = histogram.middle(bin) + histogram.width() / 2;
    const auto expected = std::ranges::count_if(values, [&](float v) { return double(v) < end; });
    ASSERT_EQ(below, std::uint64_t(expected)) << "bin " << bin;
  }
  EXPECT_EQ(below, values.size());
  // No coarser than it has to be.
  EXPECT_GT(2 * (histogram.seen().high - histogram.seen().low) / histogram.width(),
            double(Histogram::bins) - 2);
}

TEST(Histogram, TakesExtremeNumbers) {
  constexpr float largest = std::numeric_limits<float>::max();
  constexpr float least = std::numeric_limits<float>::denorm_min();
  for (const std::vector<float>& values : std::vector<std::vector<float>>{{0, 0, 0},
                                                                          {5},
                                                                          {-largest, largest},
                                                                          {least, 0},
                                                                          {least, largest},
                                                                          {1e30f, 1e30f},
                                                                          {0, 1},
                                                                          {0, -largest},
                                                                          {least, -1, largest},
                                                                          {-1, 1e-30f}}) {
    Histogram histogram;
    for (const float& value : values) histogram.add(std::span(&value, 1));
    std::uint64_t sum = 0;
    for (std::size_t bin = 0; bin < Histogram::bins; ++bin) sum += histogram.in_bin(bin);
    EXPECT_EQ(sum, values.size());
  }
}

TEST(Histogram, RefusesWhatIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    Histogram histogram;
    const float values[] = {1, 2, bad};
    try {
      histogram.add(values);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::model);
      EXPECT_NE(std::string(error.what()).find("element 2"), std::string::npos) << error.what();
    }
  }
}

TEST(Histogram, IsReadAsItWasWritten) {
  Histogram histogram;
  histogram.add(numbers(1000, 9));
  const std::string bytes = state(histogram);
  ByteReader reader(std::as_bytes(std::span(bytes)));
  EXPECT_EQ(state(Histogram::read(reader)), bytes);
  EXPECT_EQ(reader.remaining(), 0u);
}

TEST(Histogram, RefusesAStateThatIsDamaged) {
  Histogram histogram;
  histogram.add(numbers(1000, 9));
  const std::string bytes = state(histogram);
  const auto read = [](const std::string& damaged) {
    ByteReader reader(std::as_bytes(std::span(damaged)));
    Histogram::read(reader);
  };
  for (std::size_t length = 0; length < bytes.size(); length += 97) {
    EXPECT_THROW(read(bytes.substr(0, length)), Error) << length;
  }
  // Count, seen, exponent and first bin, each replaced by all ones.
  for (const auto& [at, size] : {std::pair(0, 8), {8, 8}, {16, 8}, {24, 4}, {28, 8}}) {
    std::string damaged = bytes;
    damaged.replace(std::size_t(at), std::size_t(size), std::size_t(size), '\xff');
    EXPECT_THROW(read(damaged), Error) << at;
  }
  // Bins that begin below what was seen, and would end below what comes next.
  std::string damaged = bytes;
  --damaged[28];
  EXPECT_THROW(read(damaged), Error);
  // Counts whose sum wraps around.
  damaged = bytes;
  damaged.replace(36, 8, 8, '\xff');
  EXPECT_THROW(read(damaged), Error);
}

}  // namespace
}  // namespace strata::compress
