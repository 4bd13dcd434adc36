// Forms that ONNX gave up by opset 7, and element types that are stated in other ways.
#include "strata/formats/onnx/converters.hpp"
#include "strata/formats/onnx/element_type.hpp"

namespace strata::formats::onnx {
namespace {

std::vector<ir::ValueId> inputs_of(const NodeContext& node) {
  return {node.all_inputs().begin(), node.all_inputs().end()};
}

// Appends `count` axes of extent 1 to a value of rank `rank`.
ir::ValueId append_axes(NodeContext& node, ir::ValueId value, std::size_t rank, std::size_t count) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < count; ++i) axes.push_back(std::int64_t(rank + i));
  return node.intermediate("Unsqueeze", {value, node.integers(axes, "axes")});
}

}  // namespace

// With broadcast = 1 the second operand lined up with the axes of the first from `axis` on.
void convert_limited_broadcast(NodeContext& node) {
  node.attributes.erase("consumed_inputs");
  const auto rank = std::int64_t(node.type(0).shape.size());
  const auto inner = std::int64_t(node.type(1).shape.size());
  ir::ValueId second = node.input(1);
  if (node.attributes.integer("broadcast", 0) != 0 && node.attributes.has("axis")) {
    std::int64_t axis = node.attributes.integer("axis", 0);
    if (axis < 0) axis += rank;
    const std::int64_t trailing = rank - axis - inner;
    if (axis < 0 || trailing < 0) {
      fail(ErrorCode::model, "axis {}: operands of rank {} and {} do not line up",
           node.attributes.integer("axis", 0), rank, inner);
    }
    if (trailing > 0) {
      second = append_axes(node, second, std::size_t(inner), std::size_t(trailing));
    }
  } else if (node.attributes.integer("broadcast", 0) == 0 &&
             node.type(0).shape != node.type(1).shape) {
    fail(ErrorCode::model, "shapes {} and {} differ and broadcast is not set",
         to_string(node.type(0).shape), to_string(node.type(1).shape));
  }
  node.attributes.erase("broadcast");
  node.attributes.erase("axis");
  node.emit(node.op(), {node.input(0), second}, node.attributes);
}

// A slope with one element per channel belongs to axis 1.
void convert_channel_prelu(NodeContext& node) {
  node.attributes.erase("consumed_inputs");
  const std::size_t rank = node.type(0).shape.size();
  ir::ValueId slope = node.input(1);
  if (node.type(1).shape.size() == 1 && rank > 2) slope = append_axes(node, slope, 1, rank - 2);
  node.emit("PRelu", {node.input(0), slope}, node.attributes);
}

void convert_gemm_broadcast(NodeContext& node) {
  node.attributes.erase("broadcast");
  node.emit("Gemm", inputs_of(node), node.attributes);
}

void convert_concat_default_axis(NodeContext& node) {
  node.attributes.set("axis", node.attributes.integer("axis", 1));
  node.emit("Concat", inputs_of(node), node.attributes);
}

// The defaults had five digits.
void convert_selu_defaults(NodeContext& node) {
  node.attributes.erase("consumed_inputs");
  node.attributes.set("alpha", node.attributes.real("alpha", 1.6732f));
  node.attributes.set("gamma", node.attributes.real("gamma", 1.0507f));
  node.emit("Selu", inputs_of(node), node.attributes);
}

void convert_scatter(NodeContext& node) {
  node.emit("ScatterElements", inputs_of(node), node.attributes);
}

// Inputs were the number of copies and the axis, both one number.
void convert_tile_axis(NodeContext&) {
  fail(ErrorCode::unsupported, "Tile before opset 6 is not supported; accepted: opset 6 and later");
}

// Whether the sequence is wanted is told by whether its output is named.
void convert_output_sequence(NodeContext& node) {
  node.attributes.erase("output_sequence");
  node.emit(node.op(), inputs_of(node), node.attributes);
}

// The element type by its name, as the enumerator of TensorProto.DataType.
void convert_cast_by_name(NodeContext& node) {
  node.attributes.set("to", element_type(node.attributes.string("to", "")));
  node.emit("Cast", inputs_of(node), node.attributes);
}

// 0, the undefined element type, is what leaves a type to the operands.
void convert_stated_types(NodeContext& node) {
  for (const std::string_view name : {"output_dtype", "precision"}) {
    if (node.attributes.integer(name, 0) == 0) node.attributes.erase(name);
  }
  node.emit(node.op(), inputs_of(node), node.attributes);
}

// The order of the norm was a float; only whole ones had a meaning that lasted.
void convert_real_p(NodeContext& node) {
  const float p = node.attributes.real("p", 2);
  if (!(p >= 1 && p <= 64) || p != float(int(p))) {
    fail(ErrorCode::unsupported, "p is {}; accepted: whole numbers from 1 to 64", p);
  }
  node.attributes.set("p", std::int64_t(p));
  node.emit(node.op(), inputs_of(node), node.attributes);
}

}  // namespace strata::formats::onnx
