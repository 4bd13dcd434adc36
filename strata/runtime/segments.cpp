#include "strata/runtime/segments.hpp"

#include <algorithm>
#include <unordered_map>

#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"

namespace strata::runtime {
namespace {

/// The level of each node: the number of cuts before it.
class Levels {
 public:
  explicit Levels(const ir::Graph& graph) : of_node_(graph.node_limit()) {
    std::vector<int> of_value(graph.value_limit(), -1);
    for (const ir::NodeId id : graph.order()) {
      const ir::Node& node = graph.node(id);
      int level = -1;
      for (const ir::ValueId input : node.inputs) {
        if (input != ir::no_value) level = std::max(level, of_value[ir::index(input)]);
      }
      if (node.open || node.op->control) ++level;
      level = std::max(level, 0);
      of_node_[ir::index(id)] = level;
      for (const ir::ValueId output : node.outputs) {
        if (output != ir::no_value) of_value[ir::index(output)] = level;
      }
      count_ = std::max(count_, level + 1);
    }
  }

  int of(ir::NodeId id) const { return of_node_[ir::index(id)]; }
  int count() const { return count_; }

 private:
  std::vector<int> of_node_;
  int count_ = 0;
};

/// Collects nodes of a graph into a graph of their own.
class Extract {
 public:
  Extract(const ir::Graph& whole, const std::vector<bool>& is_needed_elsewhere)
      : whole_(whole), is_needed_elsewhere_(is_needed_elsewhere) {}

  void add(const ir::Node& node) {
    std::vector<ir::ValueId> inputs, outputs;
    for (const ir::ValueId id : node.inputs) inputs.push_back(read(id));
    for (const ir::ValueId id : node.outputs) outputs.push_back(write(id));
    segment_.graph.add_node(*node.op, node.name, std::move(inputs), std::move(outputs),
                            node.attributes, node.sources);
  }

  Segment take() {
    ir::infer_types(segment_.graph);
    return std::move(segment_);
  }

 private:
  ir::ValueId read(ir::ValueId id) {
    if (id == ir::no_value) return id;
    const auto found = twins_.find(ir::index(id));
    if (found != twins_.end()) return found->second;
    const ir::Value& value = whole_.value(id);
    ir::ValueId twin;
    if (value.constant) {
      twin = segment_.graph.add_constant(value.name, *value.constant, value.sources);
    } else {
      twin = segment_.graph.add_input(value.name, value.type);
      segment_.graph.value(twin).elements = value.elements;
      segment_.reads.push_back(id);
    }
    return twins_[ir::index(id)] = twin;
  }

  ir::ValueId write(ir::ValueId id) {
    if (id == ir::no_value) return id;
    const ir::ValueId twin = segment_.graph.add_value(whole_.value(id).name);
    twins_[ir::index(id)] = twin;
    if (is_needed_elsewhere_[ir::index(id)]) {
      segment_.graph.outputs.push_back(twin);
      segment_.gives.push_back(id);
    }
    return twin;
  }

  const ir::Graph& whole_;
  const std::vector<bool>& is_needed_elsewhere_;
  Segment segment_;
  std::unordered_map<std::uint32_t, ir::ValueId> twins_;
};

/// Values that leave the segment that computes them.
std::vector<bool> crossing_values(const ir::Graph& graph, const Levels& levels) {
  std::vector<bool> crosses(graph.value_limit());
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    for (const ir::ValueId input : node.inputs) {
      if (input == ir::no_value) continue;
      const ir::NodeId producer = graph.value(input).producer;
      if (producer == ir::no_node) continue;
      if (levels.of(producer) != levels.of(id) || graph.node(producer).op->control) {
        crosses[ir::index(input)] = true;
      }
    }
  }
  for (const ir::ValueId id : graph.outputs) crosses[ir::index(id)] = true;
  for (const ir::State& state : graph.states) crosses[ir::index(state.written)] = true;
  return crosses;
}

Segment control_segment(const ir::Graph& graph, ir::NodeId id) {
  Segment segment;
  segment.control = id;
  segment.reads = graph.node(id).inputs;
  segment.gives = graph.node(id).outputs;
  return segment;
}

}  // namespace

bool depends_on_data(const ir::Graph& graph) {
  return std::ranges::any_of(graph.order(), [&](ir::NodeId id) {
    return graph.node(id).open || graph.node(id).op->control;
  });
}

std::vector<Segment> cut_at_data(const ir::Graph& graph) {
  const Levels levels(graph);
  const std::vector<bool> crossing = crossing_values(graph, levels);
  std::vector<Extract> parts(std::size_t(levels.count()), Extract(graph, crossing));
  std::vector<std::vector<Segment>> control(parts.size());
  std::vector<bool> is_empty(parts.size(), true);
  for (const ir::NodeId id : graph.order()) {
    const auto level = std::size_t(levels.of(id));
    if (graph.node(id).op->control) {
      control[level].push_back(control_segment(graph, id));
    } else {
      parts[level].add(graph.node(id));
      is_empty[level] = false;
    }
  }
  std::vector<Segment> segments;
  for (std::size_t level = 0; level < parts.size(); ++level) {
    std::ranges::move(control[level], std::back_inserter(segments));
    if (!is_empty[level]) segments.push_back(parts[level].take());
  }
  return segments;
}

}  // namespace strata::runtime
