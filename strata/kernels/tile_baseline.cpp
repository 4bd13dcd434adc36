#include "strata/kernels/tile_kernel.hpp"

namespace strata::kernels::baseline {

TileFunction* f32_tile(int rows, int columns, int lanes) noexcept {
  return tiles<float>.find(rows, columns, lanes);
}

}  // namespace strata::kernels::baseline
