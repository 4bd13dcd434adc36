#pragma once

#include <cmath>

namespace strata {

/// Which scales the XNNPACK delegate of LiteRT takes; other operators fall to the optimised
/// kernels. Found by trying LiteRT 2.3.0 on both sides of each bound.
namespace xnnpack {

constexpr bool within(float ratio, float low, float high) { return ratio >= low && ratio < high; }

/// Sums and differences: both operands' scales over that of the result.
constexpr bool takes_sum(float a_scale, float b_scale, float y_scale) {
  return within(a_scale / y_scale, 0x1p-10f, 0x1p8f) && within(b_scale / y_scale, 0x1p-10f, 0x1p8f);
}

/// Products of two tensors.
constexpr bool takes_product(float a_scale, float b_scale, float y_scale) {
  return within(a_scale * b_scale / y_scale, 0x1p-16f, 0x1p8f);
}

/// Codes brought to another grid of the same type.
constexpr bool takes_regrid(float x_scale, float y_scale) {
  return x_scale / y_scale >= 0x1p-8f && x_scale / y_scale <= 0x1p7f;
}

/// Leaky ReLU: the slopes on both sides of zero.
inline bool takes_leaky_relu(float x_scale, float y_scale, float alpha) {
  const float below = x_scale / y_scale * alpha;
  return takes_regrid(x_scale, y_scale) && std::fabs(below) >= 0x1p-8f && below <= 0x1p7f &&
         below >= -127.99609375f;
}

}  // namespace xnnpack
}  // namespace strata
