#pragma once

#include "strata/ir/op.hpp"

namespace strata::ir {

/// Work of one node of a typed graph under these values of the symbols.
Cost node_cost(const Graph& graph, const Node& node, const DimValues& symbols);
/// The sum over all nodes.
Cost total_cost(const Graph& graph, const DimValues& symbols);

}  // namespace strata::ir
