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

/// A vector of one entry per channel as (C, 1, ...), which broadcasts over the axes after C.
ir::ValueId as_column(NodeContext& node, ir::ValueId vector) {
  std::vector<std::int64_t> column(node.type(0).shape.size() - 1, 1);
  column[0] = -1;
  return node.intermediate("Reshape", {vector, node.integers(column, "column")});
}

ir::ValueId scalar(NodeContext& node, float value, std::string_view what) {
  return node.constant(Tensor::scalar(value).cast(node.type(0).dtype), what);
}

// Statistics of this batch, over all axes but C:
//   y = (x - mean) / sqrt(var + epsilon) * scale + b
//   running = running_before * momentum + mean (or var) * (1 - momentum)
void emit_training(NodeContext& node, float epsilon, float momentum) {
  const DType type = node.type(0).dtype;
  const auto operand = [&](std::size_t i) {
    if (node.type(i).dtype == type) return node.input(i);
    return node.intermediate("Cast", {node.input(i)}, {{"to", type}});
  };
  std::vector<std::int64_t> others{0};
  for (std::size_t axis = 2; axis < node.type(0).shape.size(); ++axis) {
    others.push_back(std::int64_t(axis));
  }
  const ir::ValueId axes = node.integers(others, "axes");
  const ir::ValueId mean = node.intermediate("ReduceMean", {node.input(0), axes});
  const ir::ValueId centered = node.intermediate("Sub", {node.input(0), mean});
  const ir::ValueId squares = node.intermediate("Mul", {centered, centered});
  const ir::ValueId variance = node.intermediate("ReduceMean", {squares, axes});
  const ir::ValueId guarded =
      node.intermediate("Add", {variance, scalar(node, epsilon, "epsilon")});
  const ir::ValueId deviation = node.intermediate("Sqrt", {guarded});
  const ir::ValueId normal = node.intermediate("Div", {centered, deviation});
  const ir::ValueId scaled = node.intermediate("Mul", {normal, as_column(node, operand(1))});
  node.emit_output(0, "Add", {scaled, as_column(node, operand(2))});

  const ir::ValueId statistics[] = {mean, variance};
  for (std::size_t i = 0; i < 2; ++i) {
    if (!node.wanted(1 + i)) continue;
    const ir::ValueId now = node.intermediate("Squeeze", {statistics[i], axes});
    const ir::ValueId old_part =
        node.intermediate("Mul", {operand(3 + i), scalar(node, momentum, "momentum")});
    const ir::ValueId new_part =
        node.intermediate("Mul", {now, scalar(node, 1 - momentum, "rest")});
    const ir::ValueId running = node.intermediate("Add", {old_part, new_part});
    node.emit_output(1 + i, "Cast", {running}, {{"to", node.type(3 + i).dtype}});
  }
}

}  // namespace

void convert_batch_normalization(NodeContext& node) {
  ir::Attributes a = node.attributes;
  const bool training =
      node.opset() < 7 ? a.integer("is_test", 0) == 0 : a.integer("training_mode", 0) != 0;
  const bool per_element =
      node.opset() < 9 && a.integer("spatial", 1) == 0 && node.type(0).shape.size() > 2;
  if (training) {
    if (per_element || node.type(0).shape.size() < 2) {
      fail(ErrorCode::unsupported,
           "it is in training mode on X of rank {} with spatial = {}; accepted in that mode: rank "
           "2 and more, spatial = 1",
           node.type(0).shape.size(), a.integer("spatial", 1));
    }
    emit_training(node, a.real("epsilon", 1e-5f), a.real("momentum", 0.9f));
    return;
  }
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
