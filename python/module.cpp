#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <functional>

#include "python/errors.hpp"
#include "python/graph.hpp"
#include "python/inference_session.hpp"
#include "python/io_binding.hpp"
#include "strata/runtime/saved_choices.hpp"

// The compiled half of the package: classes that trust their arguments' types, which those of
// python/strata/*.py check, document and wrap.
namespace strata::python {
namespace {

namespace py = pybind11;

struct Options {
  std::optional<int> threads;
  bool optimize = true;
  std::vector<std::string> passes_off;
  bool check_passes = false;
  std::optional<std::size_t> memory_budget;
  std::int64_t loop_limit;
  std::vector<std::pair<std::string, std::string>> kernels;
  std::optional<std::string> isa;
  std::optional<std::string> precision;
};

/// Raises what a signal's handler raises (KeyboardInterrupt) while a loop runs; asks ten times a
/// second.
std::function<bool()> signal_check() {
  using Clock = std::chrono::steady_clock;
  return [next = Clock::now()]() mutable {
    const Clock::time_point now = Clock::now();
    if (now < next) return false;
    next = now + std::chrono::milliseconds(100);
    const py::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    return false;
  };
}

/// What the caller does not say is as the file says that it is best run.
runtime::SessionOptions session_options(const Options& options, const Graph& graph) {
  runtime::SessionOptions result;
  if (options.threads) result.threads = *options.threads;
  result.optimize = options.optimize;
  result.passes.off = options.passes_off;
  result.passes.check = options.check_passes;
  result.memory_budget = options.memory_budget;
  result.loop_limit = options.loop_limit;
  result.stopped = signal_check();
  if (options.isa) result.target.isa = parse_isa(*options.isa);
  if (options.precision) result.target.precision = runtime::parse_precision(*options.precision);
  for (const auto& [node, row] : options.kernels) result.target.pins.push_back({node, row});
  result.target.packed = graph.packed();
  const runtime::Given given{options.threads.has_value(), options.precision.has_value()};
  runtime::follow(runtime::saved_choices(graph.file_info().metadata), given, result);
  return result;
}

void add_session(py::module_& module) {
  py::class_<NodeArg>(module, "NodeArg", "Name, shape and element type of an input or output.")
      .def_property_readonly("name", &NodeArg::name_text, "As the model's author named it.")
      .def_property_readonly(
          "shape", &NodeArg::shape,
          "Numbers, and names (or expressions) for extents that are bound when running.")
      .def_property_readonly("type", &NodeArg::type_name,
                             "As ONNX Runtime spells it: \"tensor(float)\".")
      .def_property_readonly("scale", &NodeArg::scale,
                             "Of integers q that stand for scale * (q - zero_point); else None.")
      .def_property_readonly("zero_point", &NodeArg::zero_point, "See scale.")
      .def("__repr__", &NodeArg::text_form);

  using Pairs = std::vector<std::pair<std::string, std::string>>;
  py::class_<InferenceSession, std::shared_ptr<InferenceSession>>(module, "Session")
      .def(py::init([](Graph& graph, bool take, std::optional<int> threads, bool optimize,
                       const std::vector<std::string>& passes_off, bool check_passes,
                       std::optional<std::size_t> memory_budget, std::int64_t loop_limit,
                       const Pairs& kernels, const std::optional<std::string>& isa,
                       const std::optional<std::string>& precision, bool log_runs) {
             const Options options{threads,    optimize, passes_off, check_passes, memory_budget,
                                   loop_limit, kernels,  isa,        precision};
             runtime::SessionOptions resolved = session_options(options, graph);
             return std::make_shared<InferenceSession>(take ? graph.take() : graph.compacted(),
                                                       std::move(resolved), log_runs);
           }),
           py::arg("graph"), py::kw_only(), py::arg("take"), py::arg("threads"),
           py::arg("optimize"), py::arg("passes_off"), py::arg("check_passes"),
           py::arg("memory_budget"), py::arg("loop_limit"), py::arg("kernels"), py::arg("isa"),
           py::arg("precision"), py::arg("log_runs"))
      .def("inputs", &InferenceSession::inputs)
      .def("outputs", &InferenceSession::outputs)
      .def("run", &InferenceSession::run, py::arg("output_names"), py::arg("input_feed"),
           py::arg("starts_over"))
      .def("run_bound", &InferenceSession::run_bound, py::arg("binding"), py::arg("starts_over"))
      .def("profile", &InferenceSession::profile, py::arg("feeds"), py::arg("runs"))
      .def("kernels", &InferenceSession::kernels)
      .def("plans", &InferenceSession::plans)
      .def("share", &InferenceSession::share)
      .def("reset", &InferenceSession::reset)
      .def("graph", [](const InferenceSession& session) { return Graph(session.graph()); })
      .def("take_log", &InferenceSession::take_log)
      .def("threads", &InferenceSession::threads);

  py::class_<IoBinding>(module, "Binding")
      .def(py::init<std::shared_ptr<InferenceSession>>(), py::arg("session"))
      .def("bind_input", &IoBinding::bind_input, py::arg("name"), py::arg("array"))
      .def("bind_output", &IoBinding::bind_output, py::arg("name"), py::arg("array"))
      .def("clear_inputs", &IoBinding::clear_inputs)
      .def("clear_outputs", &IoBinding::clear_outputs)
      .def("outputs", &IoBinding::outputs);
}

void add_graph(py::module_& module) {
  py::class_<Graph, std::shared_ptr<Graph>>(module, "Graph")
      .def_static("load", &Graph::load, py::arg("path"), py::arg("arithmetic"), py::arg("literal"))
      .def_static("from_bytes", &Graph::from_bytes, py::arg("content"), py::arg("arithmetic"),
                  py::arg("literal"))
      .def_static("from_text", &Graph::from_text, py::arg("text"))
      .def("inputs", &Graph::inputs)
      .def("outputs", &Graph::outputs)
      .def("value", &Graph::value, py::arg("name"))
      .def("constants", &Graph::constants)
      .def("constant", &Graph::constant, py::arg("name"))
      .def("states", &Graph::states)
      .def("name", &Graph::name)
      .def("set_name", &Graph::set_name, py::arg("name"))
      .def("info", &Graph::info)
      .def("node_names", &Graph::node_names)
      .def("has_node", &Graph::has_node, py::arg("name"))
      .def("op", &Graph::op, py::arg("node"))
      .def("operands", &Graph::operands, py::arg("node"))
      .def("results", &Graph::results, py::arg("node"))
      .def("sources", &Graph::sources, py::arg("node"))
      .def("attribute_names", &Graph::attribute_names, py::arg("node"))
      .def("attribute", &Graph::attribute, py::arg("node"), py::arg("name"))
      .def("set_attribute", &Graph::set_attribute, py::arg("node"), py::arg("name"),
           py::arg("value"))
      .def("erase_attribute", &Graph::erase_attribute, py::arg("node"), py::arg("name"))
      .def("set_operands", &Graph::set_operands, py::arg("node"), py::arg("names"))
      .def("rename_node", &Graph::rename_node, py::arg("old"), py::arg("new"))
      .def("rename", &Graph::rename, py::arg("old"), py::arg("new"))
      .def("add_node", &Graph::add_node, py::arg("op"), py::arg("operands"), py::arg("results"),
           py::arg("attributes"), py::arg("name"))
      .def("remove_node", &Graph::remove_node, py::arg("name"), py::arg("by"))
      .def("add_constant", &Graph::add_constant, py::arg("name"), py::arg("array"))
      .def("set_constant", &Graph::set_constant, py::arg("name"), py::arg("array"))
      .def("replace_uses", &Graph::replace_uses, py::arg("old"), py::arg("new"))
      .def("add_output", &Graph::add_output, py::arg("name"))
      .def("remove_output", &Graph::remove_output, py::arg("name"))
      .def("check", &Graph::check)
      .def("optimize", &Graph::optimize, py::arg("off"), py::arg("check_results"))
      .def("run_passes", &Graph::run_passes, py::arg("names"), py::arg("check_results"))
      .def("to_text", &Graph::to_text, py::arg("constants"))
      .def("save_text", &Graph::save_text, py::arg("path"))
      .def("save_container", &Graph::save_container, py::arg("path"))
      .def("save_onnx", &Graph::save_onnx, py::arg("path"), py::arg("opset"),
           py::arg("external_data"))
      .def("onnx_bytes", &Graph::onnx_bytes, py::arg("opset"))
      .def("copy", &Graph::copy)
      .def("identical_to", &Graph::identical_to, py::arg("other"));
  module.def("passes", &pass_list);
}

PYBIND11_MODULE(_strata, module) {
  module.doc() = "The compiled half of the package strata.";
  module.attr("__version__") = STRATA_VERSION;
  translate_errors();
  add_session(module);
  add_graph(module);
}

}  // namespace
}  // namespace strata::python
