#pragma once

#include <cstddef>

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// Float ops between DequantizeLinear and QuantizeLinear become ops on the integers (QLinearConv,
/// strata.QLinearAdd, ...; movements as they are), which is how ONNX Runtime reads such graphs.
/// Exact for movements; elsewhere one rounding takes the place of several, so that a result may
/// differ from the literal one by one step. Names are those of the float nodes. Returns how many
/// nodes became integer ones. The graph is typed.
std::size_t fold_quantization(Graph& graph);

}  // namespace strata::ir
