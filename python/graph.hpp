#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "python/inference_session.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/model_info.hpp"
#include "strata/ir/graph.hpp"
#include "strata/runtime/packing.hpp"

namespace strata::python {

/// A graph to look at and to edit by names, and what its file said of itself. An edit checks what
/// it touches; types are inferred anew, and the whole is verified, when something next asks for
/// them.
class Graph {
 public:
  explicit Graph(ir::Graph graph, formats::ModelInfo info = {});
  explicit Graph(formats::Model model);

  /// Throw as formats::load does. Without the GIL.
  static std::shared_ptr<Graph> load(const std::string& path, const std::string& arithmetic,
                                     bool literal);
  static std::shared_ptr<Graph> from_bytes(const pybind11::bytes& content,
                                           const std::string& arithmetic, bool literal);
  static std::shared_ptr<Graph> from_text(const std::string& text);

  std::vector<NodeArg> inputs();
  std::vector<NodeArg> outputs();
  NodeArg value(const pybind11::str& name);
  std::vector<pybind11::str> constants() const;
  pybind11::array constant(const pybind11::str& name) const;
  std::vector<pybind11::str> states() const;
  pybind11::str name() const;
  void set_name(const pybind11::str& name);
  pybind11::dict info() const;

  // Nodes, by name.
  std::vector<pybind11::str> node_names() const;
  bool has_node(const pybind11::str& name) const;
  std::string op(const pybind11::str& node) const;
  /// None where an operand is omitted.
  pybind11::list operands(const pybind11::str& node) const;
  pybind11::list results(const pybind11::str& node) const;
  std::vector<pybind11::str> sources(const pybind11::str& node) const;
  std::vector<std::string> attribute_names(const pybind11::str& node) const;
  pybind11::object attribute(const pybind11::str& node, const std::string& name) const;

  // Edits.
  void set_attribute(const pybind11::str& node, const std::string& name,
                     const pybind11::object& value);
  void erase_attribute(const pybind11::str& node, const std::string& name);
  void set_operands(const pybind11::str& node, const std::vector<pybind11::object>& names);
  void rename_node(const pybind11::str& from, const pybind11::str& to);
  void rename(const pybind11::str& from, const pybind11::str& to);
  void add_node(const std::string& op, const std::vector<pybind11::object>& operands,
                const std::vector<pybind11::object>& results, const pybind11::dict& attributes,
                const pybind11::str& name);
  /// Uses of the node's result become uses of `by`; None: of its only operand that is no constant.
  void remove_node(const pybind11::str& name, const pybind11::object& by);
  void add_constant(const pybind11::str& name, const pybind11::object& array);
  /// A constant gets these elements; an input of the graph becomes a constant.
  void set_constant(const pybind11::str& name, const pybind11::object& array);
  void replace_uses(const pybind11::str& from, const pybind11::str& to);
  void add_output(const pybind11::str& name);
  void remove_output(const pybind11::str& name);

  /// Infers and verifies if there were edits.
  void check();
  /// Runs passes: all but those off, or those named, in that order. Dicts of what each did.
  pybind11::list optimize(const std::vector<std::string>& off, bool check_results);
  pybind11::list run_passes(const std::vector<std::string>& names, bool check_results);

  pybind11::str to_text(bool constants);
  void save_text(const std::string& path);
  void save_container(const std::string& path);
  void save_onnx(const std::string& path, int opset, bool external_data);
  pybind11::bytes onnx_bytes(int opset);

  std::shared_ptr<Graph> copy() const { return std::make_shared<Graph>(*this); }
  bool identical_to(Graph& other);
  /// Checked, without what nothing uses.
  ir::Graph compacted();
  /// As it is; leaves an empty one.
  ir::Graph take() { return std::move(graph_); }
  /// What its file says of itself, and weights that are packed there.
  const formats::ModelInfo& file_info() const { return info_; }
  const std::shared_ptr<runtime::PackedStore>& packed() const { return packed_; }

 private:
  ir::ValueId value_id(const pybind11::str& name) const;
  ir::NodeId node_id(const pybind11::str& name) const;
  ir::ValueId operand(const pybind11::object& name) const;
  void expect_free(const std::string& name) const;
  bool is_input(ir::ValueId id) const;
  bool is_output(ir::ValueId id) const;
  NodeArg describe(ir::ValueId id) const;
  void replace_result(ir::NodeId node, ir::ValueId result, ir::ValueId by);

  ir::Graph graph_;
  formats::ModelInfo info_;
  std::shared_ptr<runtime::PackedStore> packed_;
  bool edited_ = false;
};

/// Names and summaries of all passes, in the order of the pipeline.
pybind11::list pass_list();

}  // namespace strata::python
