#pragma once

#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "strata/ir/graph.hpp"
#include "strata/ir/op.hpp"

namespace strata::ir {

/// The node is an op of ONNX's domain with this name.
inline bool is_op(const Node& node, std::string_view name) {
  return node.op && node.op->domain.empty() && node.op->name == name;
}

/// What produces the value, if it is that op; else null.
const Node* producer_as(const Graph& graph, ValueId value, std::string_view op);

/// Collects replacements and dead nodes of one pass and applies them in one sweep.
class Rewrite {
 public:
  explicit Rewrite(Graph& graph);

  /// Readers of the node's first output are to read `to`, and the node goes; its other outputs
  /// must be unused. Outputs of the graph keep their names: false, and nothing happens, where that
  /// is impossible (an input or a constant would become an output).
  bool bypass(NodeId node, ValueId to);
  void erase(NodeId node) { dead_.push_back(node); }
  /// What the value will have become.
  ValueId resolve(ValueId value) const;
  void apply();

 private:
  Graph& graph_;
  std::vector<bool> is_output_;
  std::unordered_map<std::uint32_t, ValueId> becomes_;
  std::vector<NodeId> dead_;
};

}  // namespace strata::ir
