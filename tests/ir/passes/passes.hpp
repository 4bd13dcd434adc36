#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "strata/ir/op.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "tests/ir/graphs.hpp"

namespace strata::ir::testing {

inline const Pass& find_pass(std::string_view name) {
  const auto passes = all_passes();
  return **std::ranges::find(passes, name, [](const Pass* pass) { return pass->name; });
}

/// Runs these passes, each compared with the interpreter.
inline void run(Graph& graph, std::vector<std::string_view> names, PassOptions options = {}) {
  std::vector<const Pass*> passes;
  for (std::string_view name : names) passes.push_back(&find_pass(name));
  options.check = true;
  run_passes(graph, passes, options);
}

/// "Conv:conv1 Relu:relu1"
inline std::string nodes_of(const Graph& graph) {
  std::string text;
  for (NodeId id : graph.order()) {
    if (!text.empty()) text += ' ';
    text += qualified_name(*graph.node(id).op) + ":" + graph.node(id).name;
  }
  return text;
}

inline const Node& node_named(const Graph& graph, std::string_view name) {
  return graph.node(graph.find_node(name).value());
}

/// Seeded weights with sources of that name, as an importer makes them.
inline ValueId weight(Graph& graph, Random& random, std::string_view name, const Shape& shape,
                      double low = -1, double high = 1) {
  return graph.add_constant(name, random_tensor(random, shape, low, high), {std::string(name)});
}

/// scale, bias, mean and variance of a batch norm over x.
inline ValueId batch_norm(Graph& graph, Random& random, ValueId x, std::string_view name,
                          std::int64_t channels) {
  const std::string prefix(name);
  return user_node(graph, "BatchNormalization",
                   {x, weight(graph, random, prefix + ".scale", {channels}, 0.5, 1.5),
                    weight(graph, random, prefix + ".bias", {channels}),
                    weight(graph, random, prefix + ".mean", {channels}),
                    weight(graph, random, prefix + ".var", {channels}, 0.5, 2)},
                   name);
}

}  // namespace strata::ir::testing
