#pragma once

#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// Nodes of a graph that become one strata.Fused node.
struct JoinedNodes {
  std::vector<NodeId> nodes;  ///< in order; the last one becomes the fused node in place
  NodeId main = no_node;      ///< which of them gives its name
  /// Of so many nodes, every operand from outside is one of the fused node. Of the others, equal
  /// ones are one operand, and constants go into the body, unless they are captured.
  std::size_t whole = 0;
  std::vector<ValueId> captured;
};

/// Makes the body and the fused node, and its name; outputs, and the order of nodes, stay as they
/// are. The other nodes are erased.
void join_nodes(Graph& graph, const std::vector<JoinedNodes>& regions);

}  // namespace strata::ir
