#include "strata/formats/onnx/element_type.hpp"

#include <array>
#include <optional>
#include <string_view>

#include "strata/base/error.hpp"

namespace strata::formats::onnx {
namespace {

struct Row {
  std::string_view name;
  std::optional<DType> type;
};

// By code.
constexpr std::array<Row, 27> rows = {{
    {"UNDEFINED", {}},
    {"FLOAT", DType::f32},
    {"UINT8", DType::u8},
    {"INT8", DType::i8},
    {"UINT16", DType::u16},
    {"INT16", DType::i16},
    {"INT32", DType::i32},
    {"INT64", DType::i64},
    {"STRING", {}},
    {"BOOL", DType::boolean},
    {"FLOAT16", DType::f16},
    {"DOUBLE", DType::f64},
    {"UINT32", DType::u32},
    {"UINT64", DType::u64},
    {"COMPLEX64", {}},
    {"COMPLEX128", {}},
    {"BFLOAT16", DType::bf16},
    {"FLOAT8E4M3FN", {}},
    {"FLOAT8E4M3FNUZ", {}},
    {"FLOAT8E5M2", {}},
    {"FLOAT8E5M2FNUZ", {}},
    {"UINT4", {}},
    {"INT4", {}},
    {"FLOAT4E2M1", {}},
    {"FLOAT8E8M0", {}},
    {"UINT2", {}},
    {"INT2", {}},
}};

}  // namespace

DType element_type(std::int64_t code) {
  if (code <= 0 || code >= std::int64_t(rows.size())) {
    fail(ErrorCode::model, "element type {}, expected 1 to {}", code, rows.size() - 1);
  }
  const Row& row = rows[std::size_t(code)];
  if (!row.type) {
    fail(ErrorCode::unsupported,
         "element type {} is not supported; supported: floats of 16 to 64 bits, integers of 8 to "
         "64 bits, bool",
         row.name);
  }
  return *row.type;
}

DType element_type(std::string_view name) {
  for (std::size_t code = 1; code < rows.size(); ++code) {
    if (rows[code].name == name) return element_type(std::int64_t(code));
  }
  fail(ErrorCode::model, "element type \"{}\" is unknown", name);
}

std::int32_t element_code(DType type) {
  for (std::size_t code = 0; code < rows.size(); ++code) {
    if (rows[code].type == type) return std::int32_t(code);
  }
  STRATA_ASSERT(!"every element type has a code");
  return 0;
}

}  // namespace strata::formats::onnx
