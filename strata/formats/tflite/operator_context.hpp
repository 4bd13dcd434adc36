#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/formats/tflite/values.hpp"

namespace strata::formats::tflite {

namespace schema {
enum class Activation : std::int8_t;
enum class Padding : std::int8_t;
}  // namespace schema

/// One operator of the file while it is translated: its operands, its options, and `emit`, which
/// binds its outputs. Inputs and outputs are counted as the file counts them.
class OperatorContext {
 public:
  OperatorContext(const Model& model, const OperatorInfo& info, Values& values, ir::Graph& graph,
                  Arithmetic mode);

  std::string op() const { return op_name(info_); }
  std::size_t inputs() const { return info_.inputs.size(); }
  std::size_t outputs() const { return info_.outputs.size(); }
  bool has_input(std::size_t i) const { return i < inputs() && info_.inputs[i] >= 0; }
  /// Throws model if the input is omitted.
  ir::ValueId input(std::size_t i, Layout layout = Layout::plain) const;
  DType type(std::size_t i) const;
  DType output_type(std::size_t i = 0) const;
  /// Extents in the file's axis order; throws unsupported for those that only a run tells.
  std::vector<std::int64_t> shape(std::size_t i) const;
  int rank(std::size_t i) const;
  std::string input_name(std::size_t i) const;
  /// The file has its elements: known even to those who compute no shapes before a run.
  bool is_stored(std::size_t i) const { return values_.info(input_tensor(i)).is_constant; }

  /// The form that need not be made: an image where the input is at hand as one only.
  Layout at_hand(std::size_t i) const;
  /// The same for several operands that must agree (broadcast or joined); images if one of them is
  /// at hand as an image only, and all others can be had as images.
  Layout at_hand_all() const;
  /// An operand of an op that broadcasts: of four axes if it is to be an image.
  ir::ValueId broadcast_input(std::size_t i, Layout layout);
  /// The place of an axis in the layout; negative ones count from the end.
  std::int64_t axis_in(Layout layout, std::int64_t axis, int rank) const;

  /// The elements of a constant, in the file's axis order.
  std::optional<Tensor> constant_input(std::size_t i) const;
  /// Integers known without a run; throws unsupported naming the operand.
  std::vector<std::int64_t> integers(std::size_t i, std::string_view what) const;
  /// The input as i64.
  ir::ValueId index_input(std::size_t i);

  /// Integers that stand for real numbers: it has a scale.
  bool is_quantized(std::size_t i) const;
  bool is_output_quantized(std::size_t i = 0) const;
  /// Throws model unless there is one scale; `axis`: or one for each entry of this axis (the
  /// file's import warns where it names another).
  Quantization quantization(std::size_t i, std::optional<int> axis = std::nullopt) const;
  Quantization output_quantization(std::size_t i = 0) const;
  bool same_quantization(std::size_t i, std::size_t output = 0) const;
  /// Scale and zero point of an operand as constants, two operands of the graph's integer ops.
  void append_quantized(std::vector<ir::ValueId>& operands, std::size_t i, Layout layout);
  void append_parameters(std::vector<ir::ValueId>& operands, const Quantization& quantization,
                         DType type);
  void append_output_parameters(std::vector<ir::ValueId>& operands, std::size_t i = 0);
  /// An operand as floats: what is quantized is brought to them, as the reference kernels do.
  ir::ValueId real_input(std::size_t i, Layout layout);
  /// A float result on the output's grid, if it has one: for ops of integers that the graph has
  /// not.
  void emit_real(std::string_view op, std::vector<ir::ValueId> inputs, ir::Attributes attributes,
                 Layout layout, schema::Activation activation = {});
  /// The word for the attribute of integer ops; `delegated`: XNNPACK takes the operator.
  std::string arithmetic(bool delegated) const;

  /// The operator's options; defaults where the file has none. Throws model for those of another.
  template <class T>
  const T& options() const;
  std::span<const std::byte> custom_options() const;
  std::span<const std::int32_t> intermediates() const { return info_.intermediates; }
  const Model& model() const { return model_; }
  Values& values() const { return values_; }
  std::int32_t input_tensor(std::size_t i) const;
  std::int32_t output_tensor(std::size_t i) const;

  ir::Builder& builder() { return builder_; }
  /// A node whose result only the converter uses, and constants.
  ir::ValueId node(std::string_view op, std::vector<ir::ValueId> inputs,
                   ir::Attributes attributes = {});
  ir::ValueId constant(Tensor tensor);
  ir::ValueId integer_list(std::vector<std::int64_t> values);
  /// A scalar of this type.
  ir::ValueId number(DType type, double value);
  ir::ValueId reshaped(ir::ValueId x, std::vector<std::int64_t> shape);
  const ir::TensorType& type_of(ir::ValueId id) const { return graph_.value(id).type; }

  /// The node that computes an output.
  void emit(std::string_view op, std::vector<ir::ValueId> inputs, ir::Attributes attributes = {},
            Layout layout = Layout::plain, std::size_t output = 0);
  /// The same with the operator's fused activation behind it.
  void emit_activated(schema::Activation activation, std::string_view op,
                      std::vector<ir::ValueId> inputs, ir::Attributes attributes = {},
                      Layout layout = Layout::plain);
  /// An output is a value with an activation behind it.
  void emit_activation(schema::Activation activation, ir::ValueId x, Layout layout);
  ir::ValueId activated(schema::Activation activation, ir::ValueId x);
  /// What a fused activation leaves of the first output's numbers; nothing if that is all of them.
  struct Bounds {
    double low, high;
  };
  std::optional<Bounds> activation_bounds(schema::Activation activation) const;
  /// An output is what this value is already.
  void emit_value(ir::ValueId value, Layout layout = Layout::plain, std::size_t output = 0);
  void emit_constant(EncodedTensor constant, std::size_t output = 0);
  /// The value that a variable has from here on.
  void update(std::size_t input, ir::ValueId value);
  bool wants_output(std::size_t i) const { return i < outputs() && info_.outputs[i] >= 0; }

 private:
  /// The node that a fused activation becomes; nothing if it changes nothing.
  struct Follower {
    std::string_view op;
    std::vector<ir::ValueId> limits;
  };
  std::optional<Follower> follower(schema::Activation activation, DType type);
  std::string output_name(std::size_t output, Layout layout) const;

  const Model& model_;
  const OperatorInfo& info_;
  Values& values_;
  ir::Graph& graph_;
  Arithmetic mode_;
  std::string first_output_;
  ir::Builder builder_;
};

}  // namespace strata::formats::tflite
