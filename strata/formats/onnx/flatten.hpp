#pragma once

#include "strata/ir/graph.hpp"

namespace strata::formats::onnx {

/// A copy in which every node is an op of ONNX: fused nodes are replaced by their bodies, others by
/// their decomposition, within bodies too; names of values and nodes are kept. Throws unsupported
/// if there is none.
ir::Graph flatten(const ir::Graph& graph);

}  // namespace strata::formats::onnx
