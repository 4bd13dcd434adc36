#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "strata/formats/onnx/wire.hpp"

namespace strata::formats::onnx {

/// The model's graph with every call of a function of the file replaced by the function's nodes,
/// in nested graphs too. Their names, and those of the values inside, begin with the call's name,
/// and are kept in `names`. Ops that are known (`is_known`, at this opset) stay as they are. Throws
/// model for functions that call themselves and for more than a million nodes and operands.
GraphProto inline_functions(const ModelProto& model,
                            bool (*is_known)(const NodeProto& node, std::int64_t opset),
                            std::int64_t opset, std::deque<std::string>& names);

}  // namespace strata::formats::onnx
