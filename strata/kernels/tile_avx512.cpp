#include "strata/kernels/tile_kernel.hpp"

namespace strata::kernels::avx512 {

TileFunction* f32_tile(int rows, int columns, int vectors) noexcept {
  return tiles<float>.find(rows, columns, vectors);
}

TileFunction* f16_tile(int rows, int columns, int vectors) noexcept {
  return tiles<std::uint16_t>.find(rows, columns, vectors);
}

TileFunction* i8_tile(int rows, int columns, int vectors) noexcept {
  return tiles<std::int8_t>.find(rows, columns, vectors);
}

}  // namespace strata::kernels::avx512
