#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "strata/formats/tflite/file_writer.hpp"
#include "strata/formats/tflite/stored.hpp"
#include "strata/formats/tflite/values.hpp"
#include "strata/ir/graph.hpp"
#include "strata/ir/op.hpp"

namespace strata::formats::tflite {

/// The tensors that stand for the graph's values: in the graph's axis order (plain), or channels
/// last for what the graph holds as an image. The one that is missing is made by a TRANSPOSE.
class TensorForms {
 public:
  /// `signed_codes`: codes of u8 are written as i8, 128 less, for operators take i8 weights with i8
  /// activations only.
  TensorForms(const ir::Graph& graph, const Grids& grids, FileWriter& file, bool signed_codes)
      : graph_(graph), grids_(grids), file_(file), signed_codes_(signed_codes) {}

  std::int32_t get(ir::ValueId value, Layout layout);
  bool has(ir::ValueId value, Layout layout) const;
  /// A tensor for a result of the next operator.
  std::int32_t make(ir::ValueId value, Layout layout);
  /// The value is this tensor already.
  void alias(ir::ValueId value, Layout layout, std::int32_t tensor);
  /// A tensor like the value's, for what lies between two operators.
  std::int32_t make_between(ir::ValueId like, std::string_view suffix,
                            std::span<const std::int64_t> shape);

  /// An f32 constant that is stored in fewer bits, with its axes in another order, behind the
  /// DEQUANTIZE that decodes it.
  std::int32_t add_decoded(std::string_view name, Stored form, std::span<const int> axes);

  /// Extents; throws unsupported for symbols.
  std::vector<std::int64_t> shape(ir::ValueId value) const;
  /// An input or output of the graph, of the type it has there.
  std::int32_t add_input(ir::ValueId value);
  std::int32_t add_output(ir::ValueId value);
  /// Elements on a grid as the file is to have them.
  Tensor stored(const Tensor& elements, const Grid* grid) const;
  const Grid* stored_grid(DType type, const Grid* grid, Grid& scratch) const;
  DType stored_type(DType type, const Grid* grid) const;

 private:
  std::int32_t turned(std::int32_t source, ir::ValueId value, Layout to);
  std::string name_of(ir::ValueId value, Layout layout) const;

  const ir::Graph& graph_;
  const Grids& grids_;
  FileWriter& file_;
  bool signed_codes_;
  std::unordered_map<std::uint32_t, std::array<std::int32_t, 2>> forms_;  // by layout; -1: none
};

/// One node while it is written: an exporter adds the operators that compute its outputs.
class NodeWriter {
 public:
  NodeWriter(const ir::Graph& graph, const ir::Uses& uses, const Grids& grids, TensorForms& forms,
             FileWriter& file, std::vector<bool>& written)
      : graph_(graph), uses_(uses), grids_(grids), forms_(forms), file_(file), written_(written) {}
  void seek(ir::NodeId id);

  const ir::Node& node() const { return *node_; }
  const ir::Attributes& attributes() const { return node_->attributes; }
  const ir::Graph& graph() const { return graph_; }
  bool has_input(std::size_t i) const;
  ir::ValueId input(std::size_t i) const { return node_->inputs.at(i); }
  DType type(std::size_t i) const { return graph_.value(input(i)).type.dtype; }
  DType output_type() const { return graph_.value(node_->outputs.at(0)).type.dtype; }
  std::vector<std::int64_t> shape(std::size_t i) const { return forms_.shape(input(i)); }
  std::vector<std::int64_t> output_shape() const { return forms_.shape(node_->outputs.at(0)); }
  /// A constant operand's elements; throws unsupported for what a run computes.
  Tensor constant(std::size_t i, std::string_view what) const;
  std::vector<std::int64_t> integers(std::size_t i, std::string_view what) const;
  const Grid* grid(std::size_t i) const { return grids_.find(input(i)); }
  const Grid* output_grid() const { return grids_.find(node_->outputs.at(0)); }

  std::int32_t tensor(std::size_t i, Layout layout) { return forms_.get(input(i), layout); }
  /// Images if the operand is at hand as one only.
  Layout at_hand(std::size_t i) const;
  /// Constants of the exporter's own.
  std::int32_t own(std::string_view suffix, const Tensor& elements, const Grid* grid = nullptr,
                   int channel_axis = 0);
  /// A constant operand's elements with their axes in another order, as the model stores them.
  std::int32_t own_weights(std::size_t i, std::span<const int> axes, int channel_axis);
  std::int32_t own_integers(std::string_view suffix, std::span<const std::int64_t> values);
  TensorForms& forms() { return forms_; }
  const TensorForms& forms() const { return forms_; }
  FileWriter& file() { return file_; }
  flatbuffers::FlatBufferBuilder& builder() { return file_.builder(); }

  /// The operator that computes the first output.
  void emit(schema::BuiltinOperator op, std::vector<std::int32_t> inputs, Layout layout,
            OptionsRow options = {});
  /// The same for an operator whose result has this grid whatever the node says: a QUANTIZE brings
  /// it to the node's. Null: any grid.
  void emit_on(const Grid* grid, schema::BuiltinOperator op, std::vector<std::int32_t> inputs,
               Layout layout, OptionsRow options = {});
  /// Takes the activation behind the node into it, if the file has a word for it: emit then
  /// computes what the activation does. Call before options are made.
  schema::Activation take_activation();
  /// Takes the only reader of the result into the node, if all it does is to give the result this
  /// shape.
  bool take_reshape(std::span<const std::int64_t> shape);
  /// What is computed: the node's output, or its activation's.
  ir::ValueId result() const { return result_; }

 private:
  const ir::Graph& graph_;
  const ir::Uses& uses_;
  const Grids& grids_;
  TensorForms& forms_;
  FileWriter& file_;
  std::vector<bool>& written_;
  const ir::Node* node_ = nullptr;
  ir::ValueId result_ = ir::no_value;
};

/// The place of one of an image's four axes, counted in the graph's order, in the file's.
std::int64_t image_place(std::int64_t axis);

/// Aliases the result to the operand.
void export_identity(NodeWriter& writer);

/// Writes one node; throws unsupported for forms of the op that the file cannot say.
using Exporter = void (*)(NodeWriter&);
/// Null: no exporter for the op.
Exporter find_exporter(const ir::Node& node);

}  // namespace strata::formats::tflite
