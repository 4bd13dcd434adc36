#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// The textual form (docs/graph.md): one line per value and node, subgraphs indented.
struct TextOptions {
  bool constants = true;  ///< with element data; without, parse_text refuses the text
  bool sources = true;
  /// Where large tensors go instead, each once: the text says "part N" of the N-th from 0 on.
  std::vector<Tensor>* parts = nullptr;
};
std::string to_text(const Graph& graph, const TextOptions& options = {});

/// Gives the tensor that a text calls part `number`, in a type and shape that the text says; throws
/// where there is none.
using ReadPart = std::function<Tensor(std::size_t number, DType type, const Shape& shape)>;

/// Reads to_text back: identical(parse_text(to_text(g)), g). Untrusted input: throws model with
/// line and column. Nesting is limited to 64. Without `read_part`, parts are refused.
Graph parse_text(std::string_view text, const ReadPart& read_part = {});

/// The same nodes, values, names, attributes, constants (by content), in the same order.
bool identical(const Graph& a, const Graph& b);

}  // namespace strata::ir
