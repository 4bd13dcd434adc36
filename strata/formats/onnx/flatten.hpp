#pragma once

#include "strata/ir/graph.hpp"

namespace strata::formats::onnx {

/// A copy in which every node is an op of ONNX: fused nodes are replaced by their bodies, others by
/// their decomposition, within bodies too; names of values and nodes are kept. Throws unsupported
/// if there is none.
ir::Graph flatten(const ir::Graph& graph);

/// Replaces those of the nodes that have a decomposition by it, keeping names; whether any has.
bool decompose_all(ir::Graph& graph, std::span<const ir::NodeId> nodes);

}  // namespace strata::formats::onnx
