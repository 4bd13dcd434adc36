#pragma once

#include "strata/base/file.hpp"
#include "strata/formats/load.hpp"
#include "strata/ir/graph.hpp"

namespace strata::formats::tflite {

/// Whether the bytes bear the signature of TensorFlow Lite's format.
bool is_model(std::span<const std::byte> bytes);

/// Translates the first subgraph. Constants refer to the file where their order is the graph's.
/// Inputs and outputs keep names, order, shapes and types; variables become states. Throws
/// unsupported naming all operators that have no converter, model for what is malformed.
ir::Graph import_model(const MappedFile& file, const LoadOptions& options);

}  // namespace strata::formats::tflite
