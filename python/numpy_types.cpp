#include "python/numpy_types.hpp"

#include <array>
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

constexpr std::array<Names, 13> names{{{DType::f64, "double", "float64"},
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
                                       {DType::boolean, "bool", "bool"}}};

const Names& names_of(DType type) {
  for (const Names& row : names) {
    if (row.type == type) return row;
  }
  fail(ErrorCode::internal, "element type {} has no Python name", to_string(type));
}

/// ml_dtypes brings the types that numpy lacks; only models that use them need it.
py::dtype bfloat16() {
  try {
    return py::dtype::from_args(py::module_::import("ml_dtypes").attr("bfloat16"));
  } catch (py::error_already_set&) {
    fail(ErrorCode::unsupported,
         "bfloat16 arrays need the Python package ml_dtypes, which is not installed");
  }
}

}  // namespace

std::string onnx_type_name(DType type) {
  return "tensor(" + std::string(names_of(type).onnx) + ")";
}

std::string_view numpy_type_name(DType type) { return names_of(type).numpy; }

py::dtype numpy_type(DType type) {
  if (type == DType::bf16) return bfloat16();
  return py::dtype(std::string(numpy_type_name(type)));
}

}  // namespace strata::python
