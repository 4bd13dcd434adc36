#include <algorithm>
#include <cmath>

#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// x / sqrt(mean(x * x) + epsilon) * scale along the last axis, in whatever nodes it is spelled, is
// RMSNormalization; of x less its mean, and with a bias added, it is LayerNormalization. Keras
// spells that x * factor + (bias - mean * factor), the factor being scale / root.

namespace strata::ir {
namespace {

/// What a spelling turned out to be.
struct Norm {
  ValueId x = no_value, scale = no_value, bias = no_value;
  float epsilon = 0;
  bool centred = false;
  NodeId last = no_node;
  std::vector<NodeId> others;
};

class Recognizer {
 public:
  explicit Recognizer(Graph& graph) : graph_(graph), uses_(graph), taken_(graph.node_limit()) {}

  void run() {
    std::vector<Norm> found;
    for (NodeId id : graph_.order()) {
      if (auto norm = norm_from(id)) found.push_back(std::move(*norm));
    }
    std::vector<NodeId> dead;
    for (const Norm& norm : found) {
      replace(norm);
      dead.insert(dead.end(), norm.others.begin(), norm.others.end());
    }
    graph_.erase(dead);
  }

 private:
  const TensorType& type(ValueId id) const { return graph_.value(id).type; }
  bool read_times(ValueId id, std::size_t times) const { return uses_.count(id) == times; }

  std::optional<double> scalar(ValueId id) const {
    if (!graph_.is_constant(id)) return std::nullopt;
    const EncodedTensor& constant = *graph_.value(id).constant;
    if (constant.dtype != DType::f32 || constant.shape.elements() != 1) return std::nullopt;
    return double(constant.decode().to_float()[0]);
  }
  bool is_scalar(ValueId id, double expected) const { return scalar(id) == expected; }

  /// The node that computes the value, which is read so often; null if it is another op. It becomes
  /// a part.
  const Node* inner(ValueId id, std::string_view op, Norm& norm, std::size_t times = 1) const {
    if (id == no_value || !read_times(id, times)) return nullptr;
    const Node* node = producer_as(graph_, id, op);
    if (node) norm.others.push_back(graph_.value(id).producer);
    return node;
  }

  /// What a mean along the last axis, which stays, is taken of; no_value if the value is none.
  ValueId mean_of(ValueId id, Norm& norm, std::size_t times = 1) const {
    const Node* mean = inner(id, "ReduceMean", norm, times);
    if (!mean || mean->attributes.integer("keepdims", 1) == 0 || mean->inputs.size() < 2 ||
        !graph_.is_constant(mean->inputs[1])) {
      return no_value;
    }
    const auto axes = graph_.value(mean->inputs[1]).constant->decode().to_int64();
    const auto rank = std::int64_t(type(mean->inputs[0]).shape.size());
    const bool last = axes.size() == 1 && (axes[0] == -1 || axes[0] == rank - 1);
    return last ? mean->inputs[0] : no_value;
  }

  /// What the value is the square of.
  ValueId square_of(ValueId id, Norm& norm) const {
    if (const Node* power = inner(id, "Pow", norm)) {
      return is_scalar(power->inputs[1], 2) ? power->inputs[0] : no_value;
    }
    const Node* product = inner(id, "Mul", norm);
    return product && product->inputs[0] == product->inputs[1] ? product->inputs[0] : no_value;
  }

  /// What sqrt(mean(what^2) + epsilon) is, or its inverse if `inverted`, is made of.
  ValueId normalized_by(ValueId id, bool inverted, Norm& norm) const {
    if (inverted) {
      if (const Node* reciprocal = inner(id, "Reciprocal", norm)) {
        id = reciprocal->inputs[0];
      } else if (const Node* divide = inner(id, "Div", norm)) {
        if (!is_scalar(divide->inputs[0], 1)) return no_value;
        id = divide->inputs[1];
      } else if (const Node* power = inner(id, "Pow", norm)) {
        return is_scalar(power->inputs[1], -0.5) ? shifted_mean(power->inputs[0], norm) : no_value;
      } else {
        return no_value;
      }
    }
    if (const Node* root = inner(id, "Sqrt", norm)) return shifted_mean(root->inputs[0], norm);
    const Node* power = inner(id, "Pow", norm);
    if (!power || !is_scalar(power->inputs[1], 0.5)) return no_value;
    return shifted_mean(power->inputs[0], norm);
  }

  ValueId shifted_mean(ValueId id, Norm& norm) const {
    const Node* sum = inner(id, "Add", norm);
    if (!sum) return no_value;
    const std::size_t at = graph_.is_constant(sum->inputs[0]) ? 0 : 1;
    const auto epsilon = scalar(sum->inputs[at]);
    if (!epsilon || !(*epsilon >= 0) || !std::isfinite(*epsilon)) return no_value;
    norm.epsilon = float(*epsilon);
    const ValueId squares = mean_of(sum->inputs[1 - at], norm);
    return squares == no_value ? no_value : square_of(squares, norm);
  }

  /// The node divides by the root, or multiplies by its inverse.
  std::optional<Norm> unit_from(NodeId id) const {
    const Node& node = graph_.node(id);
    const bool divides = is_op(node, "Div");
    if (!divides && !is_op(node, "Mul")) return std::nullopt;
    for (const std::size_t at : {1u, 0u}) {
      if (divides && at == 0) break;
      Norm norm;
      norm.x = node.inputs[1 - at];
      if (normalized_by(node.inputs[at], !divides, norm) != norm.x) continue;
      norm.last = id;
      return norm;
    }
    return std::nullopt;
  }

  /// x less its mean is read by the square, twice if that is a product, and by the quotient.
  void centre(Norm& norm) const {
    const Node* difference = producer_as(graph_, norm.x, "Sub");
    if (!difference) return;
    Norm centred = norm;
    const auto readers = uses_.of(norm.x);
    const bool inside = std::ranges::all_of(readers, [&](NodeId reader) {
      return reader == norm.last || std::ranges::count(norm.others, reader) != 0;
    });
    if (!inside || !read_times(norm.x, readers.size())) return;
    centred.others.push_back(graph_.value(norm.x).producer);
    const ValueId x = difference->inputs[0];
    if (mean_of(difference->inputs[1], centred) != x || type(x) != type(norm.x)) return;
    centred.x = x;
    centred.centred = true;
    norm = std::move(centred);
  }

  /// One number for each element of the last axis.
  bool is_per_element(ValueId id, ValueId of) const {
    return type(id).dtype == DType::f32 && !type(of).shape.empty() &&
           type(id).shape == SymbolicShape{type(of).shape.back()};
  }

  /// x * factor + (bias - mean * factor).
  std::optional<Norm> keras_from(NodeId id) const {
    const Node& sum = graph_.node(id);
    if (!is_op(sum, "Add")) return std::nullopt;
    for (const std::size_t at : {0u, 1u}) {
      const Node* product = producer_as(graph_, sum.inputs[at], "Mul");
      if (!product || !producer_as(graph_, sum.inputs[1 - at], "Sub")) continue;
      for (const std::size_t side : {0u, 1u}) {
        Norm norm;
        norm.last = id;
        norm.x = product->inputs[side];
        inner(sum.inputs[at], "Mul", norm);
        if (read_factors(product->inputs[1 - side], sum.inputs[1 - at], norm)) return norm;
      }
    }
    return std::nullopt;
  }

  /// Whether the factor, and the bias less the mean times it, are those of a norm of x.
  bool read_factors(ValueId factor, ValueId shift, Norm& norm) const {
    const Node* scaled = inner(factor, "Mul", norm, 2);
    const Node* difference = inner(shift, "Sub", norm);
    if (!scaled || !difference) return false;
    const Node* centre_product = inner(difference->inputs[1], "Mul", norm);
    if (!centre_product) return false;
    const std::size_t mean_at = centre_product->inputs[0] == factor ? 1 : 0;
    if (centre_product->inputs[1 - mean_at] != factor) return false;
    const ValueId mean = centre_product->inputs[mean_at];
    const std::size_t scale_at = is_per_element(scaled->inputs[1], norm.x) ? 1 : 0;
    norm.scale = scaled->inputs[scale_at];
    norm.bias = difference->inputs[0];
    if (!is_per_element(norm.scale, norm.x) || !is_per_element(norm.bias, norm.x)) return false;
    const ValueId centred = normalized_by(scaled->inputs[1 - scale_at], true, norm);
    const Node* less_mean = centred == no_value ? nullptr : producer_as(graph_, centred, "Sub");
    if (!less_mean || less_mean->inputs[0] != norm.x || less_mean->inputs[1] != mean) return false;
    const bool only_squared = uses_.count(centred) == uses_.of(centred).size() &&
                              std::ranges::all_of(uses_.of(centred), [&](NodeId reader) {
                                return std::ranges::count(norm.others, reader) != 0;
                              });
    norm.others.push_back(graph_.value(centred).producer);
    norm.centred = true;
    return only_squared && mean_of(mean, norm, 2) == norm.x;
  }

  /// Of the only node that reads what was found so far, the operand that stands for each element of
  /// the last axis, if it is such a node; that becomes the last.
  ValueId follow(std::string_view op, Norm& norm) const {
    const ValueId value = graph_.node(norm.last).outputs[0];
    if (!read_times(value, 1) || uses_.of(value).empty()) return no_value;
    const NodeId id = uses_.of(value)[0];
    const Node& node = graph_.node(id);
    if (!is_op(node, op)) return no_value;
    const ValueId other = node.inputs[node.inputs[0] == value ? 1 : 0];
    if (!is_per_element(other, value)) return no_value;
    norm.others.push_back(norm.last);
    norm.last = id;
    return other;
  }

  std::optional<Norm> norm_from(NodeId id) {
    auto norm = unit_from(id);
    if (norm) {
      centre(*norm);
      norm->scale = follow("Mul", *norm);
      if (norm->scale == no_value) return std::nullopt;
      if (norm->centred) norm->bias = follow("Add", *norm);
    } else {
      norm = keras_from(id);
    }
    if (!norm || type(norm->x).dtype != DType::f32 ||
        type(norm->x) != type(graph_.node(norm->last).outputs[0])) {
      return std::nullopt;
    }
    const auto is_taken = [&](NodeId node) { return taken_[index(node)]; };
    if (is_taken(norm->last) || std::ranges::any_of(norm->others, is_taken)) return std::nullopt;
    taken_[index(norm->last)] = true;
    for (NodeId node : norm->others) taken_[index(node)] = true;
    return norm;
  }

  void replace(const Norm& norm) {
    Node& last = graph_.node(norm.last);
    for (NodeId id : norm.others) add_sources(last.sources, graph_.node(id).sources);
    last.op = &find_op(norm.centred ? "LayerNormalization" : "RMSNormalization");
    last.inputs = {norm.x, norm.scale};
    if (norm.bias != no_value) last.inputs.push_back(norm.bias);
    last.attributes = {{"epsilon", norm.epsilon}};
  }

  Graph& graph_;
  const Uses uses_;
  std::vector<bool> taken_;
};

void run(Graph& graph, const PassOptions&) { Recognizer(graph).run(); }

}  // namespace

extern const Pass recognize_norm_pass;
const Pass recognize_norm_pass = {
    "recognize_norm", "makes one node of the means, roots and products that spell a norm", run};

}  // namespace strata::ir
