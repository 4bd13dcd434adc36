#pragma once

#include <cstdint>

#include "strata/tensor/dtype.hpp"

namespace strata::formats::tflite {

namespace schema {
enum class TensorType : std::int8_t;
}

/// The type in memory; INT4 becomes i8. Throws unsupported for strings, resources and the like.
DType element_type(schema::TensorType type);

}  // namespace strata::formats::tflite
