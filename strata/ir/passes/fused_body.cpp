#include "strata/ir/passes/fused_body.hpp"

#include <algorithm>

#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"

namespace strata::ir {
namespace {

/// Copies the nodes of one region into a body.
class BodyMaker {
 public:
  BodyMaker(Graph& graph, const JoinedNodes& region)
      : graph_(graph), region_(region), body_(std::make_shared<Graph>()) {
    body_->name = graph.node(region.main).name;
  }

  /// The last node becomes the fused one.
  void make() {
    for (std::size_t i = 0; i < region_.nodes.size(); ++i) {
      add(graph_.node(region_.nodes[i]), i < region_.whole);
    }
    Node& fused = graph_.node(region_.nodes.back());
    body_->outputs = {inside_.at(index(fused.outputs[0]))};
    fused.op = &find_op("strata.Fused");
    fused.inputs = std::move(inputs_);
    fused.attributes = {{"body", Subgraph(std::move(body_))}};
    fused.sources = std::move(sources_);
  }

 private:
  void add(const Node& node, bool whole) {
    std::vector<ValueId> reads;
    for (ValueId id : node.inputs) {
      const bool made_inside = inside_.count(index(id)) != 0;
      reads.push_back(whole && !made_inside ? add_input(id) : translate(id));
    }
    const ValueId output = body_->add_value(graph_.value(node.outputs[0]).name);
    inside_[index(node.outputs[0])] = output;
    const NodeId copy = body_->add_node(*node.op, node.name, std::move(reads), {output},
                                        node.attributes, node.sources);
    infer_node(*body_, copy);
    add_sources(sources_, node.sources);
  }

  ValueId add_input(ValueId id) {
    if (id == no_value) return no_value;
    inputs_.push_back(id);
    return body_->add_input(graph_.value(id).name, graph_.value(id).type);
  }

  ValueId translate(ValueId id) {
    if (id == no_value) return no_value;
    const auto known = inside_.find(index(id));
    if (known != inside_.end()) return known->second;
    const Value& value = graph_.value(id);
    const bool captured = std::ranges::count(region_.captured, id) != 0;
    const ValueId copy = value.constant && !captured
                             ? body_->add_constant(value.name, *value.constant, value.sources)
                             : add_input(id);
    return inside_[index(id)] = copy;
  }

  Graph& graph_;
  const JoinedNodes& region_;
  std::shared_ptr<Graph> body_;
  std::vector<ValueId> inputs_;
  Sources sources_;
  std::unordered_map<std::uint32_t, ValueId> inside_;
};

}  // namespace

void join_nodes(Graph& graph, const std::vector<JoinedNodes>& regions) {
  std::vector<NodeId> dead;
  std::vector<std::pair<NodeId, std::string>> names;
  for (const JoinedNodes& region : regions) {
    names.emplace_back(region.nodes.back(), graph.node(region.main).name);
    BodyMaker(graph, region).make();
    dead.insert(dead.end(), region.nodes.begin(), region.nodes.end() - 1);
  }
  graph.erase(dead);
  for (const auto& [id, name] : names) graph.rename(id, name);
}

}  // namespace strata::ir
