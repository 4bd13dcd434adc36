#pragma once

#include <pybind11/numpy.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "strata/tensor/tensor.hpp"

namespace strata::python {

/// An array of its own memory, not filled.
pybind11::array new_array(const pybind11::dtype& dtype, std::span<const std::int64_t> shape);
/// A new array with the tensor's elements.
pybind11::array to_array(const Tensor& tensor);
/// A tensor with the array's elements, whatever their order in memory; shares none of it. `what`
/// begins the text of errors. Throws usage for types that Strata has not.
Tensor to_tensor(const pybind11::handle& object, std::string_view what);
/// Nothing if the array has more axes than a tensor can.
std::optional<Shape> shape_of(const pybind11::array& array);
/// Row-major and aligned, so that kernels can use the array where it lies.
bool is_plain(const pybind11::array& array);
/// The same elements in an array that is.
pybind11::array plain_copy(const pybind11::array& array);
bool is_array(pybind11::handle object);
/// float32 and the like; also of types whose byte order is not the machine's.
std::string dtype_name(const pybind11::dtype& dtype);

}  // namespace strata::python
