#include "strata/ir/inline.hpp"

#include "strata/ir/builder.hpp"

namespace strata::ir {

std::vector<ValueId> inline_graph(Graph& graph, const Graph& body,
                                  std::span<const ValueId> inputs) {
  STRATA_ASSERT(inputs.size() == body.inputs.size());
  std::vector<ValueId> twin(body.value_limit(), no_value);
  for (std::size_t i = 0; i < inputs.size(); ++i) twin[index(body.inputs[i])] = inputs[i];
  auto translate = [&](ValueId id) {
    if (id == no_value) return no_value;
    ValueId& copy = twin[index(id)];
    if (copy == no_value) {
      const Value& value = body.value(id);
      copy = value.constant ? graph.add_constant(value.name, *value.constant, value.sources)
                            : graph.add_value(value.name, value.type);
    }
    return copy;
  };
  for (NodeId id : body.order()) {
    const Node& node = body.node(id);
    std::vector<ValueId> reads, writes;
    for (ValueId input : node.inputs) reads.push_back(translate(input));
    for (ValueId output : node.outputs) writes.push_back(translate(output));
    infer_node(graph, graph.add_node(*node.op, node.name, std::move(reads), std::move(writes),
                                     node.attributes, node.sources));
  }
  std::vector<ValueId> outputs;
  for (ValueId id : body.outputs) outputs.push_back(translate(id));
  return outputs;
}

}  // namespace strata::ir
