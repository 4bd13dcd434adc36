#include "strata/kernels/packing_version.hpp"

namespace strata::kernels {

std::uint64_t packing_version() {
  return
#include "strata/kernels/packing_version.inc"
      ;
}

}  // namespace strata::kernels
