#include "strata/formats/tflite/variables.hpp"

#include <algorithm>
#include <optional>

#include "strata/base/error.hpp"
#include "strata/ir/op.hpp"

namespace strata::formats::tflite {
namespace {

/// The operand of an LSTM that holds what its output `output` holds after the run.
std::optional<ir::ValueId> memory_of(const ir::Node& node, std::size_t output) {
  const std::string op = ir::qualified_name(*node.op);
  // Outputs 1 and 2 are the hidden state and the cells.
  std::size_t place = 0;
  if (op == "LSTM") {
    place = output == 1 ? 5 : 6;
  } else if (op == "strata.QLinearLSTM") {
    place = output == 1 ? 8 : 11;
  } else {
    return std::nullopt;
  }
  if (output == 0 || place >= node.inputs.size() || node.inputs[place] == ir::no_value) {
    return std::nullopt;
  }
  return node.inputs[place];
}

/// What lies before reshapes that nothing else reads; those are added to `passed`.
ir::ValueId before_reshapes(const ir::Graph& graph, const ir::Uses& uses, ir::ValueId value,
                            std::vector<ir::NodeId>& passed) {
  while (uses.count(value) == 1) {
    const ir::NodeId producer = graph.value(value).producer;
    if (producer == ir::no_node || !only_reshapes(graph.node(producer))) break;
    passed.push_back(producer);
    value = graph.node(producer).inputs[0];
  }
  return value;
}

std::optional<Variable> variable(const ir::Graph& graph, const ir::Uses& uses,
                                 const ir::State& state) {
  if (state.read == ir::no_value || state.written == ir::no_value) return std::nullopt;
  Variable result{&state, ir::no_value, {}};
  const ir::ValueId after = before_reshapes(graph, uses, state.written, result.between);
  const ir::NodeId producer = graph.value(after).producer;
  if (producer == ir::no_node || uses.count(after) != 1) return std::nullopt;
  const ir::Node& node = graph.node(producer);
  const auto output = std::size_t(std::ranges::find(node.outputs, after) - node.outputs.begin());
  const auto operand = memory_of(node, output);
  if (!operand) return std::nullopt;
  result.operand = *operand;
  const ir::ValueId before = before_reshapes(graph, uses, *operand, result.between);
  if (before != state.read || uses.count(before) != 1) return std::nullopt;
  return result;
}

}  // namespace

bool only_reshapes(const ir::Node& node) {
  constexpr std::string_view names[] = {"Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"};
  return node.op->domain.empty() && std::ranges::count(names, node.op->name) != 0;
}

std::vector<Variable> variables(const ir::Graph& graph, const ir::Uses& uses) {
  std::vector<Variable> result;
  for (const ir::State& state : graph.states) {
    auto found = variable(graph, uses, state);
    if (!found) {
      fail(ErrorCode::unsupported,
           "state {} is not the memory of one LSTM alone, as variables of TensorFlow Lite are",
           state.name);
    }
    result.push_back(std::move(*found));
  }
  return result;
}

}  // namespace strata::formats::tflite
