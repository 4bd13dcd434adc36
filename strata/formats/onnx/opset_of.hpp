#pragma once

#include "strata/ir/graph.hpp"

namespace strata::formats::onnx {

/// The first opset whose definition of the op has everything this node uses, its element types too;
/// at least 13, from which on the ops of the graph have the form they have today.
int opset_of(const ir::Graph& graph, const ir::Node& node);
/// The first opset that has tensors of the element type; at least 13.
int opset_of(DType type);
/// The IR version that came with an opset.
int ir_version_of(int opset);

}  // namespace strata::formats::onnx
