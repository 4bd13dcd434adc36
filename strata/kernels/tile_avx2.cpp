#include "strata/kernels/tile_kernel.hpp"

namespace strata::kernels::avx2 {

TileFunction* f32_tile(int rows, int columns, int lanes) noexcept {
  return tiles<float>.find(rows, columns, lanes);
}

TileFunction* f16_tile(int rows, int columns, int lanes) noexcept {
  return tiles<std::uint16_t>.find(rows, columns, lanes);
}

TileFunction* i8_tile(int rows, int columns, int lanes) noexcept {
  return tiles<std::int8_t>.find(rows, columns, lanes);
}

}  // namespace strata::kernels::avx2
