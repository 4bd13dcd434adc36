#pragma once

#include <cstdint>
#include <string_view>

#include "strata/formats/onnx/node_context.hpp"

namespace strata::formats::onnx {

/// Translates one op of ONNX, as opsets below `until` define it, into today's ops. Ops without a
/// row mean today what they always meant and pass through by name.
struct Converter {
  std::string_view op;
  int until;                ///< first opset this row does not apply to
  std::string_view target;  ///< the op it becomes; empty: no node
  void (*convert)(NodeContext& node);
};

/// Applies to all opsets.
constexpr int always = 1 << 20;

/// The row with the smallest `until` above `opset`; null: passes through. converters.def is the
/// only list.
const Converter* find_converter(std::string_view op, std::int64_t opset);

}  // namespace strata::formats::onnx
