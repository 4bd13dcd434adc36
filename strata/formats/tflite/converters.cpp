#include "strata/formats/tflite/converters.hpp"

#include <tflite_schema.h>

namespace strata::formats::tflite {

#define CONVERTER(op, function) void function(OperatorContext& context);
#define CUSTOM_CONVERTER(name, function) void function(OperatorContext& context);
#include "strata/formats/tflite/converters.def"
#undef CONVERTER
#undef CUSTOM_CONVERTER

Converter find_converter(const OperatorInfo& info) {
  using schema::BuiltinOperator;
  const auto code = static_cast<BuiltinOperator>(info.code);
  switch (code) {
#define CONVERTER(op, function) \
  case BuiltinOperator::op:     \
    return function;
#define CUSTOM_CONVERTER(name, function)
#include "strata/formats/tflite/converters.def"
#undef CONVERTER
#undef CUSTOM_CONVERTER
    default:
      break;
  }
  if (code != BuiltinOperator::CUSTOM) return nullptr;
#define CONVERTER(op, function)
#define CUSTOM_CONVERTER(name, function) \
  if (info.custom == name) return function;
#include "strata/formats/tflite/converters.def"
#undef CONVERTER
#undef CUSTOM_CONVERTER
  return nullptr;
}

}  // namespace strata::formats::tflite
