#include "strata/formats/onnx/converters.hpp"

#include <algorithm>
#include <iterator>

namespace strata::formats::onnx {

#define CONVERTER(op, until, target, function) void function(NodeContext& node);
#define FOREIGN_CONVERTER(domain, op, target, function) void function(NodeContext& node);
#include "strata/formats/onnx/converters.def"
#undef CONVERTER
#undef FOREIGN_CONVERTER

namespace {

constexpr Converter converters[] = {
#define CONVERTER(op, until, target, function) {"", #op, until, target, function},
#define FOREIGN_CONVERTER(domain, op, target, function) {domain, #op, always, target, function},
#include "strata/formats/onnx/converters.def"
#undef CONVERTER
#undef FOREIGN_CONVERTER
};

}  // namespace

const Converter* find_converter(std::string_view domain, std::string_view op, std::int64_t opset) {
  const auto* row = std::find_if(
      std::begin(converters), std::end(converters),
      [&](const Converter& c) { return c.op == op && c.domain == domain && opset < c.until; });
  return row == std::end(converters) ? nullptr : row;
}

std::string_view plain_domain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}

}  // namespace strata::formats::onnx
