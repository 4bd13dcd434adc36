#pragma once

#include <pybind11/numpy.h>

#include <optional>
#include <string>
#include <string_view>

#include "strata/tensor/dtype.hpp"

namespace strata::python {

/// "tensor(float)", as ONNX Runtime spells element types.
std::string onnx_type_name(DType type);

/// "float32"; "bfloat16", "int4" and others for the types that ml_dtypes adds.
std::string_view numpy_type_name(DType type);

/// The way back, and all names there are, for errors.
std::optional<DType> type_of_numpy(std::string_view name);
std::string numpy_type_names();

/// The numpy type of elements; that of ml_dtypes for bf16 and narrow types, which hold one code per
/// byte as Strata does. Throws unsupported without ml_dtypes.
pybind11::dtype numpy_type(DType type);

}  // namespace strata::python
