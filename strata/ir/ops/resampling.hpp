#pragma once

#include <array>
#include <cstdint>

#include "strata/ir/op.hpp"

namespace strata::ir {

enum class Interpolation { nearest, linear, cubic };

/// How one axis of a Resize node maps its outputs back to the input (ONNX, operator Resize).
struct ResampledAxis {
  std::int64_t input = 1;
  std::int64_t output = 1;
  /// The scale is numerator / denominator: kept apart so that integer ratios stay exact.
  double numerator = 1;
  double denominator = 1;
  double roi_start = 0;
  double roi_end = 1;

  bool resized() const { return input != output || numerator != denominator; }
};

/// Input positions that make up one output along an axis, and their weights.
struct Taps {
  int count = 0;
  std::array<std::int64_t, 4> position{};
  std::array<double, 4> weight{};
};

/// The attributes of a Resize node that concern every axis.
struct Resampling {
  Interpolation interpolation = Interpolation::nearest;
  std::string_view coordinates;  ///< coordinate_transformation_mode
  std::string_view rounding;     ///< nearest_mode
  double cubic_a = -0.75;
  bool exclude_outside = false;

  explicit Resampling(const Attributes& attributes);
  /// Where output x lies in the input.
  double coordinate(const ResampledAxis& axis, std::int64_t x) const;
  Taps taps(const ResampledAxis& axis, std::int64_t x) const;
};

}  // namespace strata::ir
