#include "strata/formats/onnx/flatten.hpp"

#include <algorithm>

#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"

namespace strata::formats::onnx {
namespace {

constexpr int deepest = 64;

bool is_foreign(const ir::Node& node) { return !node.op->domain.empty(); }

std::vector<ir::NodeId> foreign_nodes(const ir::Graph& graph) {
  std::vector<ir::NodeId> nodes;
  for (const ir::NodeId id : graph.order()) {
    if (is_foreign(graph.node(id))) nodes.push_back(id);
  }
  return nodes;
}

// Returns pairs of an output of the node and the value that replaces it.
std::vector<std::pair<ir::ValueId, ir::ValueId>> decompose(ir::Graph& graph, ir::NodeId id) {
  const std::string name = graph.node(id).name;
  // Its own name is free for the node inside that bears it.
  graph.rename(id, ir::qualified_name(*graph.node(id).op));
  const ir::Node node = graph.node(id);
  ir::Builder builder(graph, node.sources);
  const auto results = node.op->decompose ? node.op->decompose(builder, node) : std::nullopt;
  if (!results) {
    fail(ErrorCode::unsupported, "node {} ({}) has no form in ONNX", name,
         ir::qualified_name(*node.op));
  }
  std::vector<std::pair<ir::ValueId, ir::ValueId>> pairs;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == ir::no_value) continue;
    graph.swap_names(node.outputs[i], (*results)[i]);
    pairs.emplace_back(node.outputs[i], (*results)[i]);
  }
  return pairs;
}

bool is_flat(const ir::Graph& graph) {
  return std::ranges::all_of(graph.order(), [&](ir::NodeId id) {
    const ir::Node& node = graph.node(id);
    if (is_foreign(node)) return false;
    return std::ranges::all_of(node.attributes, [](const auto& attribute) {
      const auto* body = std::get_if<ir::Subgraph>(&attribute.second);
      return !body || is_flat(**body);
    });
  });
}

void flatten_bodies(ir::Node& node) {
  std::vector<std::pair<std::string, ir::Subgraph>> bodies;
  for (const auto& [name, attribute] : node.attributes) {
    const auto* body = std::get_if<ir::Subgraph>(&attribute);
    if (!body || is_flat(**body)) continue;
    bodies.emplace_back(name, std::make_shared<const ir::Graph>(flatten(**body)));
  }
  for (auto& [name, body] : bodies) node.attributes.set(name, std::move(body));
}

}  // namespace

ir::Graph flatten(const ir::Graph& graph) {
  ir::Graph flat = graph;
  std::vector<ir::NodeId> nodes;
  for (int depth = 0; !(nodes = foreign_nodes(flat)).empty(); ++depth) {
    if (depth == deepest) fail(ErrorCode::unsupported, "nodes nested more than {} deep", deepest);
    std::vector<std::pair<ir::ValueId, ir::ValueId>> pairs;
    for (const ir::NodeId id : nodes) {
      const auto replaced = decompose(flat, id);
      pairs.insert(pairs.end(), replaced.begin(), replaced.end());
    }
    flat.replace_uses(pairs);
    flat.erase(nodes);
    flat.sort();
  }
  flat.compact();
  for (const ir::NodeId id : flat.order()) flatten_bodies(flat.node(id));
  return flat;
}

}  // namespace strata::formats::onnx
