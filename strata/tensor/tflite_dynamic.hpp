#pragma once

#include <cstdint>
#include <span>

#include "strata/tensor/integer_arithmetic.hpp"

namespace strata {

/// How f32 activations become 8-bit codes on the fly, before they meet 8-bit weights ("hybrid" ops
/// of TFLite): the codes lie on a grid that follows from the numbers themselves.
struct DynamicGrid {
  Arithmetic arithmetic;
  float scale = 1;    ///< of the codes
  float inverse = 1;  ///< what numbers are multiplied by
  std::int32_t zero_point = 0;
  std::int32_t low = -128;

  std::int8_t code(float x) const;
  /// A sum of products of (code - zero_point) and weights as a number.
  float number(std::int32_t sum, float w_scale, float bias) const;
};

/// The least and the largest of some numbers and 0. What is no number counts for nothing.
struct NumberRange {
  float least = 0, most = 0;
};
NumberRange range_of(std::span<const float> x);

/// Around 0: kernels of LiteRT for weights with one scale.
DynamicGrid symmetric_grid(NumberRange range);
/// From the least number to the largest: kernels of LiteRT for convolutions with a scale per
/// channel, and XNNPACK for all.
DynamicGrid asymmetric_grid(Arithmetic arithmetic, NumberRange range);
/// Which of them an op takes.
DynamicGrid dynamic_grid(Arithmetic arithmetic, bool convolution, bool per_channel,
                         NumberRange range);

}  // namespace strata
