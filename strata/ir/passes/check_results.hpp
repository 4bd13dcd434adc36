#pragma once

#include <optional>
#include <string>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// Remembers what a graph computes on seeded inputs, to compare with it after a pass. Symbols are
/// bound to the smallest of a few sizes that the graph accepts.
class ResultCheck {
 public:
  explicit ResultCheck(const Graph& graph);

  /// Where the graph now computes something else beyond rounding; nothing if it does not.
  std::optional<std::string> difference(const Graph& graph) const;

 private:
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  double tolerance_ = 0;  // absolute
};

}  // namespace strata::ir
