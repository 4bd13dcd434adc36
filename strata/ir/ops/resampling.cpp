#include "strata/ir/ops/resampling.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/ir/ops/operands.hpp"

namespace strata::ir {
namespace {

double nearest(double x, std::string_view rounding) {
  if (rounding == "floor") return std::floor(x);
  if (rounding == "ceil") return std::ceil(x);
  return rounding == "round_prefer_ceil" ? std::floor(x + 0.5) : std::ceil(x - 0.5);
}

/// The output's extent before it was rounded, by which ONNX's own reference aligns corners. Scales
/// are floats: what lies within their precision of the extent is meant to be it.
double exact_extent(const ResampledAxis& axis) {
  const double exact = double(axis.input) * axis.numerator / axis.denominator;
  const bool same = std::fabs(exact - double(axis.output)) <=
                    exact * double(std::numeric_limits<float>::epsilon());
  return same ? double(axis.output) : exact;
}

}  // namespace

double tap_weight(Interpolation interpolation, double distance, double a) {
  const double d = std::fabs(distance);
  if (interpolation == Interpolation::linear) return d < 1 ? 1 - d : 0;
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return 0;
}

double Taps::Wide::weight(std::int64_t i) const {
  const std::int64_t at = first + i;
  if (exclude_outside && (at < 0 || at > last)) return 0;
  return tap_weight(interpolation, (center - double(at)) * scale, cubic_a);
}

Resampling::Resampling(const Attributes& attributes)
    : coordinates(text_view(attributes, "coordinate_transformation_mode", "half_pixel")),
      rounding(text_view(attributes, "nearest_mode", "round_prefer_floor")),
      cubic_a(attributes.real("cubic_coeff_a", -0.75f)),
      exclude_outside(attributes.integer("exclude_outside", 0) != 0),
      antialias(attributes.integer("antialias", 0) != 0) {
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
  const double exact_output = exact_extent(axis);
  if (coordinates == "align_corners") {
    return axis.output == 1 ? 0 : at * (input - 1) / (exact_output - 1);
  }
  if (coordinates == "tf_crop_and_resize") {
    if (axis.output == 1) return 0.5 * (axis.roi_start + axis.roi_end) * (input - 1);
    return axis.roi_start * (input - 1) +
           at * (axis.roi_end - axis.roi_start) * (input - 1) / (output - 1);
  }
  if (coordinates == "pytorch_half_pixel" && axis.output == 1) return 0;
  const double half_pixel = back(at + 0.5) - 0.5;
  if (coordinates != "half_pixel_symmetric") return half_pixel;
  return input / 2 * (1 - output / exact_output) + half_pixel;
}

Taps Resampling::taps(const ResampledAxis& axis, std::int64_t x) const {
  if (!axis.resized() && coordinates != "tf_crop_and_resize") return {1, {x}, {1}};
  // A region of interest may hold anything; what follows turns positions into integers.
  constexpr double far = 1e15;
  const double exact = coordinate(axis, x);
  const double center = exact >= -far ? std::min(exact, far) : -far;
  const auto last = double(axis.input - 1);
  if (interpolation == Interpolation::nearest) {
    return {1, {std::int64_t(std::clamp(nearest(center, rounding), 0.0, last))}, {1}};
  }
  if (antialias && axis.numerator < axis.denominator) return antialiased(axis, center);
  Taps taps;
  const bool cubic = interpolation == Interpolation::cubic;
  const double first = std::floor(center) - (cubic ? 1 : 0);
  double sum = 0;
  taps.count = cubic ? 4 : 2;
  for (int i = 0; i < taps.count; ++i) {
    const double position = first + i;
    double weight = tap_weight(interpolation, center - position, cubic_a);
    if (exclude_outside && (position < 0 || position > last)) weight = 0;
    taps.positions[std::size_t(i)] = std::int64_t(std::clamp(position, 0.0, last));
    taps.weights[std::size_t(i)] = weight;
    sum += weight;
  }
  if (exclude_outside && sum != 0) {
    for (double& weight : taps.weights) weight /= sum;
  }
  return taps;
}

Taps Resampling::antialiased(const ResampledAxis& axis, double center) const {
  const double scale = axis.numerator / axis.denominator;
  const double reach = (interpolation == Interpolation::cubic ? 2 : 1) / scale;
  // Beyond the far edges nothing is left to weigh but the edges themselves, once for each tap.
  const double limit = double(axis.input) + 2 * reach;
  const auto at = [&](double position) {
    return std::int64_t(std::clamp(position, -limit, limit));
  };
  const std::int64_t first = at(std::ceil(center - reach));
  Taps taps;
  taps.count = std::max<std::int64_t>(at(std::floor(center + reach)) - first + 1, 1);
  taps.wide = {first, axis.input - 1, center, scale, 0, interpolation, cubic_a, exclude_outside};
  double total = 0;
  for (std::int64_t i = 0; i < taps.count; ++i) total += taps.wide->weight(i);
  taps.wide->total = total == 0 ? 1 : total;
  return taps;
}

}  // namespace strata::ir
