#pragma once

#include <span>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// Adds a copy of the body's nodes and constants to the graph, reading `inputs` in place of the
/// body's inputs; returns the values that stand for the body's outputs. Types follow
/// from those of `inputs`.
std::vector<ValueId> inline_graph(Graph& graph, const Graph& body, std::span<const ValueId> inputs);

}  // namespace strata::ir
