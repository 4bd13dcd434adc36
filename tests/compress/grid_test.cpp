#include "strata/compress/quantize/grid.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "strata/base/error.hpp"
#include "strata/base/random.hpp"

namespace strata::compress {
namespace {

double square_error(const std::vector<float>& values, const Grid& grid) {
  std::vector<float> kept = values;
  snap(kept, grid);
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += (double(kept[i]) - double(values[i])) * (double(kept[i]) - double(values[i]));
  }
  return sum;
}

TEST(Grid, WeightsUseAllCodesOfFewBits) {
  EXPECT_EQ(weight_range(8).low, -127);
  EXPECT_EQ(weight_range(8).high, 127);
  EXPECT_EQ(weight_range(4).low, -8);
  EXPECT_EQ(weight_range(4).high, 7);
  EXPECT_EQ(weight_range(2).low, -2);
  EXPECT_EQ(weight_range(2).high, 1);
}

TEST(Grid, HoldsZeroAndBothEnds) {
  for (const int bits : {2, 3, 4, 8}) {
    for (const Interval& interval :
         {Interval{-1, 3}, Interval{0, 7}, Interval{-5, 0}, Interval{2, 3}, Interval{-3, -2}}) {
      const Grid grid = grid_over(interval, bits);
      EXPECT_EQ(grid.number(grid.zero_point), 0.0f);
      EXPECT_GE(grid.zero_point, grid.range.low);
      EXPECT_LE(grid.zero_point, grid.range.high);
      // Rounding the zero point shifts the ends by half a step at most.
      EXPECT_LE(double(grid.number(grid.range.low)), std::min(interval.low, 0.0) + grid.scale / 2);
      EXPECT_GE(double(grid.number(grid.range.high)),
                std::max(interval.high, 0.0) - grid.scale / 2);
    }
  }
}

TEST(Grid, ReplacesByTheNearestNumber) {
  const Grid grid = grid_over({-1, 3}, 4);
  Random random(3);
  for (int i = 0; i < 1000; ++i) {
    const float x = float(6 * random.uniform() - 2);
    float kept = x;
    snap(std::span(&kept, 1), grid);
    for (int code = grid.range.low; code <= grid.range.high; ++code) {
      EXPECT_LE(std::abs(kept - x), std::nextafter(std::abs(grid.number(code) - x), 1e9f)) << x;
    }
  }
}

TEST(Grid, RoundsAsQuantizeLinearDoes) {
  const Grid grid = grid_over({-0.7, 2.3}, 8);
  Random random(4);
  for (int i = 0; i < 1000; ++i) {
    const float x = float(4 * random.uniform() - 1);
    float kept = x;
    snap(std::span(&kept, 1), grid);
    EXPECT_EQ(kept,
              grid.number(onnx_arithmetic::quantize(x, grid.scale, grid.zero_point, grid.range)));
  }
}

TEST(Grid, OfNothingButZerosIsUsable) {
  EXPECT_EQ(grid_over({0, 0}, 8).scale, 1.0f);
  EXPECT_TRUE(std::isnormal(grid_over({0, 1e-45}, 8).scale));
  EXPECT_TRUE(std::isnormal(grid_over({-3e38, 3e38}, 8).scale));
}

/// Normal numbers with a few far out.
std::vector<float> heavy_tailed(std::uint64_t seed) {
  Random random(seed);
  std::vector<float> values(20000);
  for (float& value : values) value = float(random.normal() * (random.below(500) ? 1 : 20));
  return values;
}

Interval chosen(const std::vector<float>& values, CalibrationMethod method, int bits) {
  Histogram histogram;
  histogram.add(values);
  return choose_interval(histogram, {.method = method, .percentile = 99.9, .bits = bits});
}

TEST(ChooseInterval, MinMaxIsWhatWasSeen) {
  const std::vector<float> values = heavy_tailed(5);
  const Interval interval = chosen(values, CalibrationMethod::min_max, 8);
  EXPECT_EQ(float(interval.low), std::ranges::min(values));
  EXPECT_EQ(float(interval.high), std::ranges::max(values));
}

TEST(ChooseInterval, MseLosesLeast) {
  const std::vector<float> values = heavy_tailed(6);
  for (const int bits : {3, 4, 8}) {
    const auto error = [&](CalibrationMethod method) {
      return square_error(values, grid_over(chosen(values, method, bits), bits));
    };
    const double least = error(CalibrationMethod::mse);
    EXPECT_LE(least, error(CalibrationMethod::min_max)) << bits;
    EXPECT_LE(least, error(CalibrationMethod::percentile)) << bits;
    EXPECT_LE(least, error(CalibrationMethod::entropy)) << bits;
  }
}

TEST(ChooseInterval, PercentileLeavesOutThatShareAtEachEnd) {
  const std::vector<float> values = heavy_tailed(7);
  const Interval interval = chosen(values, CalibrationMethod::percentile, 8);
  const auto outside = [&](auto&& test) { return double(std::ranges::count_if(values, test)); };
  const double most = 0.001 * double(values.size()) + 1;
  EXPECT_LE(outside([&](float v) { return v < interval.low; }), most);
  EXPECT_LE(outside([&](float v) { return v > interval.high; }), most);
  EXPECT_GT(interval.low, chosen(values, CalibrationMethod::min_max, 8).low);
}

TEST(ChooseInterval, EntropyCutsWhatIsRare) {
  const std::vector<float> values = heavy_tailed(8);
  EXPECT_LT(chosen(values, CalibrationMethod::entropy, 8).high,
            chosen(values, CalibrationMethod::min_max, 8).high);
}

TEST(ChooseInterval, KeepsOneSidedNumbersOneSided) {
  std::vector<float> values = heavy_tailed(9);
  for (float& value : values) value = std::max(value, 0.0f);
  for (const auto method : {CalibrationMethod::min_max, CalibrationMethod::percentile,
                            CalibrationMethod::entropy, CalibrationMethod::mse}) {
    EXPECT_EQ(chosen(values, method, 8).low, 0.0) << to_string(method);
    EXPECT_EQ(grid_over(chosen(values, method, 8), 8).zero_point, -128) << to_string(method);
  }
}

TEST(CalibrationMethods, HaveNames) {
  EXPECT_EQ(find_calibration_method("entropy"), CalibrationMethod::entropy);
  try {
    find_calibration_method("max");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_NE(std::string(error.what()).find("min-max, percentile, entropy, mse"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace strata::compress
