#include "strata/compress/quantize/grid.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"

namespace strata::compress {
namespace {

// Ends of the interval that are tried, relative to the outermost number: powers of this.
constexpr double shrink = 0.96;
constexpr int steps = 96;  // to 2 %

constexpr std::array<std::string_view, 4> method_names = {"min-max", "percentile", "entropy",
                                                          "mse"};

Interval with_zero(Interval interval) {
  return {std::min(interval.low, 0.0), std::max(interval.high, 0.0)};
}

Interval percentile_interval(const Histogram& histogram, double percentile) {
  const double cut = double(histogram.count()) * (1 - percentile / 100);
  Interval interval = histogram.seen();
  double below = 0, above = 0;
  for (std::size_t i = 0; i < Histogram::bins; ++i) {
    below += double(histogram.in_bin(i));
    if (below <= cut) continue;
    interval.low = std::max(interval.low, histogram.middle(i) - histogram.width() / 2);
    break;
  }
  for (std::size_t i = Histogram::bins; i-- > 0;) {
    above += double(histogram.in_bin(i));
    if (above <= cut) continue;
    interval.high = std::min(interval.high, histogram.middle(i) + histogram.width() / 2);
    break;
  }
  return with_zero(interval);
}

double square_error(const Histogram& histogram, Interval interval, int bits) {
  const Grid grid = grid_over(interval, bits);
  double sum = 0;
  for (std::size_t i = 0; i < Histogram::bins; ++i) {
    if (histogram.in_bin(i) == 0) continue;
    auto kept = float(histogram.middle(i));
    snap(std::span(&kept, 1), grid);
    const double error = double(kept) - histogram.middle(i);
    sum += double(histogram.in_bin(i)) * error * error;
  }
  return sum;
}

/// Both ends drawn in alike, then one after the other: each is best given the other.
Interval mse_interval(const Histogram& histogram, int bits) {
  const Interval all = with_zero(histogram.seen());
  Interval best = all;
  double least = square_error(histogram, best, bits);
  const auto improve = [&](bool low, bool high) {
    double part = 1;
    for (int i = 0; i < steps; ++i, part *= shrink) {
      const Interval tried{low ? all.low * part : best.low, high ? all.high * part : best.high};
      const double error = square_error(histogram, tried, bits);
      if (error < least) {
        least = error;
        best = tried;
      }
    }
  };
  improve(true, true);
  for (int round = 0; round < 2 && all.low < 0 && all.high > 0; ++round) {
    improve(false, true);
    improve(true, false);
  }
  return best;
}

/// Numbers in a bin; where it begins at zero, no more than in the next: zeros are on every grid,
/// and there may be so many of them (after Relu) that nothing else counted.
double without_zeros(const Histogram& histogram, std::size_t bin) {
  const bool zero = std::abs(histogram.middle(bin)) < histogram.width();
  const std::size_t next = histogram.middle(bin) > 0 ? bin + 1 : bin - 1;
  const std::uint64_t count = histogram.in_bin(bin);
  return double(zero && next < Histogram::bins ? std::min(count, histogram.in_bin(next)) : count);
}

/// KL(P || Q): P has what lies outside in its outermost bins, Q is what the levels keep of the
/// inside, spread evenly over the bins that hold anything.
double divergence(const Histogram& histogram, Interval interval, int levels) {
  std::vector<double> inside;
  double below = 0, above = 0;
  for (std::size_t i = 0; i < Histogram::bins; ++i) {
    const double count = without_zeros(histogram, i);
    if (histogram.middle(i) < interval.low) {
      below += count;
    } else if (histogram.middle(i) > interval.high) {
      above += count;
    } else {
      inside.push_back(count);
    }
  }
  if (inside.empty()) return std::numeric_limits<double>::infinity();
  const std::size_t n = inside.size();
  const auto level_of = [&](std::size_t i) { return i * std::size_t(levels) / n; };
  std::vector<double> sums(static_cast<std::size_t>(levels)), used(sums.size());
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    sums[level_of(i)] += inside[i];
    used[level_of(i)] += inside[i] > 0;
    total += inside[i];
  }
  if (total == 0) return std::numeric_limits<double>::infinity();
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double p = inside[i] + (i == 0 ? below : 0) + (i + 1 == n ? above : 0);
    if (p == 0) continue;
    // An outermost bin without numbers of its own holds at least what one number would.
    const double q = std::max(inside[i] > 0 ? sums[level_of(i)] / used[level_of(i)] : 0.0, 1.0);
    const double share = p / (total + below + above);
    sum += share * std::log(share / (q / total));
  }
  return sum;
}

Interval entropy_interval(const Histogram& histogram, int bits) {
  const Interval all = with_zero(histogram.seen());
  Interval best = all;
  double least = std::numeric_limits<double>::infinity();
  double part = 1;
  for (int i = 0; i < steps; ++i, part *= shrink) {
    const Interval tried{all.low * part, all.high * part};
    // With fewer bins than levels, nothing would be lost inside.
    if ((tried.high - tried.low) / histogram.width() < (1 << bits)) break;
    const double error = divergence(histogram, tried, 1 << bits);
    if (error < least) {
      least = error;
      best = tried;
    }
  }
  return best;
}

}  // namespace

QuantizedRange full_range(int bits) {
  STRATA_ASSERT(bits >= 2 && bits <= 8);
  return {-(1 << (bits - 1)), (1 << (bits - 1)) - 1};
}

QuantizedRange weight_range(int bits) {
  const QuantizedRange range = full_range(bits);
  return bits < 8 ? range : QuantizedRange{-range.high, range.high};
}

Grid grid_over(Interval interval, int bits) {
  interval = with_zero(interval);
  Grid grid;
  grid.range = full_range(bits);
  const double levels = double(grid.range.high - grid.range.low);
  const double scale = (interval.high - interval.low) / levels;
  // Nothing but zeros, or numbers at the end of what f32 holds: products of scales stay normal.
  constexpr double least = 0x1p-60, largest = 0x1p60;
  grid.scale = scale > 0 ? float(std::clamp(scale, least, largest)) : 1.0f;
  const double zero = std::nearbyint(double(grid.range.low) - interval.low / double(grid.scale));
  grid.zero_point = std::int32_t(std::clamp(zero, double(grid.range.low), double(grid.range.high)));
  return grid;
}

void snap(std::span<float> values, const Grid& grid) {
  for (float& value : values) {
    const float code = std::nearbyint(value / grid.scale) + float(grid.zero_point);
    const float kept = std::clamp(code, float(grid.range.low), float(grid.range.high));
    value = (kept - float(grid.zero_point)) * grid.scale;
  }
}

std::string_view to_string(CalibrationMethod method) { return method_names[std::size_t(method)]; }

CalibrationMethod find_calibration_method(std::string_view name) {
  const auto found = std::ranges::find(method_names, name);
  if (found == method_names.end()) {
    fail(ErrorCode::usage, "calibration: '{}' given, expected {}", name,
         fmt::join(method_names, ", "));
  }
  return CalibrationMethod(found - method_names.begin());
}

Interval choose_interval(const Histogram& histogram, const IntervalOptions& options) {
  if (histogram.count() == 0) return {};
  switch (options.method) {
    case CalibrationMethod::percentile:
      return percentile_interval(histogram, options.percentile);
    case CalibrationMethod::entropy:
      return entropy_interval(histogram, options.bits);
    case CalibrationMethod::mse:
      return mse_interval(histogram, options.bits);
    case CalibrationMethod::min_max:
      break;
  }
  return with_zero(histogram.seen());
}

}  // namespace strata::compress
