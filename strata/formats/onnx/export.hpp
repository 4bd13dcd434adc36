#pragma once

#include "strata/formats/onnx/proto.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/graph.hpp"

namespace strata::formats::onnx {

/// The ModelProto of a graph. `external`: takes the weights; may be null. Throws unsupported for
/// what ONNX, or the opset asked for, has no form of.
MessageWriter model_proto(const ir::Graph& graph, const SaveOptions& options,
                          ExternalWriter* external);

}  // namespace strata::formats::onnx
