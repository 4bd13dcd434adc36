#include "strata/ir/grids.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "strata/ir/op.hpp"

namespace strata::ir {
namespace {

// Ops that quantize name an operand's scale and zero point right after it: (x, x_scale, x_zero),
// and those of the output as (y_scale, y_zero) before the bias, if there is one.
bool quantizes(const Node& node) {
  return node.op->name.starts_with("QLinear") || node.op->name == "DequantizeLinear" ||
         node.op->name == "QuantizeLinear";
}

/// Whether elements keep their meaning from the first operand (any operand of Concat) to output 0.
bool keeps_elements(const Node& node) {
  constexpr std::string_view names[] = {"Clip",   "Concat",    "DepthToSpace", "Expand", "Flatten",
                                        "Gather", "Identity",  "MaxPool",      "Pad",    "Reshape",
                                        "Resize", "Slice",     "SpaceToDepth", "Split",  "Squeeze",
                                        "Tile",   "Transpose", "Unsqueeze"};
  return node.op->domain.empty() && std::ranges::count(names, node.op->name) != 0;
}

ValueId operand(const Node& node, std::size_t i) {
  return i < node.inputs.size() ? node.inputs[i] : no_value;
}

/// From a scale and a zero point; `type` is that of the integers.
std::optional<Grid> read_grid(const Graph& graph, ValueId scale, ValueId zero_point, DType type) {
  if (!graph.is_constant(scale) || !is_float(graph.value(scale).type.dtype)) return std::nullopt;
  const Tensor scales = graph.value(scale).constant->decode();
  if (scales.elements() != 1) return std::nullopt;
  Grid grid{scales.to_float()[0], 0};
  if (!std::isfinite(grid.scale) || !(grid.scale > 0)) return std::nullopt;
  if (zero_point == no_value) return grid;
  if (!graph.is_constant(zero_point) || graph.value(zero_point).type.dtype != type) {
    return std::nullopt;
  }
  const Tensor zero = graph.value(zero_point).constant->decode();
  if (zero.elements() != 1) return std::nullopt;
  grid.zero_point = zero.to_int64()[0];
  return grid;
}

/// Looks at all readers of a value.
class UseSearch {
 public:
  explicit UseSearch(const Graph& graph) : graph_(graph), uses_(graph) {}

  std::optional<Grid> find(ValueId start) {
    std::vector<ValueId> open{start};
    std::vector<bool> seen(graph_.value_limit());
    while (!open.empty() && !differ_) {
      const ValueId value = open.back();
      open.pop_back();
      if (value == no_value || seen[index(value)]) continue;
      seen[index(value)] = true;
      for (const NodeId id : uses_.of(value)) visit(graph_.node(id), value, open);
    }
    return differ_ ? std::nullopt : found_;
  }

 private:
  void visit(const Node& node, ValueId value, std::vector<ValueId>& open) {
    if (quantizes(node)) {
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] == value) add(node, i, value);
      }
    } else if (keeps_elements(node) && (operand(node, 0) == value || node.op->name == "Concat")) {
      open.insert(open.end(), node.outputs.begin(), node.outputs.end());
    }
  }
  void add(const Node& node, std::size_t at, ValueId value) {
    const auto grid = read_grid(graph_, operand(node, at + 1), operand(node, at + 2),
                                graph_.value(value).type.dtype);
    differ_ |= found_ && grid && *grid != *found_;
    if (grid) found_ = grid;
  }

  const Graph& graph_;
  Uses uses_;
  std::optional<Grid> found_;
  bool differ_ = false;
};

/// The grid of what a node that quantizes gives: the last pair of an f32 and a zero point of the
/// output's type; of a concatenation, whose operands follow, the first.
std::optional<Grid> output_grid(const Graph& graph, const Node& node, DType type) {
  if (node.op->name == "QLinearConcat") {
    return read_grid(graph, operand(node, 0), operand(node, 1), type);
  }
  for (std::size_t i = node.inputs.size(); i >= 2; --i) {
    const ValueId zero = operand(node, i - 1);
    if (zero == no_value) continue;
    if (const auto grid = read_grid(graph, operand(node, i - 2), zero, type)) return grid;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Grid> grid_by_uses(const Graph& graph, ValueId value) {
  if (!is_integer(graph.value(value).type.dtype)) return std::nullopt;
  return UseSearch(graph).find(value);
}

std::optional<Grid> grid_by_producer(const Graph& graph, ValueId value) {
  if (!is_integer(graph.value(value).type.dtype)) return std::nullopt;
  for (std::size_t steps = 0; steps < graph.node_limit(); ++steps) {
    const NodeId producer = graph.value(value).producer;
    if (producer == no_node) break;
    const Node& node = graph.node(producer);
    if (quantizes(node)) return output_grid(graph, node, graph.value(value).type.dtype);
    if (!keeps_elements(node) || operand(node, 0) == no_value) break;
    value = node.inputs[0];
  }
  return std::nullopt;
}

}  // namespace strata::ir
