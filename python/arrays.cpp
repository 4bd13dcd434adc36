#include "python/arrays.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "python/numpy_types.hpp"
#include "strata/base/error.hpp"

namespace strata::python {
namespace {

namespace py = pybind11;
using py::detail::npy_api;

constexpr int plain = npy_api::NPY_ARRAY_C_CONTIGUOUS_ | npy_api::NPY_ARRAY_ALIGNED_;

py::array steal_array(PyObject* object) {
  if (!object) throw py::error_already_set();
  return py::reinterpret_steal<py::array>(object);
}

}  // namespace

py::array new_array(const py::dtype& dtype, std::span<const std::int64_t> shape) {
  std::array<Py_intptr_t, max_rank> dims{};
  std::ranges::copy(shape, dims.begin());
  const npy_api& api = npy_api::get();
  return steal_array(api.PyArray_NewFromDescr_(api.PyArray_Type_, dtype.inc_ref().ptr(),
                                               int(shape.size()), dims.data(), nullptr, nullptr, 0,
                                               nullptr));
}

py::array to_array(const Tensor& tensor) {
  py::array array = new_array(numpy_type(tensor.dtype()), tensor.shape().dims());
  if (tensor.size_bytes() > 0) {
    std::memcpy(array.mutable_data(), tensor.raw(), tensor.size_bytes());
  }
  return array;
}

Tensor to_tensor(const py::handle& object, std::string_view what) {
  if (!is_array(object)) {
    fail(ErrorCode::usage, "{}: a {} given, expected a numpy array", what,
         Py_TYPE(object.ptr())->tp_name);
  }
  const auto array = py::reinterpret_borrow<py::array>(object);
  const std::string name = dtype_name(array.dtype());
  const std::optional<DType> type = type_of_numpy(name);
  if (!type) {
    fail(ErrorCode::usage, "{}: an array of {} given; accepted: {}", what, name,
         numpy_type_names());
  }
  const std::optional<Shape> shape = shape_of(array);
  if (!shape) {
    fail(ErrorCode::usage, "{}: an array of {} axes given, at most {} accepted", what, array.ndim(),
         max_rank);
  }
  const py::array readable = is_plain(array) ? array : plain_copy(array);
  return Tensor::borrow(*type, *shape, static_cast<const void*>(readable.data())).clone();
}

std::optional<Shape> shape_of(const py::array& array) {
  const py::ssize_t rank = array.ndim();
  if (rank > max_rank) return std::nullopt;
  std::array<std::int64_t, max_rank> dims{};
  std::copy_n(array.shape(), rank, dims.begin());
  return Shape(std::span<const std::int64_t>(dims.data(), std::size_t(rank)));
}

bool is_plain(const py::array& array) { return (array.flags() & plain) == plain; }

py::array plain_copy(const py::array& array) {
  return steal_array(npy_api::get().PyArray_FromAny_(array.ptr(), nullptr, 0, 0, plain, nullptr));
}

bool is_array(py::handle object) { return npy_api::get().PyArray_Check_(object.ptr()); }

std::string dtype_name(const py::dtype& dtype) {
  return py::str(py::handle(dtype)).cast<std::string>();
}

}  // namespace strata::python
