#include <algorithm>
#include <array>
#include <cmath>

#include "strata/ir/passes/channels.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// y = factor * x + offset per channel, whatever spells it (BatchNormalization, or Mul, Div, Add and
// Sub with constants), becomes part of the weights and the bias of the node that computes x.

namespace strata::ir {
namespace {

/// Weights stay as they are if factor is empty.
struct Affine {
  ValueId data = no_value;
  std::vector<double> factor;
  std::vector<double> offset;
};

std::optional<Affine> batch_norm(const Graph& graph, const Node& node, std::int64_t channels) {
  if (node.attributes.integer("training_mode", 0) != 0) return std::nullopt;
  std::array<std::vector<double>, 4> parameters;  // scale, bias, mean, variance
  for (std::size_t i = 0; i < 4; ++i) {
    auto elements = channel_constant(graph, node.inputs[i + 1], 1, 0, channels);
    if (!elements) return std::nullopt;
    parameters[i] = std::move(*elements);
  }
  const auto& [scale, bias, mean, variance] = parameters;
  const double epsilon = node.attributes.real("epsilon", 1e-5f);
  Affine affine{node.inputs[0], std::vector<double>(scale.size()),
                std::vector<double>(scale.size())};
  for (std::size_t c = 0; c < scale.size(); ++c) {
    affine.factor[c] = scale[c] / std::sqrt(variance[c] + epsilon);
    affine.offset[c] = bias[c] - mean[c] * affine.factor[c];
  }
  return affine;
}

/// Mul, Div, Add or Sub with a constant of one element or one per channel.
std::optional<Affine> arithmetic(const Graph& graph, const Node& node, std::int64_t channels) {
  const bool commutes = is_op(node, "Mul") || is_op(node, "Add");
  const std::size_t constant = commutes && graph.is_constant(node.inputs[0]) ? 0 : 1;
  const ValueId data = node.inputs[1 - constant];
  const TensorType& type = graph.value(data).type;
  if (type != graph.value(node.outputs[0]).type) return std::nullopt;
  auto elements =
      channel_constant(graph, node.inputs[constant], int(type.shape.size()), 1, channels);
  if (!elements) return std::nullopt;
  Affine affine{data, {}, {}};
  if (is_op(node, "Sub")) std::ranges::transform(*elements, elements->begin(), std::negate<>());
  if (is_op(node, "Div")) {
    std::ranges::transform(*elements, elements->begin(), [](double e) { return 1 / e; });
  }
  const bool scales = is_op(node, "Mul") || is_op(node, "Div");
  (scales ? affine.factor : affine.offset) = std::move(*elements);
  return affine;
}

std::optional<Affine> read_affine(const Graph& graph, const Node& node) {
  const bool is_norm = is_op(node, "BatchNormalization");
  const bool is_arithmetic =
      is_op(node, "Mul") || is_op(node, "Div") || is_op(node, "Add") || is_op(node, "Sub");
  if ((!is_norm && !is_arithmetic) || node.outputs[0] == no_value) return std::nullopt;
  const auto& shape = graph.value(node.outputs[0]).type.shape;
  if (shape.size() < 2 || !shape[1].is_constant()) return std::nullopt;
  const std::int64_t channels = shape[1].constant();
  auto affine = is_norm ? batch_norm(graph, node, channels) : arithmetic(graph, node, channels);
  if (!affine) return std::nullopt;
  const auto finite = [](double v) { return std::isfinite(v); };
  if (!std::ranges::all_of(affine->factor, finite) ||
      !std::ranges::all_of(affine->offset, finite)) {
    return std::nullopt;
  }
  return affine;
}

class Folder {
 public:
  explicit Folder(Graph& graph) : graph_(graph), uses_(graph), limit_(graph.value_limit()) {}

  void run() {
    for (NodeId id : graph_.order()) {
      const Node& node = graph_.node(id);
      const auto affine = read_affine(graph_, node);
      if (!affine || readers(affine->data) != 1) continue;
      const NodeId producer = graph_.value(affine->data).producer;
      const bool others_unused =
          std::all_of(node.outputs.begin() + 1, node.outputs.end(),
                      [&](ValueId v) { return v == no_value || readers(v) == 0; });
      if (producer != no_node && others_unused) fold(id, producer, *affine);
    }
    graph_.erase(dead_);
    for (auto& [id, name] : names_) graph_.rename(id, name);
  }

 private:
  std::size_t readers(ValueId id) const { return index(id) < limit_ ? uses_.count(id) : 1; }

  /// `id` becomes the node `producer` with other weights; `producer` goes.
  void fold(NodeId id, NodeId producer, const Affine& affine) {
    Node& main = graph_.node(producer);
    const auto linear = read_linear(graph_, main);
    if (!linear) return;
    auto bias = linear->bias;
    if (!affine.factor.empty()) {
      if (!linear->dense_weight || readers(main.inputs[1]) != 1) return;
      scale_weight(*linear, main.inputs[1], affine.factor);
      for (std::size_t c = 0; c < bias.size(); ++c) bias[c] *= affine.factor[c];
    }
    for (std::size_t c = 0; c < affine.offset.size(); ++c) bias[c] += affine.offset[c];

    Node& node = graph_.node(id);
    Sources sources = node.sources;
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
      if (graph_.is_constant(node.inputs[i])) add_sources(sources, graph_.sources(node.inputs[i]));
    }
    add_sources(sources, main.sources);
    if (!affine.factor.empty()) add_sources(graph_.value(main.inputs[1]).sources, sources);
    const bool had_bias = main.inputs.size() > 2 && main.inputs[2] != no_value;
    if (had_bias || !affine.offset.empty()) set_bias(main, bias, sources);

    node.op = main.op;
    if (is_op(node, "MatMul")) node.op = &find_op("Gemm");
    node.inputs = main.inputs;
    node.outputs.resize(1);
    node.attributes = main.attributes;
    if (node.attributes.has("beta")) node.attributes.set("beta", 1.0f);
    node.sources = std::move(sources);
    name_like(id, producer);
    dead_.push_back(producer);
  }

  void scale_weight(const Linear& linear, ValueId weight, const std::vector<double>& factor) {
    Value& value = graph_.value(weight);
    Tensor scaled = value.constant->parts[0].clone();
    for_float_elements(scaled, [&](std::size_t i, double element) {
      return element * factor[linear.channel_of(std::int64_t(i))];
    });
    value.constant = std::move(scaled);
  }

  /// Overwrites a bias that only this node reads, so that the user's name stays.
  void set_bias(Node& main, const std::vector<double>& bias, const Sources& sources) {
    const bool has = main.inputs.size() > 2 && main.inputs[2] != no_value;
    const DType type = graph_.value(main.inputs[1]).type.dtype;
    Tensor tensor = Tensor::zeros(type, {std::int64_t(bias.size())});
    for_float_elements(tensor, [&](std::size_t i, double) { return bias[i]; });
    Sources from = sources;
    if (has) add_sources(from, graph_.sources(main.inputs[2]));
    if (has && readers(main.inputs[2]) == 1) {
      graph_.set_constant(main.inputs[2], std::move(tensor), std::move(from));
      return;
    }
    const std::string name = has ? graph_.value(main.inputs[2]).name : main.name + ".bias";
    main.inputs.resize(3, no_value);
    main.inputs[2] = graph_.add_constant(name, std::move(tensor), std::move(from));
  }

  /// The name of the main node passes along a chain of folded ones.
  void name_like(NodeId id, NodeId main) {
    auto known = names_.find(main);
    names_[id] = known == names_.end() ? graph_.node(main).name : known->second;
    names_.erase(main);
  }

  struct Hash {
    std::size_t operator()(NodeId id) const { return index(id); }
  };

  Graph& graph_;
  const Uses uses_;
  const std::size_t limit_;  // values beyond are new: one reader each
  std::vector<NodeId> dead_;
  std::unordered_map<NodeId, std::string, Hash> names_;
};

void run(Graph& graph, const PassOptions&) { Folder(graph).run(); }

}  // namespace

extern const Pass fold_batch_norm_pass;
const Pass fold_batch_norm_pass = {
    "fold_batch_norm", "moves batch norm, scaling and bias into the weights before them", run};

}  // namespace strata::ir
