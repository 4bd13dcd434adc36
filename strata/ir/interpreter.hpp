#pragma once

#include <functional>
#include <span>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::ir {

struct InterpretOptions {
  /// Called with every value as it is computed.
  std::function<void(ValueId value, const Tensor& tensor)> observe;
  /// Refuses to allocate more than this for all values together.
  std::int64_t byte_limit = std::int64_t(16) << 30;
};

/// Runs the reference implementations node by node: slow and plain, the meaning of the graph.
/// Inputs in the order of graph.inputs; symbols take their values from the inputs' shapes.
/// States start from their initial values. Throws usage for wrong inputs, model naming the node
/// for errors in data.
std::vector<Tensor> interpret(const Graph& graph, std::span<const Tensor> inputs,
                              const InterpretOptions& options = {});

/// Values of the symbols in the inputs' types from actual shapes; throws usage naming the input,
/// what was given and what is accepted.
DimValues bind_inputs(const Graph& graph, std::span<const Shape> shapes);

}  // namespace strata::ir
