#pragma once

#include <cstdint>

namespace strata::kernels {

/// Equal only where kernels pack alike: a hash of the source files that say how. Weights that
/// others packed are packed again.
std::uint64_t packing_version();

}  // namespace strata::kernels
