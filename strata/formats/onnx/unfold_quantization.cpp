#include "strata/formats/onnx/unfold_quantization.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"

namespace strata::formats::onnx {
namespace {

using ir::Graph;
using ir::no_value;
using ir::Node;
using ir::NodeId;
using ir::ValueId;

/// How a node on integers is said with floats. Operands come as tensor, scale and zero point;
/// those of the result follow `operands` of them, or go before, where there are any number.
struct Form {
  std::string_view op;  // on integers
  std::string_view float_op;
  int operands;           // -1: any number, after the result's
  int channel_axis = -1;  // of the weight, operand 1; -1: there is none
  bool own_op = true;     // ONNX has no such op
};

constexpr Form forms[] = {
    {"QLinearConv", "Conv", 2, 0, false},
    {"QLinearMatMul", "MatMul", 2, -1, false},
    {"QLinearConvTranspose", "ConvTranspose", 2, 1},
    {"QLinearGemm", "Gemm", 2, 0},
    {"QLinearAdd", "Add", 2},
    {"QLinearMul", "Mul", 2},
    {"QLinearSub", "Sub", 2},
    {"QLinearPRelu", "PRelu", 2},
    {"QLinearConcat", "Concat", -1},
    {"QLinearAveragePool", "AveragePool", 1},
    {"QLinearReduceMean", "ReduceMean", 1},
    {"QLinearSigmoid", "Sigmoid", 1},
    {"QLinearTanh", "Tanh", 1},
    {"QLinearHardSwish", "HardSwish", 1},
    {"QLinearLeakyRelu", "LeakyRelu", 1},
    {"QLinearElu", "Elu", 1},
    {"QLinearExp", "Exp", 1},
    {"QLinearSoftmax", "Softmax", 1},
    {"QLinearIdentity", "Identity", 1},
};

const Form* find_form(const Node& node) {
  const auto form = std::ranges::find(forms, node.op->name, &Form::op);
  if (form == std::end(forms)) return nullptr;
  return node.op->domain == (form->own_op ? "strata" : "") ? &*form : nullptr;
}

class Unfolder {
 public:
  Unfolder(Graph& graph, bool narrow) : graph_(graph), uses_(graph), narrow_(narrow) {}

  std::size_t run() {
    const std::vector<NodeId> order(graph_.order().begin(), graph_.order().end());
    std::vector<NodeId> unfolded;
    for (const NodeId id : order) {
      const Form* form = find_form(graph_.node(id));
      if (form && form->operands > 0) {
        refuse_wide(graph_.node(id));
        refuse_scaled_softmax(graph_.node(id));
      }
      if (form && applies(graph_.node(id), *form)) {
        unfold(id, *form);
        unfolded.push_back(id);
      }
    }
    if (unfolded.empty()) return 0;
    graph_.sort();
    graph_.compact();
    ir::infer_types(graph_);
    return unfolded.size();
  }

 private:
  struct Grid {
    ValueId scale, zero_point;
    auto operator<=>(const Grid&) const = default;
  };

  const ir::TensorType& type(ValueId id) const { return graph_.value(id).type; }

  std::size_t bias_at(const Form& form) const { return std::size_t(form.operands) * 3 + 2; }
  bool has_bias(const Node& node, const Form& form) const {
    return form.channel_axis >= 0 && node.inputs.size() > bias_at(form) &&
           node.inputs[bias_at(form)] != no_value;
  }

  /// Reading takes codes of 8 bits only.
  void refuse_wide(const Node& node) const {
    const DType dtype = type(node.inputs[0]).dtype;
    if (dtype != DType::i16 && dtype != DType::u16) return;
    fail(ErrorCode::unsupported, "{}: activations of {} have no form in ONNX", ir::describe(node),
         to_string(dtype));
  }
  void refuse_scaled_softmax(const Node& node) const {
    if (node.op->name != "QLinearSoftmax" || node.attributes.real("beta", 1) == 1) return;
    fail(ErrorCode::unsupported, "{}: beta {} has no form in ONNX; accepted: 1", ir::describe(node),
         node.attributes.real("beta", 1));
  }

  /// Ops that ONNX has go out as they are unless reading the file would fold them again.
  bool applies(const Node& node, const Form& form) const {
    const auto constant = [&](ValueId id) { return id == no_value || graph_.is_constant(id); };
    if (has_bias(node, form) && (!graph_.is_constant(node.inputs[bias_at(form)]) ||
                                 type(node.inputs[bias_at(form)]).dtype != DType::i32)) {
      return false;
    }
    if (form.own_op) return !node.inputs.empty() && scales_are_constant(node);
    const DType result = type(node.outputs[0]).dtype;
    if (result != DType::i8 && result != DType::u8) return false;
    const bool fixed = std::all_of(node.inputs.begin() + 1, node.inputs.end(), [&](ValueId id) {
      return constant(id) || id == node.inputs[3];
    });
    if (!fixed || graph_.value(node.inputs[1]).constant->shape.elements() != 1) return false;
    if (form.channel_axis < 0) return true;
    return graph_.is_constant(node.inputs[3]) &&
           type(node.inputs[4]).shape == type(node.inputs[5]).shape;
  }

  bool scales_are_constant(const Node& node) const {
    return std::ranges::all_of(node.inputs, [&](ValueId id) {
      return id == no_value || type(id).dtype != DType::f32 || graph_.is_constant(id);
    });
  }

  /// The numbers of a tensor of codes; shared by all who read it.
  ValueId numbers(ValueId codes, Grid grid, int axis, const ir::Sources& sources) {
    const std::tuple key(codes, grid, axis);
    if (const auto known = numbers_.find(key); known != numbers_.end()) return known->second;
    ir::Builder builder(graph_, sources);
    ir::Attributes attributes;
    const bool per_channel = graph_.value(grid.scale).type.shape.size() == 1 &&
                             graph_.value(grid.scale).type.shape[0] != Dim(1);
    if (per_channel && axis != 1) attributes.set("axis", std::int64_t(axis));
    if (grid.zero_point != no_value && type(grid.zero_point).shape != type(grid.scale).shape) {
      grid.zero_point = spread(builder, grid);
    }
    const std::string name = graph_.value(codes).name;
    if (narrow_ && fits_four_bits(codes) &&
        (grid.zero_point == no_value || fits_four_bits(grid.zero_point))) {
      codes = narrowed(codes);
      if (grid.zero_point != no_value) grid.zero_point = narrowed(grid.zero_point);
    }
    const ValueId result =
        builder.op("DequantizeLinear", {codes, grid.scale, grid.zero_point}, std::move(attributes));
    graph_.rename(result, name + "_f");
    numbers_.emplace(key, result);
    return result;
  }

  bool fits_four_bits(ValueId id) const {
    if (!graph_.is_constant(id) || type(id).dtype != DType::i8 || uses_.count(id) != 1) {
      return false;
    }
    const Tensor codes = graph_.value(id).constant->decode();
    return std::ranges::all_of(codes.data<std::int8_t>(),
                               [](std::int8_t code) { return code >= -8 && code <= 7; });
  }
  ValueId narrowed(ValueId id) {
    ir::Value& value = graph_.value(id);
    value.constant = EncodedTensor(value.constant->decode().cast(DType::i4));
    value.type.dtype = DType::i4;
    return id;
  }

  /// A zero point for each scale.
  ValueId spread(ir::Builder& builder, Grid grid) {
    const Tensor zero = graph_.value(grid.zero_point).constant->decode();
    const Shape shape = graph_.value(grid.scale).constant->shape;
    Tensor all = Tensor::zeros(DType::i64, shape);
    std::ranges::fill(all.mutable_data<std::int64_t>(), zero.to_int64()[0]);
    return builder.constant(all.cast(zero.dtype()));
  }

  void unfold(NodeId id, const Form& form) {
    const Node node = graph_.node(id);  // a copy: the node becomes the QuantizeLinear
    const auto& in = node.inputs;
    const bool any = form.operands < 0;
    const std::size_t result_at = any ? 0 : std::size_t(form.operands) * 3;
    std::vector<ValueId> operands;
    const std::size_t end = any ? in.size() : result_at;
    for (std::size_t i = any ? 2 : 0; i + 3 <= end; i += 3) {
      const bool weight = form.channel_axis >= 0 && i == 3;
      operands.push_back(numbers(in[i], {in[i + 1], in[i + 2]},
                                 weight ? form.channel_axis : last_axis(in[i]), node.sources));
    }
    if (has_bias(node, form)) operands.push_back(bias(node, form));
    ir::Builder builder(graph_, node.sources);
    graph_.rename(id, node.name + "_QuantizeLinear");
    const ValueId result = float_node(builder, node, form, std::move(operands));
    graph_.rename(result, graph_.value(node.outputs[0]).name + "_f");
    Node& quantize = graph_.node(id);
    quantize.op = &ir::find_op("QuantizeLinear");
    quantize.attributes = {};
    const std::string arithmetic = node.attributes.string("arithmetic", "onnx");
    if (arithmetic != "onnx") quantize.attributes.set("arithmetic", arithmetic);
    quantize.inputs = {result, in[result_at], in[result_at + 1]};
  }

  int last_axis(ValueId id) const { return int(type(id).shape.size()) - 1; }

  ValueId float_node(ir::Builder& builder, const Node& node, const Form& form,
                     std::vector<ValueId> operands) {
    ir::Attributes attributes = node.attributes;
    attributes.erase("arithmetic");
    if (form.op == "QLinearSoftmax") attributes.erase("beta");
    if (form.op == "QLinearGemm") attributes.set("transB", std::int64_t(1));
    if (form.op != "QLinearReduceMean") {
      return builder.op(form.float_op, std::move(operands), std::move(attributes), node.name);
    }
    if (is_global(node)) return builder.op("GlobalAveragePool", operands, {}, node.name);
    operands.push_back(builder.integers(attributes.integers("axes")));
    return builder.op("ReduceMean", std::move(operands),
                      {{"keepdims", attributes.integer("keepdims", 1)}}, node.name);
  }

  /// The mean over all spatial axes, which stay.
  bool is_global(const Node& node) const {
    const auto rank = std::int64_t(type(node.inputs[0]).shape.size());
    std::vector<std::int64_t> spatial;
    for (std::int64_t i = 2; i < rank; ++i) spatial.push_back(i);
    return rank > 2 && node.attributes.integers("axes") == spatial &&
           node.attributes.integer("keepdims", 1) == 1;
  }

  /// The bias counts in products of the scales, as the sums do.
  ValueId bias(const Node& node, const Form& form) {
    const ValueId codes = node.inputs[bias_at(form)];
    const float of_input = graph_.value(node.inputs[1]).constant->decode().to_float()[0];
    const Tensor of_weight = graph_.value(node.inputs[4]).constant->decode();
    const std::int64_t channels = graph_.value(codes).constant->shape.elements();
    std::vector<float> steps;
    for (const float scale : of_weight.to_float()) steps.push_back(of_input * scale);
    const bool single = steps.size() == 1 && channels != 1;
    ir::Builder builder(graph_, node.sources);
    const ValueId scale = builder.constant(
        Tensor::from<float>(single ? Shape{} : Shape{channels}, std::span<const float>(steps)),
        graph_.value(codes).name + "_scale");
    const ir::Attributes axis{{"axis", std::int64_t(0)}};
    const ValueId result =
        builder.op("DequantizeLinear", {codes, scale}, single ? ir::Attributes() : axis);
    graph_.rename(result, graph_.value(codes).name + "_f");
    return result;
  }

  Graph& graph_;
  const ir::Uses uses_;
  const bool narrow_;
  std::map<std::tuple<ValueId, Grid, int>, ValueId> numbers_;
};

}  // namespace

std::size_t unfold_quantization(Graph& graph, bool narrow) { return Unfolder(graph, narrow).run(); }

}  // namespace strata::formats::onnx
