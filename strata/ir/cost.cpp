#include "strata/ir/cost.hpp"

#include "strata/ir/op.hpp"

namespace strata::ir {

Cost node_cost(const Graph& graph, const Node& node, const DimValues& symbols) {
  if (!node.op->cost) return {};
  auto shapes = [&](const std::vector<ValueId>& ids) {
    std::vector<Shape> list;
    for (ValueId id : ids) {
      list.push_back(id == no_value ? Shape{} : evaluate(graph.value(id).type.shape, symbols));
    }
    return list;
  };
  const std::vector<Shape> inputs = shapes(node.inputs);
  const std::vector<Shape> outputs = shapes(node.outputs);
  return with_context([&] { return describe(node); },
                      [&] {
                        return node.op->cost({node, inputs, outputs});
                      });
}

Cost total_cost(const Graph& graph, const DimValues& symbols) {
  Cost total;
  for (NodeId id : graph.order()) {
    const Cost cost = node_cost(graph, graph.node(id), symbols);
    total.macs += cost.macs;
    total.flops += cost.flops;
  }
  return total;
}

}  // namespace strata::ir
