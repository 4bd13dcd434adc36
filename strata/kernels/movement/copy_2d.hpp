#pragma once

#include <cstddef>
#include <cstdint>

namespace strata::kernels {

/// out[r * out_row + c * out_column] = in[r * in_row + c * in_column], strides in elements.
/// Tiles are walked along columns first, so let the shorter axis be the rows.
struct Copy2d {
  std::int64_t rows = 0, columns = 0;
  std::int64_t in_row = 0, in_column = 0;
  std::int64_t out_row = 0, out_column = 0;
};

/// Element sizes that copy_2d knows.
constexpr bool copies_elements_of(std::size_t size) {
  return size == 1 || size == 2 || size == 4 || size == 8;
}

void copy_2d(const Copy2d& copy, std::size_t element_size, const std::byte* in, std::byte* out);

}  // namespace strata::kernels
