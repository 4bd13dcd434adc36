#pragma once

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Seconds on one core for a kernel that does `operations` f32 operations at full speed, and moves
/// `bytes` between caches or memory; the slower of the two decides. `operations` counts an addition
/// and a multiplication apart.
CostEstimate estimate(Isa isa, double operations, double bytes, const Machine& machine);

}  // namespace strata::kernels
