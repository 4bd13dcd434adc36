#pragma once

#include <optional>

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// The result of a node on constants that only says how numbers are stored, in the encoding that
/// says the same: a Cast from half precision, a DequantizeLinear of int8, of fewer bits, of blocks
/// or of 8-bit floats, such integers times scales, a Reshape of what stays in its rows. Nothing for
/// other nodes.
std::optional<EncodedTensor> keep_encoded(const Graph& graph, const Node& node);

}  // namespace strata::ir
