#include "strata/compress/quantize/units.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "strata/base/error.hpp"
#include "strata/base/similar.hpp"
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

/// `operands`: how many are quantized beside the weight; -1: all.
struct Rule {
  std::string_view op;
  UnitKind kind;
  int operands;
  bool (*applies)(const Graph& graph, const Node& node) = nullptr;
};

bool is_constant_float(const Graph& graph, ValueId id) {
  return graph.is_constant(id) && graph.value(id).type.dtype == DType::f32;
}

/// The bias is one number for each channel, and the layer nothing but product and sum.
bool linear(const Graph& graph, const Node& node) {
  const auto layer = ir::read_linear(graph, node);
  return layer && is_constant_float(graph, node.inputs[1]) &&
         graph.value(node.inputs[1]).constant->shape.elements() > 0;
}

bool plain_gemm(const Graph& graph, const Node& node) {
  return linear(graph, node) && node.attributes.integer("transA", 0) == 0 &&
         node.attributes.real("alpha", 1) == 1 && node.attributes.real("beta", 1) == 1;
}

bool ungrouped(const Graph& graph, const Node& node) {
  return linear(graph, node) && node.attributes.integer("group", 1) == 1;
}

/// Constant padding with zero: the zero point, among the codes.
bool pads_zero(const Graph& graph, const Node& node) {
  if (node.attributes.string("mode", "constant") != "constant") return true;
  if (node.inputs.size() < 3 || node.inputs[2] == ir::no_value) return true;
  return graph.is_constant(node.inputs[2]) &&
         graph.value(node.inputs[2]).constant->decode().to_float() == std::vector<float>{0};
}

bool single_output(const Graph&, const Node& node) { return node.outputs.size() == 1; }

/// One operand may be a constant, which gets a grid of its own.
bool has_variable(const Graph& graph, const Node& node) {
  const auto usable = [&](ValueId id) {
    return !graph.is_constant(id) || graph.value(id).constant->shape.elements() > 0;
  };
  return std::ranges::all_of(node.inputs, usable) &&
         !std::ranges::all_of(node.inputs, [&](ValueId id) { return graph.is_constant(id); });
}

bool variable(const Graph& graph, const Node& node) {
  return std::ranges::none_of(node.inputs, [&](ValueId id) { return graph.is_constant(id); });
}

constexpr Rule rules[] = {
    {"Conv", UnitKind::weighted, 1, linear},
    {"ConvTranspose", UnitKind::weighted, 1, ungrouped},
    {"Gemm", UnitKind::weighted, 1, plain_gemm},
    {"MatMul", UnitKind::weighted, 1, linear},
    {"Add", UnitKind::free, -1, has_variable},
    {"Mul", UnitKind::free, -1, has_variable},
    {"AveragePool", UnitKind::free, 1},
    {"GlobalAveragePool", UnitKind::free, 1},
    {"LeakyRelu", UnitKind::free, 1},
    {"Sigmoid", UnitKind::fixed, 1},
    {"Concat", UnitKind::shared, -1, variable},
    {"DepthToSpace", UnitKind::shared, 1},
    {"Flatten", UnitKind::shared, 1},
    {"Identity", UnitKind::shared, 1},
    {"MaxPool", UnitKind::shared, 1, single_output},
    {"Pad", UnitKind::shared, 1, pads_zero},
    {"Reshape", UnitKind::shared, 1},
    {"Slice", UnitKind::shared, 1},
    {"SpaceToDepth", UnitKind::shared, 1},
    {"Squeeze", UnitKind::shared, 1},
    {"Transpose", UnitKind::shared, 1},
    {"Unsqueeze", UnitKind::shared, 1},
};

const Rule* find_rule(const Graph& graph, const Node& node) {
  if (!node.op->domain.empty() || node.outputs.empty() || node.outputs[0] == ir::no_value) {
    return nullptr;
  }
  const auto rule = std::ranges::find(rules, node.op->name, &Rule::op);
  if (rule == std::end(rules) || graph.value(node.outputs[0]).type.dtype != DType::f32) {
    return nullptr;
  }
  const std::size_t operands = rule->operands < 0 ? node.inputs.size() : 1;
  for (std::size_t i = 0; i < operands; ++i) {
    if (node.inputs[i] == ir::no_value) return nullptr;
    if (rule->kind != UnitKind::free && graph.is_constant(node.inputs[i])) return nullptr;
  }
  return !rule->applies || rule->applies(graph, node) ? &*rule : nullptr;
}

bool is_bound(const Graph& graph, const Node& node) {
  if (is_op(node, "Relu")) return true;
  return is_op(node, "Clip") &&
         std::all_of(node.inputs.begin() + 1, node.inputs.end(), [&](ValueId bound) {
           return bound == ir::no_value || graph.is_constant(bound);
         });
}

int channel_axis(const Node& node) {
  if (is_op(node, "Conv")) return 0;
  if (is_op(node, "Gemm")) return node.attributes.integer("transB", 0) != 0 ? 0 : 1;
  return 1;
}

std::string name_of(const Node& node) {
  if (node.sources.empty() || std::ranges::count(node.sources, node.name) > 0) return node.name;
  return node.sources.front();
}

class Kept {
 public:
  explicit Kept(const std::vector<std::string>& patterns)
      : patterns_(patterns), used_(patterns.size()) {}

  bool keeps(const Node& node) {
    bool kept = false;
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      const bool fit = fits(patterns_[i], node.name) ||
                       std::ranges::any_of(node.sources, [&](const std::string& source) {
                         return fits(patterns_[i], source);
                       });
      used_[i] = used_[i] || fit;
      kept |= fit;
    }
    return kept;
  }

  void check(const Graph& graph) const {
    for (std::size_t i = 0; i < patterns_.size(); ++i) {
      if (used_[i]) continue;
      std::vector<std::string> names;
      for (const ir::NodeId id : graph.order()) names.push_back(graph.node(id).name);
      fail(ErrorCode::usage, "no node is named {}{}", patterns_[i],
           suggestion(patterns_[i], names));
    }
  }

 private:
  const std::vector<std::string>& patterns_;
  std::vector<bool> used_;
};

/// Disjoint sets of values.
class Groups {
 public:
  explicit Groups(std::size_t values) : parent_(values) {
    std::iota(parent_.begin(), parent_.end(), std::size_t(0));
  }
  std::size_t find(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) { parent_[find(a)] = find(b); }

 private:
  std::vector<std::size_t> parent_;
};

}  // namespace

bool fits(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

std::vector<Unit> find_units(const Graph& graph, const std::vector<std::string>& keep) {
  const ir::Uses uses(graph);
  Kept kept(keep);
  std::vector<Unit> units;
  for (const NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    const bool stays = kept.keeps(node);
    const Rule* rule = find_rule(graph, node);
    if (stays || !rule) continue;
    Unit unit{.main = id, .kind = rule->kind, .name = name_of(node), .output = node.outputs[0]};
    const std::size_t operands = rule->operands < 0 ? node.inputs.size() : 1;
    for (std::size_t i = 0; i < operands; ++i) unit.inputs.push_back(i);
    if (unit.weighted()) unit.channel_axis = channel_axis(node);
    const auto readers = uses.of(unit.output);
    if (unit.kind != UnitKind::shared && readers.size() == 1 && uses.count(unit.output) == 1 &&
        is_bound(graph, graph.node(readers[0])) &&
        graph.node(readers[0]).inputs[0] == unit.output) {
      unit.activation = readers[0];
      unit.output = graph.node(readers[0]).outputs[0];
    }
    units.push_back(std::move(unit));
  }
  kept.check(graph);
  return units;
}

Interval activation_bound(const Graph& graph, const Unit& unit) {
  constexpr double infinite = std::numeric_limits<double>::infinity();
  Interval bound{-infinite, infinite};
  if (unit.activation == ir::no_node) return bound;
  const Node& node = graph.node(unit.activation);
  if (is_op(node, "Relu")) return {0, infinite};
  const auto read = [&](std::size_t input, double& end) {
    if (input >= node.inputs.size() || node.inputs[input] == ir::no_value) return;
    end = double(graph.value(node.inputs[input]).constant->decode().to_float().at(0));
  };
  read(1, bound.low);
  read(2, bound.high);
  return bound;
}

std::vector<ValueId> SharedGrids::members(int of) const {
  std::vector<ValueId> values;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (group[i] == of) values.push_back(ValueId(std::uint32_t(i)));
  }
  return values;
}

SharedGrids share_grids(const Graph& graph, std::vector<Unit> units) {
  Groups groups(graph.value_limit());
  for (const Unit& unit : units) {
    if (unit.kind != UnitKind::shared) continue;
    for (const std::size_t i : unit.inputs) {
      groups.join(ir::index(graph.node(unit.main).inputs[i]), ir::index(unit.output));
    }
  }
  std::vector<bool> computed(graph.value_limit());  // some unit computes with it; by set
  const auto touch = [&](ValueId id) { computed[groups.find(ir::index(id))] = true; };
  for (const Unit& unit : units) {
    if (unit.kind == UnitKind::shared) continue;
    for (const std::size_t i : unit.inputs) touch(graph.node(unit.main).inputs[i]);
    touch(unit.output);
  }
  std::erase_if(units, [&](const Unit& unit) {
    return unit.kind == UnitKind::shared && !computed[groups.find(ir::index(unit.output))];
  });
  SharedGrids shared{.units = std::move(units), .group = std::vector<int>(graph.value_limit(), -1)};
  std::vector<int> number(graph.value_limit(), -1);
  const auto place = [&](ValueId id) {
    int& of = number[groups.find(ir::index(id))];
    if (of < 0) of = shared.groups++;
    shared.group[ir::index(id)] = of;
  };
  for (const Unit& unit : shared.units) {
    for (const std::size_t i : unit.inputs) place(graph.node(unit.main).inputs[i]);
    place(unit.output);
  }
  return shared;
}

Grid fixed_grid(const Graph& graph, const Unit& unit) {
  STRATA_ASSERT(is_op(graph.node(unit.main), "Sigmoid"));
  return {.scale = 1.0f / 256, .zero_point = -128};
}

}  // namespace strata::compress
