#include "strata/kernels/tile_kernel.hpp"

namespace strata::kernels::baseline {

TileFunction* f32_tile(int rows, int columns, int vectors) noexcept {
  return tiles<float>.find(rows, columns, vectors);
}

}  // namespace strata::kernels::baseline
