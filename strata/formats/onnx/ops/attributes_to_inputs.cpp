// Parameters that were attributes once and are inputs today.
#include "strata/formats/onnx/converters.hpp"

namespace strata::formats::onnx {
namespace {

// Moves an attribute into a constant; no_value if it is absent.
ir::ValueId integers_input(NodeContext& node, std::string_view name) {
  if (!node.attributes.has(name)) return ir::no_value;
  const ir::ValueId value = node.integers(node.attributes.integers(name), name);
  node.attributes.erase(name);
  return value;
}

// A scalar of the type of input 0, which these ops require of their bounds.
ir::ValueId real_input(NodeContext& node, std::string_view name) {
  if (!node.attributes.has(name)) return ir::no_value;
  const Tensor value = Tensor::scalar(node.attributes.real(name, 0)).cast(node.type(0).dtype);
  node.attributes.erase(name);
  return node.constant(value, name);
}

void emit_same_op(NodeContext& node, std::vector<ir::ValueId> inputs) {
  while (!inputs.empty() && inputs.back() == ir::no_value) inputs.pop_back();
  node.emit(node.op(), std::move(inputs), node.attributes);
}

}  // namespace

void convert_axes_attribute(NodeContext& node) {
  emit_same_op(node, {node.input(0), integers_input(node, "axes")});
}

void convert_slice_attributes(NodeContext& node) {
  const ir::ValueId starts = integers_input(node, "starts");
  const ir::ValueId ends = integers_input(node, "ends");
  emit_same_op(node, {node.input(0), starts, ends, integers_input(node, "axes")});
}

void convert_pad_attributes(NodeContext& node) {
  const ir::ValueId pads = integers_input(node, node.opset() < 2 ? "paddings" : "pads");
  emit_same_op(node, {node.input(0), pads, real_input(node, "value")});
}

void convert_clip_attributes(NodeContext& node) {
  node.attributes.erase("consumed_inputs");
  const ir::ValueId low = real_input(node, "min");
  emit_same_op(node, {node.input(0), low, real_input(node, "max")});
}

void convert_reshape_attribute(NodeContext& node) {
  node.attributes.erase("consumed_inputs");
  emit_same_op(node, {node.input(0), integers_input(node, "shape")});
}

void convert_split(NodeContext& node) {
  ir::ValueId sizes = integers_input(node, "split");
  if (node.has_input(1)) sizes = node.input(1);
  if (sizes == ir::no_value) {
    node.attributes.set("num_outputs", std::int64_t(node.outputs()));
  }
  emit_same_op(node, {node.input(0), sizes});
}

void convert_topk_attribute(NodeContext& node) {
  const std::int64_t k = node.attributes.integer("k", 0);
  node.attributes.erase("k");
  emit_same_op(node, {node.input(0), node.integers(std::vector{k}, "k")});
}

void convert_dft_axis(NodeContext& node) {
  const std::int64_t axis = node.attributes.integer("axis", 1);
  node.attributes.erase("axis");
  const ir::ValueId length = node.has_input(1) ? node.input(1) : ir::no_value;
  emit_same_op(node, {node.input(0), length, node.constant(Tensor::scalar(axis), "axis")});
}

}  // namespace strata::formats::onnx
