#include "strata/formats/onnx/converters.hpp"

#include <algorithm>
#include <iterator>

namespace strata::formats::onnx {

#define CONVERTER(op, until, target, function) void function(NodeContext& node);
#include "strata/formats/onnx/converters.def"
#undef CONVERTER

namespace {

constexpr Converter converters[] = {
#define CONVERTER(op, until, target, function) {#op, until, target, function},
#include "strata/formats/onnx/converters.def"
#undef CONVERTER
};

}  // namespace

const Converter* find_converter(std::string_view op, std::int64_t opset) {
  const auto* row = std::find_if(std::begin(converters), std::end(converters),
                                 [&](const auto& c) { return c.op == op && opset < c.until; });
  return row == std::end(converters) ? nullptr : row;
}

}  // namespace strata::formats::onnx
