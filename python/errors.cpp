#include "python/errors.hpp"

#include "strata/base/error.hpp"

namespace strata::python {
namespace {

namespace py = pybind11;

const char* class_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage:
      return "UsageError";
    case ErrorCode::model:
      return "ModelError";
    case ErrorCode::unsupported:
      return "UnsupportedError";
    case ErrorCode::io:
      return "IoError";
    case ErrorCode::internal:
      break;
  }
  return "InternalError";
}

}  // namespace

void translate_errors() {
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      // The text may quote bytes of a file that are no UTF-8.
      const std::string_view what = error.what();
      const auto message = py::reinterpret_steal<py::object>(
          PyUnicode_DecodeUTF8(what.data(), py::ssize_t(what.size()), "backslashreplace"));
      const py::object type = py::module_::import("strata.errors").attr(class_name(error.code()));
      PyErr_SetObject(type.ptr(), message.ptr());
    }
  });
}

py::str text(std::string_view bytes) {
  PyObject* object =
      PyUnicode_DecodeUTF8(bytes.data(), py::ssize_t(bytes.size()), "surrogateescape");
  if (!object) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(object);
}

std::string bytes_of(const py::str& text) {
  PyObject* object = PyUnicode_AsEncodedString(text.ptr(), "utf-8", "surrogateescape");
  if (!object) throw py::error_already_set();
  return std::string(py::reinterpret_steal<py::bytes>(object));
}

std::string printable(py::handle object) {
  return py::repr(object).attr("encode")("utf-8", "backslashreplace").cast<std::string>();
}

}  // namespace strata::python
