#include "strata/formats/tflite/grids.hpp"

#include <algorithm>
#include <string_view>

#include "strata/base/error.hpp"
#include "strata/ir/op.hpp"

namespace strata::formats::tflite {
namespace {

/// Where an op has a tensor with scale and zero point behind it.
struct Triple {
  int tensor;
  int axis = 0;  ///< of the scales, where there are several
};
/// Operands of one integer op: tensors followed by scale and zero point, then those of the result.
struct Layout {
  std::string_view op;
  std::vector<Triple> operands;
  int result;  ///< of the scale
};

const std::vector<Layout>& layouts() {
  static const std::vector<Layout> rows = {
      {"QLinearConv", {{0}, {3, 0}}, 6},        {"strata.QLinearConvTranspose", {{0}, {3, 1}}, 6},
      {"strata.QLinearGemm", {{0}, {3, 0}}, 6}, {"QLinearMatMul", {{0}, {3}}, 6},
      {"strata.QLinearAdd", {{0}, {3}}, 6},     {"strata.QLinearSub", {{0}, {3}}, 6},
      {"strata.QLinearMul", {{0}, {3}}, 6},     {"strata.QLinearPRelu", {{0}, {3}}, 6},
      {"DequantizeLinear", {{0}}, -1},          {"QuantizeLinear", {}, 1},
      {"strata.QLinearLSTM", {{0}, {8}}, 13},
  };
  return rows;
}

}  // namespace

bool keeps_grid(const ir::Node& node) {
  constexpr std::string_view names[] = {
      "Clip",      "DepthToSpace", "Expand", "Flatten",      "Gather", "GatherND",     "Identity",
      "Max",       "MaxPool",      "Min",    "Pad",          "Relu",   "Reshape",      "Resize",
      "ReduceMax", "ReduceMin",    "Slice",  "SpaceToDepth", "Split",  "Squeeze",      "Tile",
      "TopK",      "Transpose",    "Concat", "Unsqueeze",    "Where",  "QLinearResize"};
  return std::ranges::count(names, node.op->name) != 0;
}

Grids::Grids(const ir::Graph& graph) : graph_(graph) {
  for (const ir::NodeId id : graph.order()) note_node(graph.node(id));
  // Both ways along movements, until nothing new is known.
  for (bool changed = true; changed;) {
    changed = false;
    for (const ir::NodeId id : graph.order()) changed |= pass_on(graph.node(id));
  }
}

const Grid* Grids::find(ir::ValueId value) const {
  const auto found = grids_.find(ir::index(value));
  return found == grids_.end() ? nullptr : &found->second;
}

Grid Grids::read(ir::ValueId scale, ir::ValueId zero_point, int axis) const {
  if (!graph_.is_constant(scale) ||
      (zero_point != ir::no_value && !graph_.is_constant(zero_point))) {
    fail(ErrorCode::unsupported, "scales and zero points that are computed in the run");
  }
  Grid grid;
  grid.axis = axis;
  grid.scale = graph_.value(scale).constant->decode().to_float();
  grid.zero_point.assign(grid.scale.size(), 0);
  if (zero_point == ir::no_value) return grid;
  const auto zeros = graph_.value(zero_point).constant->decode().to_int64();
  for (std::size_t i = 0; i < grid.scale.size(); ++i) {
    grid.zero_point[i] = zeros[zeros.size() == 1 ? 0 : i];
  }
  return grid;
}

void Grids::note(ir::ValueId value, const Grid& grid) {
  const auto [at, is_new] = grids_.emplace(ir::index(value), grid);
  if (is_new || at->second == grid) return;
  // Of one scale the axis says nothing.
  if (grid.scale.size() == 1 && at->second.scale == grid.scale &&
      at->second.zero_point == grid.zero_point) {
    return;
  }
  fail(ErrorCode::unsupported,
       "the integers of {} stand for other numbers to one node than to another (scale {} zero "
       "point {}, scale {} zero point {}); TensorFlow Lite knows one grid a tensor",
       graph_.value(value).name, at->second.scale[0], at->second.zero_point[0], grid.scale[0],
       grid.zero_point[0]);
}

void Grids::note_node(const ir::Node& node) {
  const std::string op = ir::qualified_name(*node.op);
  const auto input = [&](int i) {
    return std::size_t(i) < node.inputs.size() ? node.inputs[std::size_t(i)] : ir::no_value;
  };
  const auto row = std::ranges::find(layouts(), op, &Layout::op);
  if (row != layouts().end()) {
    for (const Triple& at : row->operands) {
      note(input(at.tensor), read(input(at.tensor + 1), input(at.tensor + 2), at.axis));
    }
    if (row->result >= 0 && node.outputs[0] != ir::no_value) {
      note(node.outputs[0], read(input(row->result), input(row->result + 1)));
    }
    // Its cells have a scale only.
    if (op == "strata.QLinearLSTM") note(input(11), read(input(12), ir::no_value));
    return;
  }
  if (op == "strata.QLinearConcat") {
    note(node.outputs[0], read(input(0), input(1)));
    for (int i = 2; std::size_t(i) < node.inputs.size(); i += 3) {
      note(input(i), read(input(i + 1), input(i + 2)));
    }
  } else if (op.starts_with("strata.QLinear") && node.inputs.size() == 5) {
    note(input(0), read(input(1), input(2)));
    note(node.outputs[0], read(input(3), input(4)));
  } else if (op == "strata.DynamicQuantConv" || op == "strata.DynamicQuantGemm") {
    note(input(1), read(input(2), ir::no_value));
  }
}

bool Grids::pass_on(const ir::Node& node) {
  if (!keeps_grid(node)) return false;
  const bool all = node.op->name == "Concat" || node.op->name == "Max" || node.op->name == "Min" ||
                   node.op->name == "Clip";
  std::vector<ir::ValueId> linked;
  for (const ir::ValueId id : node.outputs) {
    if (id != ir::no_value) linked.push_back(id);
  }
  const std::size_t reads = node.op->name == "Where" ? 3 : all ? node.inputs.size() : 1;
  for (std::size_t i = node.op->name == "Where" ? 1 : 0; i < reads; ++i) {
    if (node.inputs[i] != ir::no_value) linked.push_back(node.inputs[i]);
  }
  const DType type = graph_.value(linked[0]).type.dtype;
  if (type != DType::i8 && type != DType::u8 && type != DType::i16) return false;
  std::erase_if(linked, [&](ir::ValueId id) { return graph_.value(id).type.dtype != type; });
  const auto known = std::ranges::find_if(
      linked, [&](ir::ValueId id) { return find(id) && find(id)->scale.size() == 1; });
  if (known == linked.end()) return false;
  const Grid grid = *find(*known);
  bool changed = false;
  for (const ir::ValueId id : linked) {
    changed |= !find(id);
    note(id, grid);
  }
  return changed;
}

}  // namespace strata::formats::tflite
