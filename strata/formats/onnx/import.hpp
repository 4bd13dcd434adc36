#pragma once

#include "strata/base/file.hpp"
#include "strata/formats/load.hpp"
#include "strata/ir/graph.hpp"

namespace strata::formats::onnx {

/// The newest opset whose definitions were compared with the ops.
constexpr int newest_opset = 28;

/// Translates an ONNX model (opset 7 to newest_opset of the default domain; older ones where the
/// ops it uses allow) into a typed graph of today's ops, in topological order. Value and node names
/// are kept; nameless nodes are called "OP_output". Initializers that are also inputs are
/// constants.
ir::Graph import_model(const MappedFile& file, const LoadOptions& options);

}  // namespace strata::formats::onnx
