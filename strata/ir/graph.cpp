#include "strata/ir/graph.hpp"

#include <algorithm>

#include "strata/ir/op.hpp"

namespace strata::ir {

std::string to_string(const TensorType& type) {
  return std::string(strata::to_string(type.dtype)) + strata::to_string(type.shape);
}

void add_sources(Sources& to, const Sources& from) {
  // Thousands of nodes may become one; that all of them are named is of no use to anybody, and on
  // the way each would have a longer list than the one before.
  constexpr std::size_t most_sources = 64;
  if (from.empty() || to.size() >= most_sources) return;
  const auto taken = std::ptrdiff_t(std::min(from.size(), most_sources - to.size()));
  Sources merged;
  merged.reserve(to.size() + std::size_t(taken));
  std::set_union(to.begin(), to.end(), from.begin(), from.begin() + taken,
                 std::back_inserter(merged));
  to = std::move(merged);
}

std::string NameTable::unique(std::string_view wanted, std::string_view fallback) {
  std::string name(wanted.empty() ? fallback : wanted);
  if (!names_.contains(name)) return name;
  std::uint32_t& next = suffixes_[name];
  std::string candidate;
  do {
    candidate = name + "_" + std::to_string(++next);
  } while (names_.contains(candidate));
  return candidate;
}

std::optional<std::uint32_t> NameTable::find(std::string_view name) const {
  auto at = names_.find(std::string(name));
  return at == names_.end() ? std::nullopt : std::optional(at->second);
}

void NameTable::release(const std::string& name, std::uint32_t id) {
  auto at = names_.find(name);
  if (at != names_.end() && at->second == id) names_.erase(at);
}

ValueId Graph::add_value(std::string_view wanted, TensorType type) {
  const auto id = std::uint32_t(values_.size());
  Value& value = values_.emplace_back();
  value.name = value_names_.unique(wanted, "value");
  value.type = std::move(type);
  value_names_.take(value.name, id);
  return ValueId(id);
}

ValueId Graph::add_input(std::string_view wanted, TensorType type) {
  ValueId id = add_value(wanted.empty() ? "input" : wanted, std::move(type));
  inputs.push_back(id);
  return id;
}

ValueId Graph::add_constant(std::string_view wanted, EncodedTensor constant, Sources sources) {
  ValueId id = add_value(wanted.empty() ? "constant" : wanted);
  set_constant(id, std::move(constant), std::move(sources));
  return id;
}

void Graph::set_constant(ValueId id, EncodedTensor constant, Sources sources) {
  Value& target = value(id);
  STRATA_ASSERT(target.producer == no_node);
  target.type.dtype = constant.dtype;
  target.type.shape.assign(constant.shape.begin(), constant.shape.end());
  target.constant = std::move(constant);
  target.elements.reset();
  target.sources = std::move(sources);
}

NodeId Graph::add_node(const OpDef& op, std::string_view wanted, std::vector<ValueId> node_inputs,
                       std::vector<ValueId> node_outputs, Attributes attributes, Sources sources) {
  const auto id = std::uint32_t(nodes_.size());
  Node& node = nodes_.emplace_back();
  node.op = &op;
  node.name = node_names_.unique(wanted, op.name);
  node.inputs = std::move(node_inputs);
  node.outputs = std::move(node_outputs);
  node.attributes = std::move(attributes);
  node.sources = std::move(sources);
  node_names_.take(node.name, id);
  for (ValueId output : node.outputs) {
    if (output == no_value) continue;
    Value& target = value(output);
    STRATA_ASSERT(target.producer == no_node && !target.constant);
    target.producer = NodeId(id);
  }
  order_.push_back(NodeId(id));
  return NodeId(id);
}

ValueId Graph::add_state(std::string_view wanted, Tensor initial) {
  TensorType type{initial.dtype(), {initial.shape().begin(), initial.shape().end()}};
  ValueId read = add_value(wanted.empty() ? "state" : wanted, std::move(type));
  states.push_back({value(read).name, std::move(initial), read, no_value});
  return read;
}

std::optional<ValueId> Graph::find_value(std::string_view wanted) const {
  auto id = value_names_.find(wanted);
  return id ? std::optional(ValueId(*id)) : std::nullopt;
}

std::optional<NodeId> Graph::find_node(std::string_view wanted) const {
  auto id = node_names_.find(wanted);
  return id ? std::optional(NodeId(*id)) : std::nullopt;
}

const Sources& Graph::sources(ValueId id) const {
  const Value& v = value(id);
  return v.producer == no_node ? v.sources : node(v.producer).sources;
}

void Graph::rename(ValueId id, std::string_view wanted) {
  Value& v = value(id);
  value_names_.release(v.name, index(id));
  v.name = value_names_.unique(wanted, "value");
  value_names_.take(v.name, index(id));
}

void Graph::rename(NodeId id, std::string_view wanted) {
  Node& n = node(id);
  node_names_.release(n.name, index(id));
  n.name = node_names_.unique(wanted, n.op->name);
  node_names_.take(n.name, index(id));
}

void Graph::swap_names(ValueId a, ValueId b) {
  std::swap(value(a).name, value(b).name);
  value_names_.take(value(a).name, index(a));
  value_names_.take(value(b).name, index(b));
}

void Graph::replace_uses(ValueId from, ValueId to) {
  const std::pair<ValueId, ValueId> pair{from, to};
  replace_uses(std::span(&pair, 1));
}

void Graph::replace_uses(std::span<const std::pair<ValueId, ValueId>> pairs) {
  if (pairs.empty()) return;
  std::vector<ValueId> target(values_.size());
  for (std::size_t i = 0; i < target.size(); ++i) target[i] = ValueId(i);
  for (auto [from, to] : pairs) target[index(from)] = to;
  // Chains (a -> b, b -> c) lead to their end; halving the path keeps this linear.
  auto resolve = [&](ValueId& id) {
    if (id == no_value) return;
    std::size_t steps = 0;
    while (target[index(id)] != id) {
      ValueId& next = target[index(id)];
      next = target[index(next)];
      id = next;
      STRATA_ASSERT(++steps <= target.size());
    }
  };
  for (NodeId id : order_) {
    for (ValueId& input : node(id).inputs) resolve(input);
  }
  for (ValueId& output : outputs) resolve(output);
  for (State& state : states) resolve(state.written);
}

void Graph::erase(std::span<const NodeId> erased) {
  if (erased.empty()) return;
  for (NodeId id : erased) {
    Node& n = node(id);
    if (!n.op) continue;
    for (ValueId output : n.outputs) {
      if (output != no_value && value(output).producer == id) value(output).producer = no_node;
    }
    node_names_.release(n.name, index(id));
    n = Node{};
  }
  std::erase_if(order_, [this](NodeId id) { return node(id).op == nullptr; });
}

void Graph::sort() {
  enum : std::uint8_t { waiting, open, done };
  std::vector<std::uint8_t> mark(nodes_.size(), waiting);
  std::vector<NodeId> sorted;
  sorted.reserve(order_.size());
  struct Frame {
    NodeId node;
    std::size_t next_input;
  };
  std::vector<Frame> stack;
  for (NodeId root : order_) {
    if (mark[index(root)] != waiting) continue;
    mark[index(root)] = open;
    stack.push_back({root, 0});
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const Node& n = node(frame.node);
      if (frame.next_input == n.inputs.size()) {
        mark[index(frame.node)] = done;
        sorted.push_back(frame.node);
        stack.pop_back();
        continue;
      }
      ValueId input = n.inputs[frame.next_input++];
      NodeId producer = input == no_value ? no_node : value(input).producer;
      if (producer == no_node || mark[index(producer)] == done) continue;
      if (mark[index(producer)] == open) {
        fail(ErrorCode::model, "node {} ({}) depends on its own output through {}",
             node(producer).name, qualified_name(*node(producer).op), n.name);
      }
      mark[index(producer)] = open;
      stack.push_back({producer, 0});
    }
  }
  order_ = std::move(sorted);
}

void Graph::compact() {
  std::vector<bool> used(values_.size());
  auto use = [&](ValueId id) {
    if (id != no_value) used[index(id)] = true;
  };
  for (ValueId id : inputs) use(id);
  for (ValueId id : outputs) use(id);
  for (const State& state : states) use(state.read), use(state.written);
  for (NodeId id : order_) {
    for (ValueId input : node(id).inputs) use(input);
    for (ValueId output : node(id).outputs) use(output);
  }

  std::vector<NodeId> new_nodes(nodes_.size(), no_node);
  std::deque<Node> nodes;
  for (NodeId id : order_) {
    new_nodes[index(id)] = NodeId(nodes.size());
    nodes.push_back(std::move(node(id)));
  }
  std::vector<ValueId> new_values(values_.size(), no_value);
  std::deque<Value> values;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    if (!used[i]) continue;
    new_values[i] = ValueId(values.size());
    Value& v = values.emplace_back(std::move(values_[i]));
    if (v.producer != no_node) v.producer = new_nodes[index(v.producer)];
  }

  auto renumber = [&](ValueId& id) {
    if (id != no_value) id = new_values[index(id)];
  };
  for (ValueId& id : inputs) renumber(id);
  for (ValueId& id : outputs) renumber(id);
  for (State& state : states) renumber(state.read), renumber(state.written);
  nodes_ = std::move(nodes);
  values_ = std::move(values);
  value_names_ = {};
  node_names_ = {};
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (ValueId& id : nodes_[i].inputs) renumber(id);
    for (ValueId& id : nodes_[i].outputs) renumber(id);
    order_[i] = NodeId(i);
    node_names_.take(nodes_[i].name, std::uint32_t(i));
  }
  for (std::size_t i = 0; i < values_.size(); ++i) {
    value_names_.take(values_[i].name, std::uint32_t(i));
  }
}

std::int64_t Graph::constant_bytes() const {
  std::int64_t total = 0;
  for (const Value& v : values_) {
    if (v.constant) total += v.constant->size_bytes();
  }
  return total;
}

Uses::Uses(const Graph& graph) : starts_(graph.value_limit() + 1), exits_(graph.value_limit()) {
  auto each = [&](auto&& visit) {
    for (NodeId id : graph.order()) {
      for (ValueId input : graph.node(id).inputs) {
        if (input != no_value) visit(index(input), id);
      }
    }
  };
  each([&](std::uint32_t value, NodeId) { ++starts_[value + 1]; });
  for (std::size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  readers_.resize(starts_.back());
  std::vector<std::uint32_t> next(starts_.begin(), starts_.end() - 1);
  each([&](std::uint32_t value, NodeId id) { readers_[next[value]++] = id; });
  for (ValueId id : graph.outputs) {
    if (id != no_value) ++exits_[index(id)];
  }
  for (const State& state : graph.states) {
    if (state.written != no_value) ++exits_[index(state.written)];
  }
}

std::span<const NodeId> Uses::of(ValueId value) const {
  return std::span(readers_).subspan(starts_[index(value)],
                                     starts_[index(value) + 1] - starts_[index(value)]);
}

std::size_t Uses::count(ValueId value) const { return of(value).size() + exits_[index(value)]; }

}  // namespace strata::ir
