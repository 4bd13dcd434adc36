#include "python/graph.hpp"

#include <algorithm>

#include "python/arrays.hpp"
#include "python/errors.hpp"
#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/grids.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"
#include "strata/kernels/kernels.hpp"

namespace strata::python {
namespace {

namespace py = pybind11;
using namespace py::literals;

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::vector<py::str> texts(const std::vector<std::string>& names) {
  std::vector<py::str> list;
  for (const std::string& name : names) list.push_back(text(name));
  return list;
}

py::list record_list(const std::vector<ir::PassRecord>& records) {
  py::list list;
  for (const ir::PassRecord& record : records) {
    list.append(py::dict("name"_a = std::string(record.name), "seconds"_a = record.seconds,
                         "nodes_before"_a = record.nodes_before,
                         "nodes_after"_a = record.nodes_after));
  }
  return list;
}

formats::LoadOptions load_options(const std::string& arithmetic, bool literal) {
  formats::LoadOptions options;
  options.arithmetic = formats::model_arithmetic(arithmetic);
  options.literal = literal;
  return options;
}

}  // namespace

Graph::Graph(ir::Graph graph, formats::ModelInfo info)
    : graph_(std::move(graph)),
      info_(std::move(info)),
      packed_(std::make_shared<runtime::PackedStore>()) {}

Graph::Graph(formats::Model model) : Graph(std::move(model.graph), std::move(model.info)) {
  // Now: what is packed is of the file's constants, which edits may replace.
  packed_->offer(graph_, model.packed, kernels::builtin_rows());
}

std::shared_ptr<Graph> Graph::load(const std::string& path, const std::string& arithmetic,
                                   bool literal) {
  py::gil_scoped_release release;
  if (path.find('\0') != std::string::npos) fail(ErrorCode::usage, "a path with a NUL byte given");
  return std::make_shared<Graph>(
      formats::load_model(std::filesystem::path(path), load_options(arithmetic, literal)));
}

std::shared_ptr<Graph> Graph::from_bytes(const py::bytes& content, const std::string& arithmetic,
                                         bool literal) {
  const auto bytes = as_bytes(std::string_view(content));
  py::gil_scoped_release release;
  return std::make_shared<Graph>(formats::load_model(bytes, load_options(arithmetic, literal)));
}

std::shared_ptr<Graph> Graph::from_text(const std::string& text) {
  return std::make_shared<Graph>(ir::parse_text(text));
}

NodeArg Graph::describe(ir::ValueId id) const {
  auto grid = ir::grid_by_producer(graph_, id);
  if (!grid) grid = ir::grid_by_uses(graph_, id);
  return {graph_.value(id).name, graph_.value(id).type, grid};
}

std::vector<NodeArg> Graph::inputs() {
  std::vector<NodeArg> args;
  for (const ir::ValueId id : graph_.inputs) args.push_back(describe(id));
  return args;
}

std::vector<NodeArg> Graph::outputs() {
  check();
  std::vector<NodeArg> args;
  for (const ir::ValueId id : graph_.outputs) args.push_back(describe(id));
  return args;
}

NodeArg Graph::value(const py::str& name) {
  check();
  return describe(value_id(name));
}

std::vector<py::str> Graph::constants() const {
  std::vector<py::str> names;
  for (std::size_t i = 0; i < graph_.value_limit(); ++i) {
    const auto id = ir::ValueId(i);
    if (graph_.is_constant(id)) names.push_back(text(graph_.value(id).name));
  }
  return names;
}

py::array Graph::constant(const py::str& name) const {
  const ir::ValueId id = value_id(name);
  if (!graph_.is_constant(id)) {
    fail(ErrorCode::usage, "{} is no constant", bytes_of(name));
  }
  return to_array(graph_.value(id).constant->decode());
}

std::vector<py::str> Graph::states() const {
  std::vector<py::str> names;
  for (const ir::State& state : graph_.states) names.push_back(text(state.name));
  return names;
}

py::str Graph::name() const { return text(graph_.name); }

void Graph::set_name(const py::str& name) { graph_.name = bytes_of(name); }

py::dict Graph::info() const {
  py::dict metadata;
  for (const auto& [key, value] : info_.metadata) metadata[text(key)] = text(value);
  return py::dict("producer_name"_a = text(info_.producer),
                  "producer_version"_a = text(info_.producer_version),
                  "graph_name"_a = text(graph_.name), "domain"_a = text(info_.domain),
                  "description"_a = text(info_.description),
                  "graph_description"_a = text(info_.graph_description),
                  "version"_a = info_.version, "custom_metadata_map"_a = metadata);
}

ir::ValueId Graph::value_id(const py::str& name) const {
  const auto id = graph_.find_value(bytes_of(name));
  if (!id) fail(ErrorCode::usage, "no value of the graph is named {}", printable(name));
  return *id;
}

ir::NodeId Graph::node_id(const py::str& name) const {
  const auto id = graph_.find_node(bytes_of(name));
  if (!id) fail(ErrorCode::usage, "no node of the graph is named {}", printable(name));
  return *id;
}

std::vector<py::str> Graph::node_names() const {
  std::vector<py::str> names;
  for (const ir::NodeId id : graph_.order()) names.push_back(text(graph_.node(id).name));
  return names;
}

bool Graph::has_node(const py::str& name) const {
  return graph_.find_node(bytes_of(name)).has_value();
}

std::string Graph::op(const py::str& node) const {
  return ir::qualified_name(*graph_.node(node_id(node)).op);
}

namespace {

py::list value_names(const ir::Graph& graph, const std::vector<ir::ValueId>& ids) {
  py::list names;
  for (const ir::ValueId id : ids) {
    id == ir::no_value ? names.append(py::none()) : names.append(text(graph.value(id).name));
  }
  return names;
}

}  // namespace

py::list Graph::operands(const py::str& node) const {
  return value_names(graph_, graph_.node(node_id(node)).inputs);
}

py::list Graph::results(const py::str& node) const {
  return value_names(graph_, graph_.node(node_id(node)).outputs);
}

std::vector<py::str> Graph::sources(const py::str& node) const {
  return texts(graph_.node(node_id(node)).sources);
}

void Graph::check() {
  if (!edited_) return;
  graph_.sort();
  ir::infer_types(graph_);
  ir::verify_structure(graph_);
  edited_ = false;
}

ir::Graph Graph::compacted() {
  check();
  ir::Graph copy = graph_;
  copy.compact();
  return copy;
}

py::list Graph::optimize(const std::vector<std::string>& off, bool check_results) {
  ir::Graph copy = compacted();
  const auto records = ir::optimize(copy, {.off = off, .check = check_results});
  graph_ = std::move(copy);
  return record_list(records);
}

py::list Graph::run_passes(const std::vector<std::string>& names, bool check_results) {
  const auto all = ir::all_passes();
  std::vector<const ir::Pass*> passes;
  for (const std::string& name : names) {
    const auto found =
        std::ranges::find_if(all, [&](const ir::Pass* pass) { return pass->name == name; });
    if (found == all.end()) {
      std::string known;
      for (const ir::Pass* pass : all)
        known += (known.empty() ? "" : ", ") + std::string(pass->name);
      fail(ErrorCode::usage, "unknown pass '{}', expected one of {}", name, known);
    }
    passes.push_back(*found);
  }
  ir::Graph copy = compacted();
  const auto records = ir::run_passes(copy, passes, {.check = check_results});
  graph_ = std::move(copy);
  return record_list(records);
}

py::str Graph::to_text(bool constants) {
  return text(ir::to_text(compacted(), {.constants = constants}));
}

void Graph::save_text(const std::string& path) {
  const std::string content = ir::to_text(compacted());
  with_context([&] { return fmt::format("writing {}", path); }, [&] { write_file(path, content); });
}

void Graph::save_container(const std::string& path) {
  const ir::Graph graph = compacted();
  py::gil_scoped_release release;
  formats::save_container(graph, path, info_);
}

void Graph::save_onnx(const std::string& path, int opset, bool external_data) {
  const ir::Graph graph = compacted();
  py::gil_scoped_release release;
  formats::save_onnx(graph, path, {.opset = opset, .external_data = external_data, .info = info_});
}

py::bytes Graph::onnx_bytes(int opset) {
  return formats::onnx_bytes(compacted(), {.opset = opset, .info = info_});
}

bool Graph::identical_to(Graph& other) { return ir::identical(compacted(), other.compacted()); }

py::list pass_list() {
  py::list list;
  for (const ir::Pass* pass : ir::all_passes()) {
    list.append(py::make_tuple(std::string(pass->name), std::string(pass->summary)));
  }
  return list;
}

}  // namespace strata::python
