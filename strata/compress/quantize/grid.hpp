#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "strata/compress/quantize/histogram.hpp"
#include "strata/tensor/integer_arithmetic.hpp"
#include "strata/tensor/tensor.hpp"

namespace strata::compress {

/// Numbers that codes stand for: scale * (code - zero_point), codes in `range`. One scale for the
/// whole tensor; the codes are stored as i8 whatever their bits.
struct Grid {
  float scale = 1;
  std::int32_t zero_point = 0;
  QuantizedRange range{-128, 127};

  /// Codes use all of i8, so that its saturation is that of the grid.
  bool fills_type() const { return range.low == -128 && range.high == 127; }
  float number(std::int32_t code) const { return float(code - zero_point) * scale; }
  bool operator==(const Grid& other) const {
    return scale == other.scale && zero_point == other.zero_point && range.low == other.range.low &&
           range.high == other.range.high;
  }
};

/// All codes of this many bits, 2 to 8, as two's complement has them.
QuantizedRange full_range(int bits);
/// What weights use, their zero point being 0: -127 to 127, as TensorFlow Lite wants them; of fewer
/// bits all codes, where one more is a good part of them.
QuantizedRange weight_range(int bits);

/// The grid of so many bits that covers an interval and holds zero exactly.
Grid grid_over(Interval interval, int bits);
/// Replaces numbers by the nearest ones of the grid, as QuantizeLinear and DequantizeLinear do.
void snap(std::span<float> values, const Grid& grid);

/// How the interval that a grid covers follows from the numbers seen.
enum class CalibrationMethod {
  min_max,     ///< all of them
  percentile,  ///< all but a share at each end
  entropy,     ///< least Kullback-Leibler divergence of what is kept from what was seen
  mse          ///< least mean square of the error
};
std::string_view to_string(CalibrationMethod method);
/// By name ("min-max", ...); throws usage listing the names.
CalibrationMethod find_calibration_method(std::string_view name);

struct IntervalOptions {
  CalibrationMethod method = CalibrationMethod::mse;
  double percentile = 99.99;  ///< share of numbers between the ends, in percent, for `percentile`
  int bits = 8;
};
/// The interval to be covered by a grid; holds zero.
Interval choose_interval(const Histogram& histogram, const IntervalOptions& options);

}  // namespace strata::compress
