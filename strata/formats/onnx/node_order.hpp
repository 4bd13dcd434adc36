#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "strata/formats/onnx/wire.hpp"

namespace strata::formats::onnx {

/// Indices of the nodes so that definitions come before uses; as in the file where that is such an
/// order already. Throws model naming a node of a cycle.
std::vector<std::size_t> topological_order(const std::vector<NodeProto>& nodes);

/// The node's own name, or "OP_output" if it has none.
std::string node_name(const NodeProto& node);
/// "node conv1 (Conv)"
std::string describe(const NodeProto& node);

}  // namespace strata::formats::onnx
