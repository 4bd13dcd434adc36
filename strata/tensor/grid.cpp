#include "strata/tensor/grid.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "strata/base/error.hpp"
#include "strata/tensor/convert.hpp"

namespace strata {
namespace {

struct Range {
  double low, high;
};

template <class T>
Range range_of() {
  return {double(std::numeric_limits<T>::min()), double(std::numeric_limits<T>::max())};
}

/// Of the types that quantized tensors have.
Range range_of(DType dtype) {
  switch (dtype) {
    case DType::i8:
      return range_of<std::int8_t>();
    case DType::u8:
      return range_of<std::uint8_t>();
    case DType::i16:
      return range_of<std::int16_t>();
    case DType::u16:
      return range_of<std::uint16_t>();
    case DType::i32:
      return range_of<std::int32_t>();
    default:
      fail(ErrorCode::unsupported, "{} numbers on a grid, accepted are i8, u8, i16, u16 and i32",
           to_string(dtype));
  }
}

}  // namespace

void store_values(std::span<const float> values, DType dtype, const std::optional<Grid>& grid,
                  void* out) {
  const auto count = std::int64_t(values.size());
  if (!grid) return convert_elements(DType::f32, values.data(), dtype, out, count);
  const Range range = range_of(dtype);
  std::vector<std::int64_t> codes(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float steps = values[i] / grid->scale;
    const double code = std::isnan(steps)
                            ? double(grid->zero_point)
                            : double(std::nearbyintf(steps)) + double(grid->zero_point);
    codes[i] = std::int64_t(std::clamp(code, range.low, range.high));
  }
  convert_elements(DType::i64, codes.data(), dtype, out, count);
}

void load_values(DType dtype, const void* elements, const std::optional<Grid>& grid,
                 std::span<float> out) {
  convert_elements(dtype, elements, DType::f32, out.data(), std::int64_t(out.size()));
  if (!grid) return;
  const auto zero_point = float(grid->zero_point);
  for (float& value : out) value = grid->scale * (value - zero_point);
}

}  // namespace strata
