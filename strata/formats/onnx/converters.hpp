#pragma once

#include <cstdint>
#include <string_view>

#include "strata/formats/onnx/node_context.hpp"

namespace strata::formats::onnx {

/// Translates one op, as opsets of ONNX's domain below `until` define it, into today's ops. Ops of
/// ONNX's domain without a row mean today what they always meant and pass through by name.
struct Converter {
  std::string_view domain;  ///< empty: ONNX's own
  std::string_view op;
  int until;                ///< first opset this row does not apply to
  std::string_view target;  ///< the op it becomes, "strata." before ours; empty: no node
  void (*convert)(NodeContext& node);
};

/// Applies to all opsets.
constexpr int always = 1 << 20;

/// The row with the smallest `until` above `opset`; null: there is none. converters.def is the
/// only list.
const Converter* find_converter(std::string_view domain, std::string_view op, std::int64_t opset);

/// The domain with ONNX's other name for its own, "ai.onnx", taken for "".
std::string_view plain_domain(std::string_view domain);

}  // namespace strata::formats::onnx
