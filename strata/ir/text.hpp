#pragma once

#include <string>
#include <string_view>

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// The textual form (docs/graph.md): one line per value and node, subgraphs indented.
struct TextOptions {
  bool constants = true;  ///< with element data; without, parse_text refuses the text
  bool sources = true;
};
std::string to_text(const Graph& graph, const TextOptions& options = {});

/// Reads to_text back: identical(parse_text(to_text(g)), g). Untrusted input: throws model with
/// line and column. Nesting is limited to 64.
Graph parse_text(std::string_view text);

/// The same nodes, values, names, attributes, constants (by content), in the same order.
bool identical(const Graph& a, const Graph& b);

}  // namespace strata::ir
