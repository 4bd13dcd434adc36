#include "strata/compress/quantize/joints.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "strata/compress/quantize/units.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/passes/channels.hpp"
#include "strata/ir/passes/rewrite.hpp"

namespace strata::compress {
namespace {

using ir::Graph;
using ir::is_op;
using ir::Node;
using ir::NodeId;
using ir::ValueId;

constexpr std::array<std::string_view, 6> commuting = {
    "Relu", "LeakyRelu", "MaxPool", "AveragePool", "Identity", "GlobalAveragePool"};

bool commutes(const Node& node) {
  return node.op->domain.empty() && node.outputs.size() == 1 &&
         std::ranges::count(commuting, node.op->name) > 0;
}

/// (N, C, 1, ...) as (N, C, ...).
bool drops_ones(const Graph& graph, const Node& node) {
  if (!is_op(node, "Flatten") && !is_op(node, "Reshape") && !is_op(node, "Squeeze")) return false;
  const auto& from = graph.value(node.inputs[0]).type.shape;
  const auto& to = graph.value(node.outputs[0]).type.shape;
  if (from.size() < 2 || to.size() < 2 || from[1] != to[1]) return false;
  const auto only_ones = [](const auto& shape) {
    return std::all_of(shape.begin() + 2, shape.end(),
                       [](const Dim& dim) { return dim == Dim(1); });
  };
  return only_ones(from) && only_ones(to);
}

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph), uses_(graph) {
    for (const Unit& unit : find_units(graph)) {
      const Node& node = graph.node(unit.main);
      const bool chained = is_op(node, "Conv") || is_op(node, "Gemm");
      if (!chained || uses_.count(node.inputs[1]) != 1) continue;
      if (node.inputs.size() > 2 && node.inputs[2] != ir::no_value &&
          uses_.count(node.inputs[2]) != 1) {
        continue;
      }
      layers_.emplace(unit.main, unit);
    }
  }

  std::vector<Joint> run() {
    std::vector<Joint> joints;
    for (const NodeId id : graph_.order()) {
      const auto layer = layers_.find(id);
      if (layer == layers_.end()) continue;
      const Interval bound = activation_bound(graph_, layer->second);
      Joint joint{.layer = id,
                  .value = layer->second.output,
                  .channels = ir::read_linear(graph_, graph_.node(id))->channels,
                  .bound = bound.high};
      // Factors move a lower end other than zero.
      const bool commutes = bound.low == 0 || std::isinf(bound.low);
      if (commutes && bound.high > 0 && follow(joint.value, 0, joint) && !joint.readers.empty()) {
        joints.push_back(std::move(joint));
      }
    }
    return joints;
  }

 private:
  /// Adds all that read the value; false if something does that a factor would change.
  bool follow(ValueId value, std::int64_t offset, Joint& joint) const {
    const auto readers = uses_.of(value);
    if (readers.size() != std::size_t(uses_.count(value))) return false;  // also an output
    return std::ranges::all_of(readers,
                               [&](NodeId id) { return follow_into(id, value, offset, joint); });
  }

  bool follow_into(NodeId id, ValueId value, std::int64_t offset, Joint& joint) const {
    const Node& node = graph_.node(id);
    if (const auto layer = layers_.find(id); layer != layers_.end()) {
      if (node.inputs[0] != value) return false;
      const std::int64_t read = input_channels(graph_, node).channels;
      if (offset + joint.channels > read) return false;
      joint.readers.push_back({id, offset, layer->second.name});
      return true;
    }
    if (commutes(node) || drops_ones(graph_, node)) return follow(node.outputs[0], offset, joint);
    if (!is_op(node, "Concat") || node.attributes.integer("axis", 0) != 1) return false;
    for (const ValueId part : node.inputs) {
      if (part == value) return follow(node.outputs[0], offset, joint);
      const auto& shape = graph_.value(part).type.shape;
      if (shape.size() < 2 || !shape[1].is_constant()) return false;
      offset += shape[1].constant();
    }
    return false;
  }

  const Graph& graph_;
  const ir::Uses uses_;
  std::map<NodeId, Unit> layers_;
};

}  // namespace

InputChannels input_channels(const Graph& graph, const Node& node) {
  const Shape& shape = graph.value(node.inputs[1]).constant->shape;
  if (is_op(node, "Gemm")) {
    const bool transposed = node.attributes.integer("transB", 0) == 0;
    const std::int64_t inputs = shape[transposed ? 0 : 1];
    return {inputs, 1, inputs, shape[transposed ? 1 : 0], shape[1], transposed};
  }
  const std::int64_t group = node.attributes.integer("group", 1);
  return {shape[1] * group, shape.elements(2, shape.rank()),
          shape[1],         shape[0] / group,
          shape[1],         false};
}

std::vector<Joint> find_joints(const Graph& graph) { return Finder(graph).run(); }

}  // namespace strata::compress
