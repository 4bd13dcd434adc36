#pragma once

#include "strata/ir/graph.hpp"

namespace strata::compress {

/// Products of tensors of three axes or more with one constant matrix, as transformers have them,
/// become Gemm between two Reshapes, and a constant that is added to each of their rows becomes its
/// bias. A Gemm computes on integers, bias included, and takes over what rounding shifts. Computes
/// the same, to a rounding. For typed graphs whose passes ran without fusing; at most one axis
/// beside the last may have an open extent.
void flatten_products(ir::Graph& graph);

}  // namespace strata::compress
