#pragma once

#include <map>
#include <memory>
#include <span>
#include <vector>

#include "strata/ir/graph.hpp"
#include "strata/runtime/session.hpp"

namespace strata::compress {

/// Runs one node of a graph on tensors at hand, with the kernels of the runtime.
class NodeRunner {
 public:
  /// `replaced`: constants that take the place of operands, by position.
  NodeRunner(const ir::Graph& graph, ir::NodeId node, int threads,
             const std::map<std::size_t, Tensor>& replaced = {});

  /// Operands that are not constant, each once, in the order of their first use.
  const std::vector<ir::ValueId>& inputs() const { return inputs_; }
  /// Every output that the node has; absent tensors for those not wanted.
  std::vector<Tensor> run(std::span<const Tensor> inputs);

 private:
  std::vector<ir::ValueId> inputs_;
  std::vector<bool> wanted_;
  std::unique_ptr<runtime::Session> session_;
};

}  // namespace strata::compress
