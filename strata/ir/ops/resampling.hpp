#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

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

/// Weight of a sample at this distance: a tent, or the kernel of Keys (1981), equation 4.
double tap_weight(Interpolation interpolation, double distance, double cubic_a);

/// Input positions that make up one output along an axis, and their weights.
struct Taps {
  std::int64_t count = 0;
  std::array<std::int64_t, 4> positions{};
  std::array<double, 4> weights{};

  /// Set where more than four inputs make up an output: they are weighed as they are read.
  struct Wide {
    std::int64_t first, last;  ///< first tap, last input
    double center, scale, total;
    Interpolation interpolation;
    double cubic_a;
    bool exclude_outside;
    double weight(std::int64_t i) const;
  };
  std::optional<Wide> wide;

  std::int64_t position(std::int64_t i) const {
    return wide ? std::clamp<std::int64_t>(wide->first + i, 0, wide->last)
                : positions[std::size_t(i)];
  }
  double weight(std::int64_t i) const {
    return wide ? wide->weight(i) / wide->total : weights[std::size_t(i)];
  }
};

/// The attributes of a Resize node that concern every axis.
struct Resampling {
  Interpolation interpolation = Interpolation::nearest;
  std::string_view coordinates;  ///< coordinate_transformation_mode
  std::string_view rounding;     ///< nearest_mode
  double cubic_a = -0.75;
  bool exclude_outside = false;
  bool antialias = false;

  explicit Resampling(const Attributes& attributes);
  /// Where output x lies in the input.
  double coordinate(const ResampledAxis& axis, std::int64_t x) const;
  Taps taps(const ResampledAxis& axis, std::int64_t x) const;

 private:
  /// When shrinking, the kernel is stretched so that it reaches all inputs between two outputs.
  Taps antialiased(const ResampledAxis& axis, double center) const;
};

}  // namespace strata::ir
