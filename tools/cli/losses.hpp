#pragma once

#include "strata/formats/text_suffix.hpp"
#include "strata/ir/graph.hpp"

namespace strata::cli {

/// Says on stderr, in a line each, what a file of the format does not hold of the graph: encodings
/// of weights, and whose rounding integer ops follow.
void tell_losses(const ir::Graph& graph, formats::Format format);

}  // namespace strata::cli
