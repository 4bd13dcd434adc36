#include "strata/kernels/cost.hpp"

#include <algorithm>

namespace strata::kernels {

CostEstimate estimate(Isa isa, double operations, double bytes, const Machine& machine) {
  constexpr double call = 4e-8;
  constexpr Isa wide = Isa::avx512 | Isa::avx512_vnni | Isa::avx512_bf16;
  const double per_second = (isa & wide) != Isa::baseline ? 1.1e11
                            : has_isa(isa, Isa::avx2)     ? 9e10
                                                          : 2.5e10;
  const double bandwidth = bytes <= double(machine.l2_bytes)   ? 8e10
                           : bytes <= double(machine.l3_bytes) ? 5e10
                                                               : 1.6e10;
  return {call + std::max(operations / per_second, bytes / bandwidth)};
}

}  // namespace strata::kernels
