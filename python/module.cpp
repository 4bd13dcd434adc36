#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "python/inference_session.hpp"
#include "strata/base/error.hpp"

namespace strata::python {
namespace {

namespace py = pybind11;

std::string_view code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::usage:
      return "usage";
    case ErrorCode::model:
      return "model";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::io:
      return "io";
    case ErrorCode::internal:
      break;
  }
  return "internal";
}

/// strata.Error(message), with the kind in `.code`.
void register_error(py::module_& module) {
  static py::handle type = PyErr_NewExceptionWithDoc(
      "strata.Error", "What went wrong; .code is usage, model, unsupported, io or internal.",
      PyExc_RuntimeError, nullptr);
  module.attr("Error") = type;
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      // The text may quote bytes of a file that are no UTF-8.
      const std::string_view what = error.what();
      const auto message = py::reinterpret_steal<py::object>(
          PyUnicode_DecodeUTF8(what.data(), py::ssize_t(what.size()), "backslashreplace"));
      py::object instance = type(message);
      instance.attr("code") = py::str(std::string(code_name(error.code())));
      PyErr_SetObject(type.ptr(), instance.ptr());
    }
  });
}

runtime::SessionOptions session_options(int threads, bool optimize,
                                        const std::vector<std::string>& passes_off,
                                        bool check_passes, std::optional<std::size_t> memory_budget,
                                        const std::map<std::string, std::string>& kernels) {
  runtime::SessionOptions options;
  options.threads = threads;
  options.optimize = optimize;
  options.passes.off = passes_off;
  options.passes.check = check_passes;
  options.memory_budget = memory_budget;
  for (const auto& [node, row] : kernels) options.target.pins.push_back({node, row});
  return options;
}

PYBIND11_MODULE(_strata, module) {
  module.doc() = "Strata's runtime: load a model, run it on numpy arrays.";
  module.attr("__version__") = STRATA_VERSION;
  register_error(module);

  py::class_<NodeArg>(module, "NodeArg")
      .def_property_readonly("name", &NodeArg::name_text)
      .def_property_readonly("shape", &NodeArg::shape)
      .def_property_readonly("type", &NodeArg::type_name)
      .def("__repr__", [](const NodeArg& arg) {
        return py::str("{}: {}").format(arg.name_text(), to_string(arg.type));
      });

  py::class_<InferenceSession>(module, "InferenceSession")
      .def(py::init([](const py::object& model, int threads, bool optimize,
                       const std::vector<std::string>& passes_off, bool check_passes,
                       std::optional<std::size_t> memory_budget,
                       const std::map<std::string, std::string>& kernels) {
             return std::make_unique<InferenceSession>(
                 model, session_options(threads, optimize, passes_off, check_passes, memory_budget,
                                        kernels));
           }),
           py::arg("path_or_bytes"), py::arg("threads") = 1, py::kw_only(),
           py::arg("optimize") = true, py::arg("passes_off") = std::vector<std::string>{},
           py::arg("check_passes") = false, py::arg("memory_budget") = py::none(),
           py::arg("kernels") = std::map<std::string, std::string>{})
      .def("get_inputs", &InferenceSession::inputs)
      .def("get_outputs", &InferenceSession::outputs)
      .def("run", &InferenceSession::run, py::arg("output_names"), py::arg("input_feed"));
}

}  // namespace
}  // namespace strata::python
