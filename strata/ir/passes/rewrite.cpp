#include "strata/ir/passes/rewrite.hpp"

namespace strata::ir {

const Node* producer_as(const Graph& graph, ValueId value, std::string_view op) {
  if (value == no_value) return nullptr;
  const NodeId producer = graph.value(value).producer;
  if (producer == no_node) return nullptr;
  const Node& node = graph.node(producer);
  return is_op(node, op) ? &node : nullptr;
}

Rewrite::Rewrite(Graph& graph) : graph_(graph), is_output_(graph.value_limit()) {
  for (ValueId id : graph.outputs) is_output_[index(id)] = true;
}

ValueId Rewrite::resolve(ValueId value) const {
  if (value == no_value) return value;
  for (auto at = becomes_.find(index(value)); at != becomes_.end();
       at = becomes_.find(index(value))) {
    value = at->second;
  }
  return value;
}

bool Rewrite::bypass(NodeId node, ValueId to) {
  const ValueId from = graph_.node(node).outputs[0];
  to = resolve(to);
  if (is_output_[index(from)]) {
    if (graph_.value(to).producer == no_node || is_output_[index(to)]) return false;
    graph_.swap_names(from, to);
    is_output_[index(to)] = true;
  }
  becomes_.emplace(index(from), to);
  dead_.push_back(node);
  return true;
}

void Rewrite::apply() {
  std::vector<std::pair<ValueId, ValueId>> pairs;
  pairs.reserve(becomes_.size());
  for (auto [from, to] : becomes_) pairs.emplace_back(ValueId(from), to);
  graph_.replace_uses(pairs);
  graph_.erase(dead_);
}

}  // namespace strata::ir
