// Normalisation and softmax.
#include "strata/formats/onnx/converters.hpp"

namespace strata::formats::onnx {
namespace {

// spatial = 0: statistics for each element of a sample, which broadcast over the batch alone.
//   y = (x - mean) / sqrt(var + epsilon) * scale + b
void emit_per_element(NodeContext& node, float epsilon) {
  const Tensor e = Tensor::scalar(epsilon).cast(node.type(0).dtype);
  const ir::ValueId variance =
      node.intermediate("Add", {node.input(4), node.constant(e, "epsilon")});
  const ir::ValueId deviation = node.intermediate("Sqrt", {variance});
  const ir::ValueId centered = node.intermediate("Sub", {node.input(0), node.input(3)});
  const ir::ValueId normal = node.intermediate("Div", {centered, deviation});
  const ir::ValueId scaled = node.intermediate("Mul", {normal, node.input(1)});
  node.emit("Add", {scaled, node.input(2)}, {}, 1);
}

}  // namespace

void convert_batch_normalization(NodeContext& node) {
  ir::Attributes a = node.attributes;
  const bool training =
      node.opset() < 7 ? a.integer("is_test", 0) == 0 : a.integer("training_mode", 0) != 0;
  if (training) {
    fail(ErrorCode::unsupported, "it is in training mode; Strata imports networks for inference");
  }
  const bool per_element =
      node.opset() < 9 && a.integer("spatial", 1) == 0 && node.type(0).shape.size() > 2;
  for (const char* name : {"is_test", "training_mode", "spatial", "consumed_inputs", "momentum"}) {
    a.erase(name);
  }
  if (per_element) {
    emit_per_element(node, a.real("epsilon", 1e-5f));
    return;
  }
  // Outputs after the first are the statistics of training.
  node.emit("BatchNormalization", {node.all_inputs().begin(), node.all_inputs().end()}, a, 1);
}

// Before opset 13 the input was taken as a matrix: axes from `axis` on formed one row.
void convert_coerced_softmax(NodeContext& node) {
  const SymbolicShape shape = node.type(0).shape;
  const auto rank = std::int64_t(shape.size());
  std::int64_t axis = node.attributes.integer("axis", 1);
  if (axis < -rank || axis > rank) {
    fail(ErrorCode::model, "axis {} of an input of rank {}", axis, rank);
  }
  if (axis < 0) axis += rank;
  // One axis of the row is longer than 1: the row is that axis.
  std::int64_t longest = -1;
  int long_axes = 0;
  for (std::int64_t i = axis; i < rank; ++i) {
    if (shape[std::size_t(i)] == Dim(1)) continue;
    longest = i;
    ++long_axes;
  }
  if (long_axes == 0 && axis < rank) longest = axis;
  if (long_axes <= 1 && longest >= 0) {
    node.emit(node.op(), {node.input(0)}, {{"axis", longest}});
    return;
  }
  const ir::ValueId extents = node.intermediate("Shape", {node.input(0)});
  const ir::ValueId rows = node.intermediate("Flatten", {node.input(0)}, {{"axis", axis}});
  const ir::ValueId normal = node.intermediate(node.op(), {rows}, {{"axis", std::int64_t(1)}});
  node.emit("Reshape", {normal, extents}, {});
}

void convert_group_normalization(NodeContext&) {
  fail(ErrorCode::unsupported,
       "before opset 21 ONNX defined it with one scale per group and withdrew that definition");
}

}  // namespace strata::formats::onnx
