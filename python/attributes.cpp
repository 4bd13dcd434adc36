#include "python/attributes.hpp"

#include <algorithm>
#include <limits>

#include "python/arrays.hpp"
#include "python/errors.hpp"
#include "python/graph.hpp"
#include "python/numpy_types.hpp"
#include "strata/base/error.hpp"

namespace strata::python {
namespace {

namespace py = pybind11;
using ir::AttributeKind;

std::string_view accepted(AttributeKind kind) {
  switch (kind) {
    case AttributeKind::integer:
      return "an int of 64 bits";
    case AttributeKind::real:
      return "a float";
    case AttributeKind::string:
      return "a str";
    case AttributeKind::integers:
      return "a list of ints of 64 bits";
    case AttributeKind::reals:
      return "a list of floats";
    case AttributeKind::strings:
      return "a list of str";
    case AttributeKind::tensor:
      return "a numpy array";
    case AttributeKind::dtype:
      return "an element type such as 'float32'";
    case AttributeKind::graph:
      break;
  }
  return "a strata.Graph";
}

struct Wrong {};

std::int64_t integer(py::handle value) {
  if (PyFloat_Check(value.ptr()) || !PyIndex_Check(value.ptr())) throw Wrong{};
  const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
  int overflow = 0;
  const std::int64_t result = number ? PyLong_AsLongLongAndOverflow(number.ptr(), &overflow) : 0;
  if (!number || overflow) {
    PyErr_Clear();
    throw Wrong{};
  }
  return result;
}

float real(py::handle value) {
  const double number = PyUnicode_Check(value.ptr()) ? 0 : PyFloat_AsDouble(value.ptr());
  if (PyUnicode_Check(value.ptr()) || PyErr_Occurred()) {
    PyErr_Clear();
    throw Wrong{};
  }
  return float(number);
}

std::string string(py::handle value) {
  if (!PyUnicode_Check(value.ptr())) throw Wrong{};
  return bytes_of(py::reinterpret_borrow<py::str>(value));
}

template <class T>
std::vector<T> list(const py::object& value, T (*item)(py::handle)) {
  if (PyUnicode_Check(value.ptr()) || !py::isinstance<py::iterable>(value)) throw Wrong{};
  std::vector<T> result;
  for (const py::handle element : value) result.push_back(item(element));
  return result;
}

DType element_type(const py::object& value) {
  std::string name;
  if (PyUnicode_Check(value.ptr())) {
    name = string(value);
  } else {
    try {
      name = dtype_name(py::dtype::from_args(value));
    } catch (py::error_already_set&) {
      throw Wrong{};
    }
  }
  const auto type = type_of_numpy(name);
  if (!type) throw Wrong{};
  return *type;
}

ir::Attribute convert(AttributeKind kind, std::string_view name, const py::object& value) {
  switch (kind) {
    case AttributeKind::integer:
      return integer(value);
    case AttributeKind::real:
      return real(value);
    case AttributeKind::string:
      return string(value);
    case AttributeKind::integers:
      return list(value, integer);
    case AttributeKind::reals:
      return list(value, real);
    case AttributeKind::strings:
      return list(value, string);
    case AttributeKind::tensor:
      return to_tensor(value, fmt::format("attribute {}", name));
    case AttributeKind::dtype:
      return element_type(value);
    case AttributeKind::graph:
      break;
  }
  if (!py::isinstance<Graph>(value)) throw Wrong{};
  return ir::Subgraph(std::make_shared<ir::Graph>(value.cast<Graph&>().compacted()));
}

struct ToPython {
  py::object operator()(std::int64_t value) const { return py::int_(value); }
  py::object operator()(float value) const { return py::float_(double(value)); }
  py::object operator()(const std::string& value) const { return text(value); }
  py::object operator()(const std::vector<std::string>& values) const {
    py::list result;
    for (const std::string& value : values) result.append(text(value));
    return result;
  }
  template <class T>
  py::object operator()(const std::vector<T>& values) const {
    py::list result;
    for (const T value : values) result.append((*this)(value));
    return result;
  }
  py::object operator()(const Tensor& tensor) const { return to_array(tensor.aligned()); }
  py::object operator()(DType type) const { return py::str(std::string(numpy_type_name(type))); }
  py::object operator()(const ir::Subgraph& graph) const {
    return py::cast(std::make_shared<Graph>(*graph));
  }
};

}  // namespace

py::object to_python(const ir::Attribute& attribute) { return std::visit(ToPython{}, attribute); }

ir::Attribute to_attribute(const ir::OpDef& op, std::string_view name, const py::object& value) {
  const auto def = std::ranges::find(op.attributes, name, &ir::AttributeDef::name);
  if (def == op.attributes.end()) {
    std::string names;
    for (const ir::AttributeDef& known : op.attributes) {
      names += (names.empty() ? "" : ", ") + std::string(known.name);
    }
    fail(ErrorCode::usage, "{} has no attribute {}; accepted: {}", ir::qualified_name(op), name,
         names.empty() ? "none" : names);
  }
  try {
    return convert(def->kind, name, value);
  } catch (const Wrong&) {
    fail(ErrorCode::usage, "attribute {} of {}: {} given, expected {}", name,
         ir::qualified_name(op), printable(value), accepted(def->kind));
  }
}

}  // namespace strata::python
