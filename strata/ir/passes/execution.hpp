#pragma once

#include <span>

#include "strata/ir/passes/pipeline.hpp"

namespace strata::ir {

/// Those of the pipeline's passes that change how a graph runs, not what it is: they join nodes for
/// kernels, and without them it runs too. Rows STRATA_EXECUTION_PASS of passes.def.
std::span<const Pass* const> execution_passes();

}  // namespace strata::ir
