#include <algorithm>

#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// Transposes of transposes become one or none, also with element-wise ops between them.

namespace strata::ir {
namespace {

using Permutation = std::vector<std::int64_t>;

Permutation permutation_of(const Graph& graph, const Node& transpose) {
  Permutation result = transpose.attributes.integers("perm");
  if (!result.empty()) return result;
  const auto rank = std::int64_t(graph.value(transpose.inputs[0]).type.shape.size());
  for (std::int64_t i = rank; i-- > 0;) result.push_back(i);
  return result;
}

/// Axis i of the result of `second` is axis first[second[i]] of the operand of `first`.
Permutation compose(const Permutation& first, const Permutation& second) {
  Permutation result;
  for (std::int64_t axis : second) result.push_back(first[std::size_t(axis)]);
  return result;
}

bool is_identity(const Permutation& permutation) {
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    if (permutation[i] != std::int64_t(i)) return false;
  }
  return true;
}

/// One element in, one out, whatever the position. Other operands must have one element.
bool is_elementwise(const Node& node) {
  constexpr std::string_view names[] = {
      "Abs",         "Add",        "Cast",      "Ceil", "Celu",    "Clip",
      "Div",         "Elu",        "Erf",       "Exp",  "Floor",   "Gelu",
      "HardSigmoid", "HardSwish",  "LeakyRelu", "Log",  "Max",     "Min",
      "Mish",        "Mul",        "Neg",       "Not",  "PRelu",   "Pow",
      "Relu",        "Reciprocal", "Round",     "Selu", "Sigmoid", "Sign",
      "Softplus",    "Softsign",   "Sqrt",      "Sub",  "Tanh",    "ThresholdedRelu"};
  return node.op->domain.empty() && std::ranges::count(names, node.op->name) != 0;
}

bool has_one_element(const Graph& graph, ValueId id) {
  if (id == no_value) return true;
  const auto shape = as_constant(graph.value(id).type.shape);
  return shape && shape->rank() <= 1 && shape->elements() == 1;
}

/// Transposes with more nodes between them stay, so that long chains are not searched again and
/// again.
constexpr std::size_t most_between = 64;

class Cleaner {
 public:
  explicit Cleaner(Graph& graph) : graph_(graph), rewrite_(graph), readers_(graph.value_limit()) {
    const Uses uses(graph);
    for (std::size_t i = 0; i < readers_.size(); ++i) readers_[i] = uses.count(ValueId(i));
  }

  void run() {
    for (NodeId id : graph_.order()) {
      if (is_op(graph_.node(id), "Transpose")) clean(id);
    }
    rewrite_.apply();
  }

 private:
  void clean(NodeId id) {
    Node& second = graph_.node(id);
    // Up through nodes that only this transpose reads, to another transpose.
    std::vector<NodeId> between;  // latest first
    ValueId value = rewrite_.resolve(second.inputs[0]);
    while (const auto step = through_elementwise(value)) {
      if (between.size() == most_between) return;
      between.push_back(graph_.value(value).producer);
      value = rewrite_.resolve(graph_.node(between.back()).inputs[*step]);
    }
    const Node* first = producer_as(graph_, value, "Transpose");
    if (!first) return;
    const Permutation both =
        compose(permutation_of(graph_, *first), permutation_of(graph_, second));
    const ValueId source = rewrite_.resolve(first->inputs[0]);
    if (between.empty()) {
      merge(id, value, source, both);
    } else if (is_identity(both) && bypass(id, graph_.node(between.front()).outputs[0])) {
      relabel(between, value, source);
    }
  }

  /// Which operand of the value's producer leads on upwards, if the producer may be moved.
  std::optional<std::size_t> through_elementwise(ValueId value) const {
    const NodeId producer = graph_.value(value).producer;
    if (producer == no_node || readers_[index(value)] != 1) return std::nullopt;
    const Node& node = graph_.node(producer);
    if (!is_elementwise(node) || node.outputs.size() != 1) return std::nullopt;
    const auto& shape = graph_.value(value).type.shape;
    std::optional<std::size_t> main;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (has_one_element(graph_, node.inputs[i])) continue;
      if (main || graph_.value(node.inputs[i]).type.shape != shape) return std::nullopt;
      main = i;
    }
    return main;
  }

  void merge(NodeId id, ValueId between, ValueId source, const Permutation& both) {
    if (is_identity(both)) {
      bypass(id, source);
      return;
    }
    Node& second = graph_.node(id);
    second.inputs[0] = source;
    second.attributes.set("perm", both);
    const NodeId first = graph_.value(between).producer;
    add_sources(second.sources, graph_.node(first).sources);
    move_reader(between, source);
  }

  /// The nodes compute in the order of axes of `source` instead of `value`.
  void relabel(const std::vector<NodeId>& nodes, ValueId value, ValueId source) {
    Node& first = graph_.node(nodes.back());
    for (ValueId& input : first.inputs) {
      if (rewrite_.resolve(input) == value) input = source;
    }
    move_reader(value, source);
    // Transposes further down compare permutations with the shapes of these values.
    for (NodeId id : nodes) {
      Value& output = graph_.value(graph_.node(id).outputs[0]);
      output.type.shape = graph_.value(source).type.shape;
    }
  }

  bool bypass(NodeId id, ValueId to) {
    const Node& node = graph_.node(id);
    const ValueId input = rewrite_.resolve(node.inputs[0]);
    if (!rewrite_.bypass(id, to)) return false;
    readers_[index(to)] += readers_[index(node.outputs[0])];
    drop_reader(input);
    return true;
  }

  void move_reader(ValueId from, ValueId to) {
    ++readers_[index(to)];
    drop_reader(from);
  }

  /// A transpose that nobody reads any more goes.
  void drop_reader(ValueId value) {
    if (--readers_[index(value)] == 0 && producer_as(graph_, value, "Transpose")) {
      rewrite_.erase(graph_.value(value).producer);
      drop_reader(rewrite_.resolve(graph_.node(graph_.value(value).producer).inputs[0]));
    }
  }

  Graph& graph_;
  Rewrite rewrite_;
  std::vector<std::size_t> readers_;  // kept up to date
};

void run(Graph& graph, const PassOptions&) { Cleaner(graph).run(); }

}  // namespace

extern const Pass clean_transposes_pass;
const Pass clean_transposes_pass = {"clean_transposes",
                                    "composes transposes and cancels inverse pairs", run};

}  // namespace strata::ir
