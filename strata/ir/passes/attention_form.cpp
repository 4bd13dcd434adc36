#include "strata/ir/passes/attention_form.hpp"

#include <algorithm>
#include <cmath>

#include "strata/ir/passes/rewrite.hpp"

namespace strata::ir {
namespace {

class Matcher {
 public:
  Matcher(const Graph& graph, const Uses& uses, NodeId softmax)
      : graph_(graph), uses_(uses), softmax_(graph.node(softmax)), nodes_{softmax} {}

  AttentionMatch match() {
    AttentionMatch match;
    mix_ = product_after();
    match.candidate = mix_ != no_node && leads_to_product(softmax_.inputs[0], most_between);
    if (!match.candidate) return match;
    match.reason = read();
    if (!match.reason.empty()) return match;
    for (NodeId id : graph_.order()) {
      if (std::ranges::count(nodes_, id) != 0) form_.nodes.push_back(id);
    }
    form_.scale = float(scale_);
    match.form = std::move(form_);
    return match;
  }

 private:
  static constexpr int most_between = 4;  ///< nodes between product and Softmax of a candidate

  const TensorType& type(ValueId id) const { return graph_.value(id).type; }
  bool read_once(ValueId id) const { return uses_.count(id) == 1; }

  NodeId product_after() const {
    for (NodeId id : uses_.of(softmax_.outputs[0])) {
      const Node& node = graph_.node(id);
      if (is_op(node, "MatMul") && node.inputs[0] == softmax_.outputs[0]) return id;
    }
    return no_node;
  }

  /// Whether a product of activations becomes the value within so many steps.
  bool leads_to_product(ValueId value, int steps) const {
    if (value == no_value || graph_.value(value).producer == no_node || steps < 0) return false;
    const Node& node = graph_.node(graph_.value(value).producer);
    if (is_op(node, "MatMul")) return !graph_.is_constant(node.inputs[1]);
    constexpr std::string_view between[] = {"Add", "Sub", "Mul", "Div", "Where", "Tanh"};
    return node.op->domain.empty() && std::ranges::count(between, node.op->name) != 0 &&
           std::ranges::any_of(node.inputs,
                               [&](ValueId id) { return leads_to_product(id, steps - 1); });
  }

  /// Why it is none; empty: it is one.
  std::string_view read() {
    const ValueId weights = softmax_.outputs[0];
    const auto rank = std::int64_t(type(weights).shape.size());
    if (type(weights).dtype != DType::f32) return "it is not in f32";
    if (rank < 3 || rank > 4) return "its matrices have neither one axis of a batch nor two";
    const std::int64_t axis = softmax_.attributes.integer("axis", -1);
    if (axis != -1 && axis != rank - 1) return "the Softmax is not along the keys";
    if (!read_once(weights)) return "what the Softmax gives is wanted elsewhere";
    const auto reason = read_scores();
    if (!reason.empty()) return reason;
    const Node& product = graph_.node(product_);
    const Node& mix = graph_.node(mix_);
    for (const ValueId id : {product.inputs[0], product.inputs[1], mix.inputs[1]}) {
      if (std::int64_t(type(id).shape.size()) != rank) return "its operands differ in rank";
    }
    form_.q = operand(product.inputs[0], true);
    form_.k = operand(product.inputs[1], true);
    form_.v = operand(mix.inputs[1], false);
    if (!is_attention_scale(scale_)) return "the scale makes scores larger, or next to nothing";
    read_result(mix.outputs[0]);
    return {};
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
      if (is_op(node, "MatMul")) {
        product_ = id;
        return {};
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

  /// A Transpose that leaves rows of the result whole says where they are written.
  void read_result(ValueId result) {
    form_.result = result;
    nodes_.push_back(mix_);
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
  const Node& softmax_;
  NodeId product_ = no_node, mix_ = no_node;
  double scale_ = 1;
  std::vector<NodeId> nodes_;
  AttentionForm form_;
};

}  // namespace

bool is_attention_scale(double scale) { return std::abs(scale) >= 0x1p-20 && std::abs(scale) <= 1; }

AttentionMatch match_attention(const Graph& graph, const Uses& uses, NodeId softmax) {
  return Matcher(graph, uses, softmax).match();
}

}  // namespace strata::ir
