#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// Nodes from which no output and no state can be reached, and trailing optional outputs that
// nobody reads. Constants without readers go when the pipeline compacts the graph.

namespace strata::ir {
namespace {

void run(Graph& graph, const PassOptions&) {
  std::vector<bool> wanted(graph.value_limit());
  for (ValueId id : graph.outputs) wanted[index(id)] = true;
  for (const State& state : graph.states) wanted[index(state.written)] = true;
  std::vector<NodeId> dead;
  const auto order = graph.order();
  for (std::size_t i = order.size(); i-- > 0;) {
    Node& node = graph.node(order[i]);
    auto& outputs = node.outputs;
    bool alive = false;
    for (ValueId output : outputs) alive |= output != no_value && wanted[index(output)];
    if (!alive) {
      dead.push_back(order[i]);
      continue;
    }
    while (int(outputs.size()) > node.op->outputs.min && node.op->outputs.max != variadic &&
           (outputs.back() == no_value || !wanted[index(outputs.back())])) {
      if (outputs.back() != no_value) graph.value(outputs.back()).producer = no_node;
      outputs.pop_back();
    }
    for (ValueId input : node.inputs) {
      if (input != no_value) wanted[index(input)] = true;
    }
  }
  graph.erase(dead);
}

}  // namespace

extern const Pass eliminate_dead_pass;
const Pass eliminate_dead_pass = {"eliminate_dead", "removes what no output depends on", run};

}  // namespace strata::ir
