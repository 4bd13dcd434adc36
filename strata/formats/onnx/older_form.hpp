#pragma once

#include "strata/ir/graph.hpp"

namespace strata::formats::onnx {

/// Nodes of a flat graph that need a newer opset get the form they had in this one, within bodies
/// too: an operand that was an attribute (axes of reductions, the axis of DFT) if it is constant,
/// what new attributes say by other means, ops that came later as what they are made of. What has
/// no older form stays as it is. The graph is for writing alone: its nodes no longer have the form
/// that shape rules know.
void use_older_forms(ir::Graph& graph, int opset);

}  // namespace strata::formats::onnx
