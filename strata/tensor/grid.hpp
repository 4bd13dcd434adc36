#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "strata/tensor/dtype.hpp"

namespace strata {

/// What integers of a quantized tensor stand for: value = scale * (q - zero_point).
struct Grid {
  float scale = 1;
  std::int64_t zero_point = 0;
  bool operator==(const Grid&) const = default;
};

/// Writes floats as elements of this type. On a grid: x / scale rounded half to even, plus the zero
/// point, saturated (QuantizeLinear); NaN becomes the zero point. Without one: as Tensor::cast.
void store_values(std::span<const float> values, DType dtype, const std::optional<Grid>& grid,
                  void* out);

/// The values that elements stand for; without a grid as they are.
void load_values(DType dtype, const void* elements, const std::optional<Grid>& grid,
                 std::span<float> out);

}  // namespace strata
