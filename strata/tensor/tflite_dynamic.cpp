#include "strata/tensor/tflite_dynamic.hpp"

#include <algorithm>
#include <cmath>

namespace strata {

std::int8_t DynamicGrid::code(float x) const {
  float rounded = 0;
  if (arithmetic == Arithmetic::tflite_xnnpack) {
    rounded = std::nearbyint(x * inverse) + float(zero_point);
  } else {
    rounded = std::round(float(zero_point) + x * inverse);
  }
  return std::int8_t(std::isnan(rounded) ? low : std::clamp(rounded, float(low), 127.0f));
}

float DynamicGrid::number(std::int32_t sum, float w_scale, float bias) const {
  if (arithmetic == Arithmetic::tflite_xnnpack) {
    return std::fma(float(sum) * scale, w_scale, bias);
  }
  if (low == -127 || arithmetic == Arithmetic::tflite_optimized) {
    return bias + float(sum) * (scale * w_scale);
  }
  return float(sum) * w_scale * scale + bias;
}

namespace {

/// Of a rounded number, which may be none where activations are infinite.
std::int32_t zero_point_of(double rounded) {
  return std::int32_t(!(rounded > -128) ? -128 : std::min(rounded, 127.0));
}

}  // namespace

NumberRange range_of(std::span<const float> x) {
  NumberRange range;
  for (const float v : x) {
    range.least = std::min(range.least, v);
    range.most = std::max(range.most, v);
  }
  return range;
}

DynamicGrid symmetric_grid(NumberRange range) {
  DynamicGrid grid{.arithmetic = Arithmetic::tflite_reference, .low = -127};
  const float reach = std::max(-range.least, range.most);
  if (reach == 0) {
    grid.inverse = 0;
    return grid;
  }
  grid.scale = reach / 127;
  grid.inverse = 127.0f / reach;
  return grid;
}

DynamicGrid asymmetric_grid(Arithmetic arithmetic, NumberRange range) {
  DynamicGrid grid{.arithmetic = arithmetic};
  const auto [least, most] = range;
  const bool xnnpack = arithmetic == Arithmetic::tflite_xnnpack;
  if (least == most) {
    if (!xnnpack) grid.inverse = 0;
    if (xnnpack) grid.zero_point = -128;
    return grid;
  }
  if (xnnpack) {
    grid.inverse = 255.0f / (most - least);
    grid.scale = 1.0f / grid.inverse;
    const float low = least * grid.inverse, high = most * grid.inverse;
    const float zero = (-128.0f + low) + (127.0f + high) > 0 ? -128.0f - low : 127.0f - high;
    grid.zero_point = zero_point_of(double(std::nearbyint(zero)));
    return grid;
  }
  const float scale = (most - least) / 255.0f;
  const double low = double(least) / double(scale), high = double(most) / double(scale);
  const double zero = 128 + std::fabs(low) < 127 + std::fabs(high) ? -128 - low : 127 - high;
  grid.zero_point = zero_point_of(std::round(zero));
  grid.scale = scale;
  grid.inverse = 1.0f / scale;
  return grid;
}

DynamicGrid dynamic_grid(Arithmetic arithmetic, bool convolution, bool per_channel,
                         NumberRange range) {
  if (arithmetic == Arithmetic::tflite_xnnpack || (convolution && per_channel)) {
    return asymmetric_grid(arithmetic, range);
  }
  return symmetric_grid(range);
}

}  // namespace strata
