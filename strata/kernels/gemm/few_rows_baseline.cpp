#include "strata/kernels/gemm/few_rows_kernel.hpp"

namespace strata::kernels::baseline {

FewRowsFunction* f32_few_rows(int rows, int vectors) noexcept {
  return find_few_rows<float>(rows, vectors);
}

FewRowsFunction* unpacked_few_rows(int rows, int vectors) noexcept {
  return find_unpacked(rows, vectors);
}

}  // namespace strata::kernels::baseline
