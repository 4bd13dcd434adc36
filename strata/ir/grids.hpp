#pragma once

#include <optional>

#include "strata/ir/graph.hpp"
#include "strata/tensor/grid.hpp"

namespace strata::ir {

/// What the integers of a value stand for, by the ops that read it, through ops that only move
/// elements. Nothing if nobody says, grids differ, or scales are not one finite number above zero.
std::optional<Grid> grid_by_uses(const Graph& graph, ValueId value);
/// The same by the op that makes the value.
std::optional<Grid> grid_by_producer(const Graph& graph, ValueId value);

}  // namespace strata::ir
