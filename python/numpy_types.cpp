#include "python/numpy_types.hpp"

#include <string_view>

#include "strata/base/error.hpp"

namespace strata::python {
namespace {

namespace py = pybind11;

struct Names {
  DType type;
  std::string_view onnx;
  std::string_view numpy;
};

constexpr Names names[] = {{DType::f64, "double", "float64"},
                           {DType::f32, "float", "float32"},
                           {DType::f16, "float16", "float16"},
                           {DType::bf16, "bfloat16", "bfloat16"},
                           {DType::i64, "int64", "int64"},
                           {DType::i32, "int32", "int32"},
                           {DType::i16, "int16", "int16"},
                           {DType::i8, "int8", "int8"},
                           {DType::u64, "uint64", "uint64"},
                           {DType::u32, "uint32", "uint32"},
                           {DType::u16, "uint16", "uint16"},
                           {DType::u8, "uint8", "uint8"},
                           {DType::boolean, "bool", "bool"},
                           {DType::f8e4m3fn, "float8e4m3fn", "float8_e4m3fn"},
                           {DType::f8e4m3fnuz, "float8e4m3fnuz", "float8_e4m3fnuz"},
                           {DType::f8e5m2, "float8e5m2", "float8_e5m2"},
                           {DType::f8e5m2fnuz, "float8e5m2fnuz", "float8_e5m2fnuz"},
                           {DType::f8e8m0, "float8e8m0", "float8_e8m0fnu"},
                           {DType::f6e2m3, "float6e2m3", "float6_e2m3fn"},
                           {DType::f6e3m2, "float6e3m2", "float6_e3m2fn"},
                           {DType::f4e2m1, "float4e2m1", "float4_e2m1fn"},
                           {DType::i4, "int4", "int4"},
                           {DType::u4, "uint4", "uint4"},
                           {DType::i2, "int2", "int2"},
                           {DType::u2, "uint2", "uint2"}};

const Names& names_of(DType type) {
  for (const Names& row : names) {
    if (row.type == type) return row;
  }
  fail(ErrorCode::internal, "element type {} has no Python name", to_string(type));
}

/// ml_dtypes brings the types that numpy lacks; only models that use them need it.
py::dtype from_ml_dtypes(std::string_view name) {
  try {
    const py::module_ module = py::module_::import("ml_dtypes");
    return py::dtype::from_args(module.attr(std::string(name).c_str()));
  } catch (py::error_already_set&) {
    fail(ErrorCode::unsupported,
         "{} arrays need the Python package ml_dtypes, which is not installed or too old", name);
  }
}

}  // namespace

std::string onnx_type_name(DType type) {
  return "tensor(" + std::string(names_of(type).onnx) + ")";
}

std::string_view numpy_type_name(DType type) { return names_of(type).numpy; }

std::optional<DType> type_of_numpy(std::string_view name) {
  for (const Names& row : names) {
    if (row.numpy == name) return row.type;
  }
  return std::nullopt;
}

std::string numpy_type_names() {
  std::string list;
  for (const Names& row : names) {
    list += (list.empty() ? "" : ", ") + std::string(row.numpy);
  }
  return list;
}

py::dtype numpy_type(DType type) {
  if (type == DType::bf16 || is_narrow(type)) return from_ml_dtypes(numpy_type_name(type));
  return py::dtype(std::string(numpy_type_name(type)));
}

}  // namespace strata::python
