#include "strata/kernels/speed.hpp"

namespace strata::kernels {

const SpeedLoops& speed_loops(Isa isa) {
  if (has_isa(isa, Isa::avx512)) return avx512::speed_loops;
  return has_isa(isa, Isa::avx2) ? avx2::speed_loops : baseline::speed_loops;
}

}  // namespace strata::kernels
