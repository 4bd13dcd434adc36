#pragma once

#include <vector>

#include "strata/ir/graph.hpp"
#include "strata/tensor/arena.hpp"

namespace strata::runtime {

/// The memory of a graph's states. Whoever runs the graph owns it and lends it to contexts, so that
/// inputs of other sizes find the states as the last run left them.
class States {
 public:
  /// Initial values.
  explicit States(const ir::Graph& graph);

  /// Back to the initial values.
  void reset();
  std::byte* data(std::size_t state) const { return memory_[state].data(); }

 private:
  std::vector<Tensor> initial_;
  std::vector<Arena> memory_;
};

}  // namespace strata::runtime
