#include "strata/compress/quantize/node_runner.hpp"

#include <algorithm>

#include "strata/ir/builder.hpp"

namespace strata::compress {
namespace {

/// With open extents that tensors tell: given alone, (N * 128, 512) does not say what N is.
ir::TensorType with_symbols(ir::TensorType type) {
  for (Dim& dim : type.shape) {
    if (!dim.is_constant() && !dim.as_symbol()) dim = Dim::symbol(to_string(dim));
  }
  return type;
}

}  // namespace

NodeRunner::NodeRunner(const ir::Graph& graph, ir::NodeId id, int threads,
                       const std::map<std::size_t, Tensor>& replaced) {
  const ir::Node& node = graph.node(id);
  ir::Graph single;
  std::map<ir::ValueId, ir::ValueId> placed;
  std::vector<ir::ValueId> operands;
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const ir::ValueId operand = node.inputs[i];
    if (const auto tensor = replaced.find(i); tensor != replaced.end()) {
      operands.push_back(single.add_constant("", EncodedTensor(tensor->second)));
    } else if (operand == ir::no_value) {
      operands.push_back(operand);
    } else if (graph.is_constant(operand)) {
      const ir::Value& value = graph.value(operand);
      operands.push_back(single.add_constant(value.name, *value.constant));
    } else {
      auto [at, added] = placed.emplace(operand, ir::no_value);
      if (added) {
        const ir::Value& value = graph.value(operand);
        at->second = single.add_input(value.name, with_symbols(value.type));
        inputs_.push_back(operand);
      }
      operands.push_back(at->second);
    }
  }
  std::vector<ir::ValueId> outputs;
  for (const ir::ValueId output : node.outputs) {
    wanted_.push_back(output != ir::no_value);
    outputs.push_back(output == ir::no_value ? output : single.add_value(graph.value(output).name));
    if (output != ir::no_value) single.outputs.push_back(outputs.back());
  }
  single.add_node(*node.op, node.name, std::move(operands), std::move(outputs), node.attributes,
                  node.sources);
  ir::infer_types(single);
  runtime::SessionOptions options;
  options.threads = threads;
  session_ = std::make_unique<runtime::Session>(std::move(single), options);
}

std::vector<Tensor> NodeRunner::run(std::span<const Tensor> inputs) {
  std::vector<Tensor> results = session_->run(inputs);
  std::vector<Tensor> outputs;
  std::size_t next = 0;
  for (const bool wanted : wanted_)
    outputs.push_back(wanted ? std::move(results[next++]) : Tensor());
  return outputs;
}

}  // namespace strata::compress
