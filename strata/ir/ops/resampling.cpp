#include "strata/ir/ops/resampling.hpp"

#include <algorithm>
#include <cmath>

#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

double nearest(double x, std::string_view rounding) {
  if (rounding == "floor") return std::floor(x);
  if (rounding == "ceil") return std::ceil(x);
  return rounding == "round_prefer_ceil" ? std::floor(x + 0.5) : std::ceil(x - 0.5);
}

/// Weight of a sample at this distance (Keys 1981, equation 4, with free coefficient a).
double cubic_weight(double distance, double a) {
  const double d = std::fabs(distance);
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

}  // namespace

Resampling::Resampling(const Attributes& attributes)
    : coordinates(text_view(attributes, "coordinate_transformation_mode", "half_pixel")),
      rounding(text_view(attributes, "nearest_mode", "round_prefer_floor")),
      cubic_a(attributes.real("cubic_coeff_a", -0.75f)),
      exclude_outside(attributes.integer("exclude_outside", 0) != 0) {
  const std::string_view mode = text_view(attributes, "mode", "nearest");
  if (mode == "linear") interpolation = Interpolation::linear;
  if (mode == "cubic") interpolation = Interpolation::cubic;
}

double Resampling::coordinate(const ResampledAxis& axis, std::int64_t x) const {
  const auto back = [&](double position) { return position * axis.denominator / axis.numerator; };
  const auto at = double(x);
  const auto input = double(axis.input);
  const auto output = double(axis.output);
  if (coordinates == "asymmetric") return back(at);
  if (coordinates == "align_corners") {
    return axis.output == 1 ? 0 : at * (input - 1) / (output - 1);
  }
  if (coordinates == "tf_crop_and_resize") {
    if (axis.output == 1) return 0.5 * (axis.roi_start + axis.roi_end) * (input - 1);
    return axis.roi_start * (input - 1) +
           at * (axis.roi_end - axis.roi_start) * (input - 1) / (output - 1);
  }
  if (coordinates == "pytorch_half_pixel" && axis.output == 1) return 0;
  const double half_pixel = back(at + 0.5) - 0.5;
  if (coordinates != "half_pixel_symmetric") return half_pixel;
  const double exact_output = input * axis.numerator / axis.denominator;
  return input / 2 * (1 - output / exact_output) + half_pixel;
}

Taps Resampling::taps(const ResampledAxis& axis, std::int64_t x) const {
  if (!axis.resized() && coordinates != "tf_crop_and_resize") return {1, {x}, {1}};
  const double center = coordinate(axis, x);
  const auto last = double(axis.input - 1);
  if (interpolation == Interpolation::nearest) {
    return {1, {std::int64_t(std::clamp(nearest(center, rounding), 0.0, last))}, {1}};
  }
  Taps taps;
  const bool cubic = interpolation == Interpolation::cubic;
  const double first = std::floor(center) - (cubic ? 1 : 0);
  double sum = 0;
  taps.count = cubic ? 4 : 2;
  for (int i = 0; i < taps.count; ++i) {
    const double position = first + i;
    const double distance = center - position;
    double weight = cubic ? cubic_weight(distance, cubic_a) : 1 - std::fabs(distance);
    if (exclude_outside && (position < 0 || position > last)) weight = 0;
    taps.position[std::size_t(i)] = std::int64_t(std::clamp(position, 0.0, last));
    taps.weight[std::size_t(i)] = weight;
    sum += weight;
  }
  if (exclude_outside && sum != 0) {
    for (double& weight : taps.weight) weight /= sum;
  }
  return taps;
}

}  // namespace strata::ir
