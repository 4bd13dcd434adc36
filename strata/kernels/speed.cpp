#include "strata/kernels/speed.hpp"

#include "strata/kernels/built.hpp"

namespace strata::kernels {

const SpeedLoops& speed_loops(Isa isa) {
  if constexpr (has_isa(built_isa, Isa::avx512)) {
    if (has_isa(isa, Isa::avx512)) return avx512::speed_loops;
  }
  if constexpr (has_isa(built_isa, Isa::avx2)) {
    if (has_isa(isa, Isa::avx2)) return avx2::speed_loops;
  }
  return baseline::speed_loops;
}

}  // namespace strata::kernels
