#pragma once

#include <cstddef>

#include "strata/ir/graph.hpp"

namespace strata::formats::onnx {

/// The reverse of ir::fold_quantization, for the file: nodes on integers that ONNX lacks, and
/// QLinearConv and QLinearMatMul of constant grids, become float nodes of the same name between
/// DequantizeLinear and QuantizeLinear. The arithmetic of another runtime goes to the
/// QuantizeLinear, and folding the result gives the same graph. `narrow`: i8 weights whose codes
/// all fit 4 bits become i4. Returns how many nodes that were.
std::size_t unfold_quantization(ir::Graph& graph, bool narrow = false);

}  // namespace strata::formats::onnx
