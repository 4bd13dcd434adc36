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
constexpr std::array<Row, 29> rows = {{
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
    {"FLOAT8E4M3FN", DType::f8e4m3fn},
    {"FLOAT8E4M3FNUZ", DType::f8e4m3fnuz},
    {"FLOAT8E5M2", DType::f8e5m2},
    {"FLOAT8E5M2FNUZ", DType::f8e5m2fnuz},
    {"UINT4", DType::u4},
    {"INT4", DType::i4},
    {"FLOAT4E2M1", DType::f4e2m1},
    {"FLOAT8E8M0", DType::f8e8m0},
    {"UINT2", DType::u2},
    {"INT2", DType::i2},
    {"FLOAT6E2M3", DType::f6e2m3},
    {"FLOAT6E3M2", DType::f6e3m2},
}};

}  // namespace

DType element_type(std::int64_t code) {
  if (code <= 0 || code >= std::int64_t(rows.size())) {
    fail(ErrorCode::model, "element type {}, expected 1 to {}", code, rows.size() - 1);
  }
  const Row& row = rows[std::size_t(code)];
  if (!row.type) {
    fail(ErrorCode::unsupported,
         "element type {} is not supported; supported: floats of 4 to 64 bits, integers of 2 to "
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
