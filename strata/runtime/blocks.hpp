#pragma once

#include <span>
#include <vector>

#include "strata/runtime/binding.hpp"

namespace strata::runtime {

/// Chains of convolutions worth running as one: each reads nothing but what the one before it
/// writes, nobody else wants that, and it is too large for a worker's cache. No step is in two of
/// them. Bands depend on the number of threads, results do not.
std::vector<BoundBlock> find_blocks(const Program& program, std::span<const BoundStep> steps,
                                    std::span<const BoundBuffer> buffers, int threads);

/// Gives the last step of a block its kernel and skips the others.
void run_as_one(const BoundBlock& block, const Program& program, std::span<BoundStep> steps);

}  // namespace strata::runtime
