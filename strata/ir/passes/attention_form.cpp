#include "strata/ir/passes/attention_form.hpp"

#include <algorithm>
#include <cmath>

#include "strata/ir/passes/rewrite.hpp"

namespace strata::ir {
namespace {

class Matcher {
 public:
  Matcher(const Graph& graph, const Uses& uses, NodeId softmax)
      : graph_(graph), uses_(uses), id_(softmax), softmax_(graph.node(softmax)) {}

  AttentionMatch match() {
    AttentionMatch match;
    mix_ = product_after(softmax_.outputs[0]);
    match.candidate = mix_ != no_node && leads_to_product(softmax_.inputs[0], most_between);
    if (!match.candidate) return match;
    match.reason = read();
    if (!match.reason.empty()) return match;
    form_.nodes = std::move(nodes_);
    form_.scale = float(scale_);
    match.form = std::move(form_);
    return match;
  }

 private:
  /// Nodes between either product and the Softmax of a candidate.
  static constexpr int most_between = 4;

  const TensorType& type(ValueId id) const { return graph_.value(id).type; }
  bool read_once(ValueId id) const { return uses_.count(id) == 1; }

  /// A product of two activations, neither with anything added.
  bool is_product(const Node& node) const {
    const bool gemm = is_op(node, "Gemm") && node.attributes.integer("transA", 0) == 0 &&
                      (node.inputs.size() < 3 || node.inputs[2] == no_value);
    return (gemm || is_op(node, "MatMul")) && !graph_.is_constant(node.inputs[1]);
  }

  /// Gives the same matrix with another number of axes of one before it.
  bool is_reshape_of_matrix(const Node& node) const {
    if (!is_op(node, "Reshape")) return false;
    const SymbolicShape& from = type(node.inputs[0]).shape;
    const SymbolicShape& to = type(node.outputs[0]).shape;
    const auto is_matrix = [](const SymbolicShape& shape) {
      return shape.size() >= 2 && std::all_of(shape.begin(), shape.end() - 2,
                                              [](const Dim& dim) { return dim == Dim(1); });
    };
    return is_matrix(from) && is_matrix(to) && from.back() == to.back() &&
           from[from.size() - 2] == to[to.size() - 2];
  }

  /// The product that the weights, maybe reshaped, are the first factor of.
  NodeId product_after(ValueId weights) const {
    for (int steps = 0; steps <= most_between && weights != no_value; ++steps) {
      ValueId reshaped = no_value;
      for (NodeId id : uses_.of(weights)) {
        const Node& node = graph_.node(id);
        if (is_product(node) && node.inputs[0] == weights) return id;
        if (is_reshape_of_matrix(node)) reshaped = node.outputs[0];
      }
      weights = reshaped;
    }
    return no_node;
  }

  /// Whether a product of activations becomes the value within so many steps.
  bool leads_to_product(ValueId value, int steps) const {
    if (value == no_value || graph_.value(value).producer == no_node || steps < 0) return false;
    const Node& node = graph_.node(graph_.value(value).producer);
    if (is_product(node)) return true;
    constexpr std::string_view between[] = {"Add", "Sub", "Mul", "Div", "Where", "Tanh", "Reshape"};
    return node.op->domain.empty() && std::ranges::count(between, node.op->name) != 0 &&
           std::ranges::any_of(node.inputs,
                               [&](ValueId id) { return leads_to_product(id, steps - 1); });
  }

  /// Why it is none; empty: it is one. Nodes are found from the last to the first.
  std::string_view read() {
    const ValueId weights = softmax_.outputs[0];
    const auto axes = std::int64_t(type(weights).shape.size());
    if (type(weights).dtype != DType::f32) return "it is not in f32";
    const std::int64_t axis = softmax_.attributes.integer("axis", -1);
    if (axis != -1 && axis != axes - 1) return "the Softmax is not along the keys";
    const Node& mix = graph_.node(mix_);
    nodes_.push_back(mix_);
    form_.v = second_operand(mix, false);
    if (!read_weights(mix.inputs[0])) return "what the Softmax gives is wanted elsewhere";
    nodes_.push_back(id_);
    const auto reason = read_scores();
    if (!reason.empty()) return reason;
    const Node& product = graph_.node(product_);
    const std::size_t rank = type(product.outputs[0]).shape.size();
    if (rank < 2 || rank > 4) return "its matrices have more than two axes of a batch";
    for (const ValueId id : {product.inputs[0], product.inputs[1], mix.inputs[0], mix.inputs[1]}) {
      if (type(id).shape.size() != rank) return "its operands differ in rank";
    }
    if (is_op(mix, "Gemm") && mix.attributes.real("alpha", 1) != 1) {
      return "what the Softmax gives is scaled";
    }
    if (is_op(product, "Gemm")) scale_ *= double(product.attributes.real("alpha", 1));
    form_.k = second_operand(product, true);
    form_.q = operand(product.inputs[0], true);
    std::ranges::reverse(nodes_);
    if (!is_attention_scale(scale_)) return "the scale makes scores larger, or next to nothing";
    read_result(mix.outputs[0]);
    return {};
  }

  /// From the second product's first factor back to the Softmax.
  bool read_weights(ValueId value) {
    while (read_once(value)) {
      const NodeId id = graph_.value(value).producer;
      if (value == softmax_.outputs[0]) return true;
      nodes_.push_back(id);
      value = graph_.node(id).inputs[0];
    }
    return false;
  }

  /// From the Softmax's operand back to the product.
  std::string_view read_scores() {
    ValueId value = softmax_.inputs[0];
    while (true) {
      if (!read_once(value)) return "its scores are wanted elsewhere";
      const NodeId id = graph_.value(value).producer;
      if (id == no_node) return "something else than a product gives its scores";
      const Node& node = graph_.node(id);
      nodes_.push_back(id);
      if (is_product(node)) {
        product_ = id;
        return {};
      }
      if (is_reshape_of_matrix(node)) {
        value = node.inputs[0];
        continue;
      }
      if (const ValueId rest = take_factor(node); rest != no_value) {
        value = rest;
        continue;
      }
      if (!is_op(node, "Add"))
        return "more than a constant scale and a mask lie before the Softmax";
      if (form_.mask != no_value) return "two things are added to its scores";
      if (scale_ != 1) return "its mask is scaled with the scores";
      const std::size_t mine = leads_to_product(node.inputs[0], most_between) ? 0 : 1;
      if (type(node.inputs[mine]) != type(value)) return "its mask makes more of the scores";
      form_.mask = node.inputs[1 - mine];
      value = node.inputs[mine];
    }
  }

  /// What the node multiplies by a constant number or divides by it, which joins the scale;
  /// no_value if it does something else.
  ValueId take_factor(const Node& node) {
    const bool divides = is_op(node, "Div");
    if (!divides && !is_op(node, "Mul")) return no_value;
    for (const std::size_t at : {1u, 0u}) {
      const ValueId rest = node.inputs[1 - at], factor = node.inputs[at];
      if (!graph_.is_constant(factor) || (divides && at == 0)) continue;
      const EncodedTensor& constant = *graph_.value(factor).constant;
      if (constant.dtype != DType::f32 || constant.shape.elements() != 1) continue;
      if (type(rest) != type(node.outputs[0])) continue;
      const auto number = double(constant.decode().to_float()[0]);
      scale_ *= divides ? 1 / number : number;
      return rest;
    }
    return no_value;
  }

  /// Through a Transpose and, of queries and keys, constant factors.
  AttentionForm::Operand operand(ValueId value, bool scaled) {
    AttentionForm::Operand found{value, {}};
    while (read_once(found.value) && graph_.value(found.value).producer != no_node) {
      const NodeId id = graph_.value(found.value).producer;
      const Node& node = graph_.node(id);
      if (is_op(node, "Transpose") && found.perm.empty() && node.attributes.has("perm")) {
        found.perm = node.attributes.integers("perm");
        found.value = node.inputs[0];
      } else if (const ValueId rest = scaled ? take_factor(node) : no_value; rest != no_value) {
        found.value = rest;
      } else {
        break;
      }
      nodes_.push_back(id);
    }
    return found;
  }

  /// The same for the second operand of a product, which Gemm may transpose.
  AttentionForm::Operand second_operand(const Node& product, bool scaled) {
    AttentionForm::Operand found = operand(product.inputs[1], scaled);
    if (!is_op(product, "Gemm") || product.attributes.integer("transB", 0) == 0) return found;
    if (found.perm.empty()) found.perm = {0, 1};
    std::ranges::reverse(found.perm);
    return found;
  }

  /// A Transpose that leaves rows of the result whole says where they are written.
  void read_result(ValueId result) {
    form_.result = result;
    if (!read_once(result) || uses_.of(result).empty()) return;
    const NodeId id = uses_.of(result)[0];
    const Node& node = graph_.node(id);
    if (!is_op(node, "Transpose")) return;
    const auto perm = node.attributes.integers("perm");
    if (perm.empty() || perm.back() != std::int64_t(perm.size()) - 1) return;
    form_.result_perm = perm;
    form_.result = node.outputs[0];
    nodes_.push_back(id);
  }

  const Graph& graph_;
  const Uses& uses_;
  const NodeId id_;
  const Node& softmax_;
  NodeId product_ = no_node, mix_ = no_node;
  double scale_ = 1;
  std::vector<NodeId> nodes_;
  AttentionForm form_;
};

}  // namespace

bool has_parts(const Node& node) {
  if (node.op->domain != "strata" || node.op->name != "Fused") return false;
  const Graph& body = node.attributes.graph("body");
  return std::ranges::any_of(body.order(),
                             [&](NodeId id) { return is_op(body.node(id), "Softmax"); });
}

bool is_attention_scale(double scale) { return std::abs(scale) >= 0x1p-20 && std::abs(scale) <= 1; }

AttentionMatch match_attention(const Graph& graph, const Uses& uses, NodeId softmax) {
  return Matcher(graph, uses, softmax).match();
}

}  // namespace strata::ir
