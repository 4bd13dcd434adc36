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

using Pairs = std::vector<std::pair<ir::ValueId, ir::ValueId>>;

// Pairs of an output of the node and the value that replaces it; none if it cannot be taken apart.
std::optional<Pairs> try_decompose(ir::Graph& graph, ir::NodeId id) {
  const std::string name = graph.node(id).name;
  // Its own name is free for the node inside that bears it.
  graph.rename(id, ir::qualified_name(*graph.node(id).op));
  const ir::Node node = graph.node(id);
  ir::Builder builder(graph, node.sources);
  const auto results = node.op->decompose ? node.op->decompose(builder, node) : std::nullopt;
  if (!results) {
    graph.rename(id, name);
    return std::nullopt;
  }
  Pairs pairs;
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i] == ir::no_value) continue;
    graph.swap_names(node.outputs[i], (*results)[i]);
    pairs.emplace_back(node.outputs[i], (*results)[i]);
  }
  return pairs;
}

Pairs decompose(ir::Graph& graph, ir::NodeId id) {
  if (auto pairs = try_decompose(graph, id)) return std::move(*pairs);
  fail(ErrorCode::unsupported, "node {} ({}) has no form in ONNX", graph.node(id).name,
       ir::qualified_name(*graph.node(id).op));
}

void replace(ir::Graph& graph, const Pairs& pairs, std::span<const ir::NodeId> nodes) {
  graph.replace_uses(pairs);
  graph.erase(nodes);
  graph.sort();
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
    Pairs pairs;
    for (const ir::NodeId id : nodes) {
      const Pairs replaced = decompose(flat, id);
      pairs.insert(pairs.end(), replaced.begin(), replaced.end());
    }
    replace(flat, pairs, nodes);
  }
  flat.compact();
  for (const ir::NodeId id : flat.order()) flatten_bodies(flat.node(id));
  return flat;
}

bool decompose_all(ir::Graph& graph, std::span<const ir::NodeId> nodes) {
  Pairs pairs;
  std::vector<ir::NodeId> replaced;
  for (const ir::NodeId id : nodes) {
    const auto of_node = try_decompose(graph, id);
    if (!of_node) continue;
    pairs.insert(pairs.end(), of_node->begin(), of_node->end());
    replaced.push_back(id);
  }
  replace(graph, pairs, replaced);
  return !replaced.empty();
}

}  // namespace strata::formats::onnx
