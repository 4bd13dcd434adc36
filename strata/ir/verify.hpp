#pragma once

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// Throws model (or internal after a pass; the caller adds context) at the first broken rule:
/// order, single assignment, arity, attribute names and kinds, required attributes, known ids,
/// unique names, types equal to what the shape rules infer, states, closed subgraphs. Recurses.
void verify(const Graph& graph);
/// The same but for the types of this graph's values, for callers that have just inferred them.
void verify_structure(const Graph& graph);

}  // namespace strata::ir
