#pragma once

#include "strata/ir/graph.hpp"

namespace strata::compress {

/// The model as it is compressed and exported: batch norms folded, constants computed, nothing
/// fused for running.
ir::Graph cleaned(ir::Graph model);

}  // namespace strata::compress
