#include "strata/kernels/gemm/few_rows_kernel.hpp"

namespace strata::kernels::avx2 {

FewRowsFunction* f32_few_rows(int rows, int vectors) noexcept {
  return find_few_rows<float>(rows, vectors);
}

FewRowsFunction* f16_few_rows(int rows, int vectors) noexcept {
  return find_few_rows<std::uint16_t>(rows, vectors);
}

FewRowsFunction* i8_few_rows(int rows, int vectors) noexcept {
  return find_few_rows<std::int8_t>(rows, vectors);
}

FewRowsFunction* unpacked_few_rows(int rows, int vectors) noexcept {
  return find_unpacked(rows, vectors);
}

}  // namespace strata::kernels::avx2
