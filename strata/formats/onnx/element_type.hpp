#pragma once

#include <cstdint>
#include <string_view>

#include "strata/tensor/dtype.hpp"

namespace strata::formats::onnx {

/// ONNX's TensorProto.DataType. Throws unsupported naming the type (strings, complex), model for
/// an unknown code.
DType element_type(std::int64_t code);
/// By the name of the enumerator: "FLOAT", "INT64".
DType element_type(std::string_view name);
std::int32_t element_code(DType type);

}  // namespace strata::formats::onnx
