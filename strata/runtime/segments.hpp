#pragma once

#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::runtime {

/// A part of a graph whose sizes are known before it runs: from the sizes of the inputs, and from
/// what earlier parts computed. Or one node of control flow, whose subgraphs have segments of their
/// own.
struct Segment {
  ir::Graph graph;                 ///< empty for control flow
  std::vector<ir::ValueId> reads;  ///< values of the whole graph, one for each input
  std::vector<ir::ValueId> gives;  ///< the same for each output
  ir::NodeId control = ir::no_node;
};

/// Whether a graph has to be cut: what operands hold decides over sizes or over what runs.
bool depends_on_data(const ir::Graph& graph);

/// The segments of a typed graph in the order in which they run; states are values like inputs.
/// Every node runs as early as it can, and whatever decides over sizes comes first in its segment.
std::vector<Segment> cut_at_data(const ir::Graph& graph);

}  // namespace strata::runtime
