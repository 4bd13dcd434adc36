#pragma once

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// Whether kernels apply the op to what they computed before they store it (fusible.def).
bool is_fusible_activation(const Node& node);
/// Whether kernels compute the op's arithmetic on operands that broadcast, and then an activation.
bool is_fusible_arithmetic(const Node& node);

}  // namespace strata::ir
