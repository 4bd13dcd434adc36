#include <algorithm>

#include "strata/ir/passes/attention_form.hpp"
#include "strata/ir/passes/fused_body.hpp"
#include "strata/ir/passes/fusible.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// Builds strata.Fused nodes: a main op, then an optional Add of a constant bias (MatMul, which has
// none of its own), an optional residual Add, an optional activation. Inputs are those of the main
// op, then the bias and the residual; bounds of a Clip are constants of the body.
// Transposes of what a MatMul multiplies come before it, so that it can read them in place; a
// constant factor of the product comes after it.

namespace strata::ir {
namespace {

/// Ops that kernels follow up with a residual and an activation, or an activation only.
bool is_linear(const Node& node) {
  return is_op(node, "Conv") || is_op(node, "ConvTranspose") || is_op(node, "Gemm") ||
         is_op(node, "MatMul");
}
bool is_binary(const Node& node) { return node.inputs.size() == 2 && is_fusible_arithmetic(node); }

/// Kernels multiply an operand by it, as attention does.
bool is_fusible_factor(float number, bool divides) {
  return is_attention_scale(divides ? 1 / double(number) : double(number));
}

struct Region {
  std::vector<NodeId> nodes;  // in order; the last one becomes the fused node
  std::size_t main = 0;       // which of them gives its name
  ValueId bias = no_value;
  ValueId residual = no_value;
};

class Fuser {
 public:
  explicit Fuser(Graph& graph)
      : graph_(graph), uses_(graph), taken_(graph.node_limit()), position_(graph.node_limit()) {
    const auto order = graph.order();
    for (std::size_t i = 0; i < order.size(); ++i) position_[index(order[i])] = i;
  }

  void run() {
    for (NodeId id : graph_.order()) {
      if (taken_[index(id)]) continue;
      const Node& node = graph_.node(id);
      if (!is_linear(node) && !is_binary(node)) continue;
      Region region = grow(id);
      if (region.nodes.size() < 2) continue;
      for (NodeId member : region.nodes) taken_[index(member)] = true;
      regions_.push_back(std::move(region));
    }
    std::vector<JoinedNodes> joined;
    for (const Region& region : regions_) {
      joined.push_back({.nodes = region.nodes,
                        .main = region.nodes[region.main],
                        .whole = region.main + 1,
                        .captured = {region.bias, region.residual}});
    }
    join_nodes(graph_, joined);
    for (const Region& region : regions_) {
      if (region.nodes.size() > region.main + 2) use_hard_swish(graph_.node(region.nodes.back()));
    }
  }

 private:
  const std::vector<ValueId>& outputs(NodeId id) const { return graph_.node(id).outputs; }

  /// The only reader of the value, if it is read nowhere else.
  std::optional<NodeId> only_reader(ValueId value) const {
    if (uses_.count(value) != 1 || uses_.of(value).size() != 1) return std::nullopt;
    const NodeId reader = uses_.of(value)[0];
    return taken_[index(reader)] ? std::nullopt : std::optional(reader);
  }

  Region grow(NodeId main) const {
    Region region;
    region.nodes = transposes_before(main);
    region.main = region.nodes.size();
    region.nodes.push_back(main);
    ValueId value = outputs(main)[0];
    auto next = only_reader(value);
    if (next && is_scaling(*next, value, main)) {
      region.nodes.push_back(*next);
      return region;
    }
    if (next && is_bias_add(*next, value, main)) {
      region.bias = other_operand(*next, value);
      region.nodes.push_back(*next);
      value = outputs(*next)[0];
      next = only_reader(value);
    }
    if (next && is_linear(graph_.node(main)) && is_residual_add(*next, value, main)) {
      region.residual = other_operand(*next, value);
      region.nodes.push_back(*next);
      value = outputs(*next)[0];
    }
    append_activation(region, value);
    return region;
  }

  /// Of the operands of a product of activations, where matrices keep rows or columns whose
  /// elements lie side by side.
  std::vector<NodeId> transposes_before(NodeId main) const {
    const Node& product = graph_.node(main);
    std::vector<NodeId> found;
    if (!is_op(product, "MatMul") || is_constant_or_absent(product.inputs[1])) return found;
    const auto rank_of = [&](ValueId id) { return graph_.value(id).type.shape.size(); };
    const std::size_t rank = rank_of(product.inputs[0]);
    if (rank < 3 || rank > 4 || rank_of(product.inputs[1]) != rank) return found;
    for (const ValueId operand : product.inputs) {
      const Node* transpose = producer_as(graph_, operand, "Transpose");
      const NodeId id = graph_.value(operand).producer;
      if (!transpose || taken_[index(id)] || only_reader(operand) != main) continue;
      const auto perm = transpose->attributes.integers("perm");
      if (perm.size() != rank || graph_.value(operand).type.dtype != DType::f32) continue;
      const auto last = std::int64_t(rank) - 1;
      if (perm[rank - 1] == last || perm[rank - 2] == last) found.push_back(id);
    }
    return found;
  }

  bool is_constant_or_absent(ValueId id) const { return id == no_value || graph_.is_constant(id); }

  /// The product of activations with one constant number, or divided by it.
  bool is_scaling(NodeId id, ValueId value, NodeId main) const {
    const Node& node = graph_.node(id);
    const Node& product = graph_.node(main);
    if (!is_op(product, "MatMul") || graph_.is_constant(product.inputs[1])) return false;
    const bool divides = is_op(node, "Div") && node.inputs[0] == value;
    if (!divides && !is_op(node, "Mul")) return false;
    const ValueId factor = other_operand(id, value);
    if (!graph_.is_constant(factor) || graph_.value(factor).type.dtype != DType::f32) return false;
    return graph_.value(factor).constant->shape.elements() == 1 &&
           is_fusible_factor(graph_.value(factor).constant->decode().to_float()[0], divides) &&
           graph_.value(node.outputs[0]).type == graph_.value(value).type;
  }

  ValueId other_operand(NodeId id, ValueId value) const {
    const auto& inputs = graph_.node(id).inputs;
    return inputs[inputs[0] == value ? 1 : 0];
  }

  /// A number for each column of a product with constant weights.
  bool is_bias_add(NodeId id, ValueId value, NodeId main) const {
    const Node& add = graph_.node(id);
    const Node& product = graph_.node(main);
    if (!is_op(product, "MatMul") || !is_op(add, "Add")) return false;
    const ValueId weight = product.inputs[1], bias = other_operand(id, value);
    if (!graph_.is_constant(weight) || !graph_.is_constant(bias)) return false;
    const Shape& shape = graph_.value(weight).constant->shape;
    const Shape& biases = graph_.value(bias).constant->shape;
    return shape.rank() == 2 && biases.rank() >= 1 && biases[-1] == shape[1] &&
           biases.elements() == shape[1] &&
           graph_.value(add.outputs[0]).type == graph_.value(value).type;
  }

  bool is_residual_add(NodeId id, ValueId value, NodeId main) const {
    const Node& add = graph_.node(id);
    if (!is_op(add, "Add") || add.inputs[0] == add.inputs[1]) return false;
    const ValueId other = other_operand(id, value);
    const TensorType& type = graph_.value(add.outputs[0]).type;
    if (graph_.is_constant(other) || graph_.value(other).type != type ||
        graph_.value(value).type != type) {
      return false;
    }
    // Of two main ops that are added, the later one takes the other's result.
    const NodeId producer = graph_.value(other).producer;
    return producer == no_node || position_[index(producer)] < position_[index(main)] ||
           !is_linear(graph_.node(producer)) || uses_.count(other) != 1;
  }

  void append_activation(Region& region, ValueId value) const {
    if (const auto next = only_reader(value)) {
      const Node& node = graph_.node(*next);
      const bool first = !node.inputs.empty() && node.inputs[0] == value;
      if (first && is_fusible_activation(node) && has_known_bounds(node)) {
        region.nodes.push_back(*next);
      }
      return;
    }
    append_gate(region, value);
  }

  /// Bounds of a Clip are operands.
  bool has_known_bounds(const Node& node) const {
    return !is_op(node, "Clip") ||
           std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                       [&](ValueId id) { return id == no_value || graph_.is_constant(id); });
  }

  /// x * sigmoid(x), or x * hard_sigmoid(x) as HardSwish defines it.
  void append_gate(Region& region, ValueId value) const {
    if (uses_.count(value) != 2 || uses_.of(value).size() != 2) return;
    NodeId gate = uses_.of(value)[0], product = uses_.of(value)[1];
    if (taken_[index(gate)] || taken_[index(product)]) return;
    const Node& sigmoid = graph_.node(gate);
    const Node& mul = graph_.node(product);
    if (!is_op(mul, "Mul") || (!is_op(sigmoid, "Sigmoid") && !is_hard_swish_gate(sigmoid))) return;
    if (only_reader(sigmoid.outputs[0]) != product) return;
    region.nodes.push_back(gate);
    region.nodes.push_back(product);
  }

  static bool is_hard_swish_gate(const Node& node) {
    return is_op(node, "HardSigmoid") && node.attributes.real("alpha", 0.2f) == 1.0f / 6 &&
           node.attributes.real("beta", 0.5f) == 0.5f;
  }

  /// x * hard_sigmoid(x) at the end of the body is HardSwish, which kernels know.
  static void use_hard_swish(Node& fused) {
    Graph body = fused.attributes.graph("body");
    const NodeId last = body.order().back();
    const NodeId gate = body.order()[body.order().size() - 2];
    Node& product = body.node(last);
    if (!is_op(product, "Mul") || !is_hard_swish_gate(body.node(gate))) return;
    add_sources(product.sources, body.node(gate).sources);
    product.op = &find_op("HardSwish");
    product.inputs = {body.node(gate).inputs[0]};
    body.erase(std::vector{gate});
    body.compact();
    fused.attributes.set("body", std::make_shared<const Graph>(std::move(body)));
  }

  Graph& graph_;
  const Uses uses_;
  std::vector<bool> taken_;
  std::vector<std::size_t> position_;
  std::vector<Region> regions_;
};

/// Kernels may run such parts by themselves, each with what follows it, if none takes the whole.
void fuse_within(Node& fused) {
  Graph body = fused.attributes.graph("body");
  Fuser(body).run();
  body.sort();
  body.compact();
  if (body.order().size() < 2) return;  // the whole is such a part
  fused.attributes.set("body", std::make_shared<const Graph>(std::move(body)));
}

void run(Graph& graph, const PassOptions&) {
  for (NodeId id : graph.order()) {
    Node& node = graph.node(id);
    if (has_parts(node)) fuse_within(node);
  }
  Fuser(graph).run();
}

}  // namespace

extern const Pass fuse_pass;
const Pass fuse_pass = {"fuse", "joins activations and residuals to the ops before them", run};

}  // namespace strata::ir
