#pragma once

#include <cstdint>
#include <string_view>

#include "strata/tensor/integer_arithmetic.hpp"

namespace strata {

/// How TFLite resizes codes bilinearly. Where outputs lie between inputs: ONNX's
/// coordinate_transformation_mode.
enum class ResizeCorners : std::uint8_t { asymmetric, half_pixel, align };
inline constexpr std::string_view resize_corner_names[] = {"asymmetric", "half_pixel",
                                                           "align_corners"};

/// Weights in whole parts of 1 (with LiteRT for i8, with XNNPACK), or in f32 (with LiteRT for u8).
enum class ResizeRule : std::uint8_t { in_1024ths, in_2048ths, real };
ResizeRule resize_rule(Arithmetic arithmetic, bool is_signed);

/// Pixels of one axis: how many in and out.
struct ResizeAxis {
  std::int64_t input, output;
  ResizeCorners corners;
};

/// Between which pixels one of the output lies. The weight, in parts or `real`, is that of the
/// second; beyond 0 to 1 it may be on equal pixels only.
struct ResizeTap {
  std::int32_t first, second;
  std::int32_t weight;
  float real;
};
ResizeTap resize_tap(ResizeRule rule, const ResizeAxis& axis, std::int64_t output);

/// What four pixels give: upper left, upper right, lower left, lower right.
std::int32_t resize_mix(ResizeRule rule, const std::int32_t (&pixels)[4], const ResizeTap& row,
                        const ResizeTap& column);

}  // namespace strata
