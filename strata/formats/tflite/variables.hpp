#pragma once

#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::formats::tflite {

/// A state of the graph as the file has it: a tensor that one LSTM reads and writes by itself.
struct Variable {
  const ir::State* state;
  ir::ValueId operand;              ///< of the LSTM's node
  std::vector<ir::NodeId> between;  ///< reshapes between state and node, which the file needs not
};

/// One for each state. Throws unsupported for states that are not the memory of one LSTM alone.
std::vector<Variable> variables(const ir::Graph& graph, const ir::Uses& uses);

/// Whether the node gives its operand another shape, or none, and does nothing else.
bool only_reshapes(const ir::Node& node);

}  // namespace strata::formats::tflite
