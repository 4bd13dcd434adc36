#include "strata/tensor/tflite_resize.hpp"

#include <algorithm>
#include <cmath>

namespace strata {
namespace {

float scale_of(const ResizeAxis& axis) {
  return axis.corners == ResizeCorners::align && axis.output > 1
             ? float(axis.input - 1) / float(axis.output - 1)
             : float(axis.input) / float(axis.output);
}

ResizeTap tap_in_1024ths(const ResizeAxis& axis, std::int64_t o) {
  std::int64_t scale = (1024 * axis.input + axis.output / 2) / axis.output;
  if (axis.corners == ResizeCorners::align && axis.output > 1) {
    scale = (1024 * (axis.input - 1) + (axis.output - 1) / 2) / (axis.output - 1);
  }
  const bool half = axis.corners == ResizeCorners::half_pixel;
  const std::int64_t at = o * scale + (half ? scale / 2 - 512 : 0);
  const std::int64_t first = std::clamp<std::int64_t>(at / 1024, 0, axis.input - 1);
  const std::int64_t second = std::clamp<std::int64_t>((at + 1023) / 1024, 0, axis.input - 1);
  return {std::int32_t(first), std::int32_t(second), std::int32_t(at - 1024 * first), 0};
}

ResizeTap tap_real(const ResizeAxis& axis, std::int64_t o) {
  const float scale = scale_of(axis);
  const float at = axis.corners == ResizeCorners::half_pixel ? (float(o) + 0.5f) * scale - 0.5f
                                                             : float(o) * scale;
  const auto most = axis.input - 1;
  const std::int64_t first = std::clamp<std::int64_t>(std::int64_t(std::floor(at)), 0, most);
  const std::int64_t second = std::clamp<std::int64_t>(std::int64_t(std::ceil(at)), 0, most);
  return {std::int32_t(first), std::int32_t(second), 0, at - float(first)};
}

/// Of a position kept within the pixels.
ResizeTap tap_in_2048ths(const ResizeAxis& axis, std::int64_t o) {
  const float scale = scale_of(axis);
  const float offset = axis.corners == ResizeCorners::half_pixel ? 0.5f * scale - 0.5f : 0.0f;
  const float at = std::clamp(float(o) * scale + offset, 0.0f, float(axis.input - 1));
  const auto first = std::int64_t(at);
  return {std::int32_t(first), std::int32_t(std::min(first + 1, axis.input - 1)),
          std::int32_t(std::lrint(2048.0f * (at - float(first)))), 0};
}

}  // namespace

ResizeRule resize_rule(Arithmetic arithmetic, bool is_signed) {
  if (arithmetic == Arithmetic::tflite_xnnpack) return ResizeRule::in_2048ths;
  return is_signed ? ResizeRule::in_1024ths : ResizeRule::real;
}

ResizeTap resize_tap(ResizeRule rule, const ResizeAxis& axis, std::int64_t output) {
  switch (rule) {
    case ResizeRule::in_1024ths:
      return tap_in_1024ths(axis, output);
    case ResizeRule::in_2048ths:
      return tap_in_2048ths(axis, output);
    case ResizeRule::real:
      break;
  }
  return tap_real(axis, output);
}

std::int32_t resize_mix(ResizeRule rule, const std::int32_t (&p)[4], const ResizeTap& row,
                        const ResizeTap& column) {
  if (rule == ResizeRule::real) {
    const float wy = row.real, wx = column.real;
    return std::int32_t(float(p[0]) * (1 - wy) * (1 - wx) + float(p[2]) * wy * (1 - wx) +
                        float(p[1]) * (1 - wy) * wx + float(p[3]) * wy * wx + 0.5f);
  }
  const std::int64_t parts = rule == ResizeRule::in_1024ths ? 1024 : 2048;
  const std::int64_t top = p[0] * (parts - column.weight) + p[1] * std::int64_t(column.weight);
  const std::int64_t bottom = p[2] * (parts - column.weight) + p[3] * std::int64_t(column.weight);
  const std::int64_t sum = top * (parts - row.weight) + bottom * row.weight;
  if (rule == ResizeRule::in_2048ths) return std::int32_t((sum + (1 << 21)) >> 22);
  return std::int32_t((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
}

}  // namespace strata
