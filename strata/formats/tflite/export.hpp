#pragma once

#include <string>

#include "strata/ir/graph.hpp"

namespace strata::formats::tflite {

/// The file of a graph of known sizes. Integer ops keep their grids; which arithmetic computes them
/// is the runtime's choice. Throws unsupported listing all ops that have no exporter, or naming the
/// node whose form the file cannot say.
std::string model_bytes(const ir::Graph& graph);

}  // namespace strata::formats::tflite
