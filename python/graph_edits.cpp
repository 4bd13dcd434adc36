#include <algorithm>
#include <array>

#include "python/arrays.hpp"
#include "python/attributes.hpp"
#include "python/errors.hpp"
#include "python/graph.hpp"
#include "strata/base/error.hpp"
#include "strata/ir/op.hpp"

// What changes a graph: each edit either happens or leaves the graph as it was.
namespace strata::python {
namespace {

namespace py = pybind11;

/// Readers of a value, counting outputs of the graph and states.
std::size_t uses_of(const ir::Graph& graph, ir::ValueId value) {
  std::size_t count = 0;
  for (const ir::NodeId id : graph.order()) {
    count += std::size_t(std::ranges::count(graph.node(id).inputs, value));
  }
  count += std::size_t(std::ranges::count(graph.outputs, value));
  return count + std::size_t(std::ranges::count(graph.states, value, &ir::State::written));
}

void expect_schema(const ir::Node& node) {
  with_context([&] { return ir::describe(node); }, [&] { ir::check_schema(node); });
}

}  // namespace

ir::ValueId Graph::operand(const py::object& name) const {
  if (name.is_none()) return ir::no_value;
  return value_id(py::reinterpret_borrow<py::str>(name));
}

void Graph::expect_free(const std::string& name) const {
  if (name.empty()) fail(ErrorCode::usage, "an empty name given");
  if (graph_.find_value(name)) {
    fail(ErrorCode::usage, "the graph has a value named {} already", name);
  }
}

bool Graph::is_input(ir::ValueId id) const { return std::ranges::count(graph_.inputs, id) > 0; }
bool Graph::is_output(ir::ValueId id) const { return std::ranges::count(graph_.outputs, id) > 0; }

std::vector<std::string> Graph::attribute_names(const py::str& node) const {
  std::vector<std::string> names;
  for (const auto& [name, value] : graph_.node(node_id(node)).attributes) names.push_back(name);
  return names;
}

py::object Graph::attribute(const py::str& node, const std::string& name) const {
  const ir::Attribute* found = graph_.node(node_id(node)).attributes.find(name);
  return found ? to_python(*found) : py::none();
}

void Graph::set_attribute(const py::str& node, const std::string& name, const py::object& value) {
  ir::Node& target = graph_.node(node_id(node));
  ir::Attribute attribute = to_attribute(*target.op, name, value);
  target.attributes.set(name, std::move(attribute));
  edited_ = true;
}

void Graph::erase_attribute(const py::str& node, const std::string& name) {
  ir::Node& target = graph_.node(node_id(node));
  const ir::Node before = target;
  target.attributes.erase(name);
  try {
    expect_schema(target);
  } catch (const Error&) {
    target = before;
    throw;
  }
  edited_ = true;
}

void Graph::set_operands(const py::str& node, const std::vector<py::object>& names) {
  ir::Node& target = graph_.node(node_id(node));
  std::vector<ir::ValueId> ids;
  for (const py::object& name : names) ids.push_back(operand(name));
  std::swap(target.inputs, ids);
  try {
    expect_schema(target);
  } catch (const Error&) {
    std::swap(target.inputs, ids);
    throw;
  }
  edited_ = true;
}

void Graph::rename_node(const py::str& from, const py::str& to) {
  const ir::NodeId id = node_id(from);
  const std::string name = bytes_of(to);
  if (name.empty()) fail(ErrorCode::usage, "an empty name given");
  if (const auto bearer = graph_.find_node(name); bearer && *bearer != id) {
    fail(ErrorCode::usage, "the graph has a node named {} already", name);
  }
  graph_.rename(id, name);
}

void Graph::rename(const py::str& from, const py::str& to) {
  const ir::ValueId id = value_id(from);
  const std::string name = bytes_of(to);
  if (graph_.value(id).name == name) return;
  expect_free(name);
  graph_.rename(id, name);
}

void Graph::add_node(const std::string& op, const std::vector<py::object>& operands,
                     const std::vector<py::object>& results, const py::dict& attributes,
                     const py::str& name) {
  ir::Node node;
  node.op = &ir::find_op(op);
  node.name = bytes_of(name);
  if (graph_.find_node(node.name)) {
    fail(ErrorCode::usage, "the graph has a node named {} already", node.name);
  }
  for (const py::object& operand_name : operands) node.inputs.push_back(operand(operand_name));
  for (const auto& [key, value] : attributes) {
    const std::string key_name = bytes_of(py::reinterpret_borrow<py::str>(key));
    node.attributes.set(
        key_name, to_attribute(*node.op, key_name, py::reinterpret_borrow<py::object>(value)));
  }
  std::vector<std::string> names;
  for (const py::object& result : results) {
    names.push_back(result.is_none() ? "" : bytes_of(py::reinterpret_borrow<py::str>(result)));
    if (result.is_none()) continue;
    expect_free(names.back());
    if (std::ranges::count(names, names.back()) > 1) {
      fail(ErrorCode::usage, "two outputs are named {}", names.back());
    }
  }
  node.outputs.assign(names.size(), ir::ValueId{});
  expect_schema(node);
  std::vector<ir::ValueId> outputs;
  for (const std::string& result : names) {
    outputs.push_back(result.empty() ? ir::no_value : graph_.add_value(result));
  }
  graph_.add_node(*node.op, node.name, std::move(node.inputs), std::move(outputs),
                  std::move(node.attributes), {node.name});
  edited_ = true;
}

void Graph::replace_result(ir::NodeId node, ir::ValueId result, ir::ValueId by) {
  const std::string name = graph_.value(result).name;
  if (is_output(result)) {
    // An output keeps its name, so the value that takes its place must be free to bear it.
    if (is_input(by) || is_output(by) || graph_.value(by).producer == ir::no_node) {
      fail(ErrorCode::usage,
           "node {} gives output {} of the graph, which {} cannot stand for: it is an input, a "
           "constant, a state or another output",
           graph_.node(node).name, name, graph_.value(by).name);
    }
    graph_.swap_names(result, by);
  }
  graph_.replace_uses(result, by);
}

void Graph::remove_node(const py::str& name, const py::object& by) {
  const ir::NodeId id = node_id(name);
  const ir::Node node = graph_.node(id);
  std::vector<ir::ValueId> used;
  for (const ir::ValueId output : node.outputs) {
    if (output != ir::no_value && uses_of(graph_, output) > 0) used.push_back(output);
  }
  if (used.size() > 1) {
    fail(ErrorCode::usage,
         "node {} has {} outputs that others use; replace_uses those of all but "
         "one first",
         node.name, used.size());
  }
  if (used.size() == 1) {
    ir::ValueId stands_in = operand(by);
    if (by.is_none()) {
      std::vector<ir::ValueId> candidates;
      for (const ir::ValueId input : node.inputs) {
        if (input != ir::no_value && !graph_.is_constant(input)) candidates.push_back(input);
      }
      if (candidates.size() != 1) {
        fail(ErrorCode::usage,
             "node {} has {} operands that are no constants, so say what stands for its output: "
             "by=NAME",
             node.name, candidates.size());
      }
      stands_in = candidates[0];
    }
    if (graph_.value(stands_in).producer == id) {
      fail(ErrorCode::usage, "{} is an output of node {} itself", graph_.value(stands_in).name,
           node.name);
    }
    replace_result(id, used[0], stands_in);
  }
  graph_.erase(std::array{id});
  // Their names are free again.
  for (const ir::ValueId output : node.outputs) {
    if (output != ir::no_value) graph_.rename(output, "");
  }
  edited_ = true;
}

void Graph::add_constant(const py::str& name, const py::object& array) {
  const std::string wanted = bytes_of(name);
  expect_free(wanted);
  graph_.add_constant(wanted, to_tensor(array, "constant " + wanted));
}

void Graph::set_constant(const py::str& name, const py::object& array) {
  const ir::ValueId id = value_id(name);
  if (!graph_.is_constant(id) && !is_input(id)) {
    fail(ErrorCode::usage, "{} is neither a constant nor an input of the graph", bytes_of(name));
  }
  const ir::Sources sources = graph_.value(id).sources;
  graph_.set_constant(id, to_tensor(array, "constant " + bytes_of(name)), sources);
  std::erase(graph_.inputs, id);
  edited_ = true;
}

void Graph::replace_uses(const py::str& from, const py::str& to) {
  const ir::ValueId old = value_id(from);
  const ir::ValueId replacement = value_id(to);
  if (is_output(old)) {
    fail(ErrorCode::usage, "{} is an output of the graph; remove_output and add_output change it",
         bytes_of(from));
  }
  graph_.replace_uses(old, replacement);
  edited_ = true;
}

void Graph::add_output(const py::str& name) {
  const ir::ValueId id = value_id(name);
  if (is_output(id)) fail(ErrorCode::usage, "{} is an output already", bytes_of(name));
  graph_.outputs.push_back(id);
  edited_ = true;
}

void Graph::remove_output(const py::str& name) {
  const ir::ValueId id = value_id(name);
  if (!is_output(id)) fail(ErrorCode::usage, "{} is no output of the graph", bytes_of(name));
  if (graph_.outputs.size() == 1) {
    fail(ErrorCode::usage, "{} is the only output of the graph; add another first", bytes_of(name));
  }
  std::erase(graph_.outputs, id);
  edited_ = true;
}

}  // namespace strata::python
