#pragma once

#include <limits>
#include <span>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::compress {

/// A graph that also gives values of its inside.
struct Exposed {
  static constexpr std::size_t given = std::numeric_limits<std::size_t>::max();

  ir::Graph graph;
  /// Where each value is among the outputs; `given`: it is the graph's input.
  std::vector<std::size_t> places;
};

/// A copy whose outputs are those of the graph (unless `alone`) and these values, each once.
Exposed expose(ir::Graph graph, std::span<const ir::ValueId> values, bool alone = false);

}  // namespace strata::compress
