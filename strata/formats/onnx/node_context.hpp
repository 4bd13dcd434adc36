#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/formats/onnx/tensor.hpp"
#include "strata/formats/onnx/wire.hpp"
#include "strata/ir/builder.hpp"

namespace strata::formats::onnx {

/// One node of the file while it is translated: its operands as values of the graph, its
/// attributes, and `emit`, which binds its outputs.
class NodeContext {
 public:
  struct Place {
    std::string_view op;
    std::string name;
    ir::Sources sources;
    std::int64_t opset = 0;
    std::vector<ir::ValueId> inputs;   ///< no_value: omitted; none at the end
    std::vector<ir::ValueId> outputs;  ///< no_value: omitted; none at the end
    std::vector<bool> used;            ///< of each output: something reads it
  };
  NodeContext(ir::Graph& graph, Place place, ir::Attributes attributes);

  std::string_view op() const { return place_.op; }
  std::int64_t opset() const { return place_.opset; }
  /// As the file has it, or invented from the op and an output.
  std::string_view name() const { return place_.name; }
  /// As the file states them; converters take out what the present op no longer has.
  ir::Attributes attributes;

  std::size_t inputs() const { return place_.inputs.size(); }
  std::size_t outputs() const { return place_.outputs.size(); }
  bool has_input(std::size_t i) const { return i < inputs() && place_.inputs[i] != ir::no_value; }
  /// Throws model if the input is omitted.
  ir::ValueId input(std::size_t i) const;
  const ir::TensorType& type(std::size_t i) const;
  /// The elements of an input, if it is a constant.
  std::optional<Tensor> constant_input(std::size_t i) const;
  std::span<const ir::ValueId> all_inputs() const { return place_.inputs; }
  /// Something reads this output.
  bool wanted(std::size_t output) const;

  /// A node whose result only the converter uses, and constants; `what` completes the name.
  ir::ValueId intermediate(std::string_view op, std::vector<ir::ValueId> inputs,
                           ir::Attributes attributes = {});
  std::vector<ir::ValueId> intermediates(std::string_view op, std::vector<ir::ValueId> inputs,
                                         int outputs, ir::Attributes attributes = {});
  ir::ValueId constant(Tensor tensor, std::string_view what);
  ir::ValueId integers(std::span<const std::int64_t> values, std::string_view what);

  /// For what takes several nodes; they get names of their own.
  ir::Builder& builder() { return builder_; }

  /// The node that computes this node's outputs; one per converter, or else `emit_output` for each.
  /// `outputs` of them, all by default; more are refused if something reads them.
  void emit(std::string_view op, std::vector<ir::ValueId> inputs, ir::Attributes attributes);
  void emit(std::string_view op, std::vector<ir::ValueId> inputs, ir::Attributes attributes,
            std::size_t outputs);
  /// The node that computes one output alone; none if the file does not name that output.
  void emit_output(std::size_t output, std::string_view op, std::vector<ir::ValueId> inputs,
                   ir::Attributes attributes = {});
  /// The output is this constant.
  void emit_constant(Tensor tensor);
  /// Throws unsupported if something reads an output that was not emitted.
  void check_outputs() const;

 private:
  void bind(std::string_view op, std::vector<ir::ValueId> inputs, std::vector<ir::ValueId> results,
            ir::Attributes attributes);

  ir::Graph& graph_;
  Place place_;
  ir::Builder builder_;
};

/// The attributes of a node of the file but its graphs; throws unsupported for sparse tensors and
/// types.
ir::Attributes read_attributes(const NodeProto& node, TensorReader& tensors);

}  // namespace strata::formats::onnx
