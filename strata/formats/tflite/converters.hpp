#pragma once

#include <string_view>

#include "strata/formats/tflite/operator_context.hpp"

namespace strata::formats::tflite {

/// Translates one operator into nodes of the graph.
using Converter = void (*)(OperatorContext& op);

/// For a builtin or a custom op; null: there is none. converters.def is the only list.
Converter find_converter(const OperatorInfo& info);

}  // namespace strata::formats::tflite
