#include "strata/formats/tflite/element_type.hpp"

#include <tflite_schema.h>

#include <string>

#include "strata/base/error.hpp"

namespace strata::formats::tflite {

DType element_type(schema::TensorType type) {
  using schema::TensorType;
  switch (type) {
    case TensorType::FLOAT32:
      return DType::f32;
    case TensorType::FLOAT16:
      return DType::f16;
    case TensorType::BFLOAT16:
      return DType::bf16;
    case TensorType::FLOAT64:
      return DType::f64;
    case TensorType::INT8:
    case TensorType::INT4:
      return DType::i8;
    case TensorType::INT16:
      return DType::i16;
    case TensorType::INT32:
      return DType::i32;
    case TensorType::INT64:
      return DType::i64;
    case TensorType::UINT8:
      return DType::u8;
    case TensorType::UINT16:
      return DType::u16;
    case TensorType::UINT32:
      return DType::u32;
    case TensorType::UINT64:
      return DType::u64;
    case TensorType::BOOL:
      return DType::boolean;
    default:
      break;
  }
  const std::string name = schema::EnumNameTensorType(type);
  fail(ErrorCode::unsupported,
       "element type {}; accepted: floats of 16 to 64 bits, integers of 8 to 64 bits, INT4, BOOL",
       name.empty() ? std::to_string(int(type)) : name);
}

}  // namespace strata::formats::tflite
