#include <fmt/format.h>

#include <algorithm>

#include "strata/ir/op.hpp"
#include "strata/ir/passes/attention_form.hpp"
#include "strata/ir/passes/fusible.hpp"
#include "strata/ir/passes/rewrite.hpp"
#include "strata/runtime/apart.hpp"
#include "strata/runtime/lowering/region.hpp"
#include "strata/runtime/program.hpp"

namespace strata::runtime {
namespace {

using ir::is_op;

constexpr std::string_view switched_off = "the pass that joins them is off";

bool is_named(const ir::Node& node, std::span<const std::string_view> names) {
  return node.op->domain.empty() && std::ranges::count(names, node.op->name) != 0;
}

bool is_elementwise(const ir::Node& node) {
  constexpr std::string_view others[] = {"Abs", "Ceil", "Erf", "Exp",        "Floor", "Gelu",
                                         "Log", "Neg",  "Pow", "Reciprocal", "Sqrt"};
  const auto is_one = [&](const ir::Node& each) {
    return ir::is_fusible_activation(each) || ir::is_fusible_arithmetic(each) ||
           is_named(each, others);
  };
  if (!is_fused(node)) return is_one(node);
  const ir::Graph& body = node.attributes.graph("body");
  return std::ranges::all_of(body.order(), [&](ir::NodeId id) { return is_one(body.node(id)); });
}

bool is_product(const ir::Node& node) {
  constexpr std::string_view names[] = {"Conv", "ConvTranspose", "Gemm", "MatMul"};
  return is_named(node, names);
}

class ChainFinder {
 public:
  explicit ChainFinder(const Program& program)
      : graph_(program.graph()), uses_(graph_), found_(program.apart()) {}

  std::vector<Apart> find() {
    for (const ir::NodeId id : graph_.order()) {
      const ir::Node& node = graph_.node(id);
      if (ir::is_fusible_activation(node)) {
        explain(node, node.inputs[0], reason_against_activation(node));
      } else if (is_op(node, "Add")) {
        explain_sum(node);
      }
    }
    find_elementwise();
    find_attention();
    return std::move(found_);
  }

 private:
  /// What computes the value, as its own node or as the body of a fused one; null for inputs.
  const ir::Node* producer(ir::ValueId value) const {
    if (value == ir::no_value || graph_.value(value).producer == ir::no_node) return nullptr;
    return &graph_.node(graph_.value(value).producer);
  }

  /// The product that the value is, maybe with what follows it.
  const ir::Node* product_of(ir::ValueId value) const {
    const ir::Node* node = producer(value);
    if (!node || is_product(*node)) return node;
    if (!is_fused(*node) || ir::has_parts(*node)) return nullptr;
    const ir::Graph& body = node->attributes.graph("body");
    const bool any =
        std::ranges::any_of(body.order(), [&](ir::NodeId id) { return is_product(body.node(id)); });
    return any ? node : nullptr;
  }

  bool ends_in_activation(const ir::Node& node) const {
    if (!is_fused(node)) return false;
    const ir::Graph& body = node.attributes.graph("body");
    return ir::is_fusible_activation(body.node(body.order().back())) ||
           is_op(body.node(body.order().back()), "Mul");
  }

  std::string_view reason_against_activation(const ir::Node& node) const {
    const ir::Node* before = producer(node.inputs[0]);
    if (before && ends_in_activation(*before)) return "a kernel applies one activation";
    const bool known_bounds =
        !is_op(node, "Clip") ||
        std::all_of(node.inputs.begin() + 1, node.inputs.end(),
                    [&](ir::ValueId id) { return id == ir::no_value || graph_.is_constant(id); });
    return known_bounds ? switched_off : "its bounds are not constant";
  }

  /// Two values of which one may be a product's.
  void explain_sum(const ir::Node& node) {
    for (const std::size_t at : {1u, 0u}) {
      const ir::ValueId value = node.inputs[at], other = node.inputs[1 - at];
      const ir::Node* product = product_of(value);
      if (!product) continue;
      std::string_view reason = switched_off;
      if (graph_.is_constant(other)) {
        reason = "the constant has not one number for each column of a product by weights";
      } else if (graph_.value(other).type != graph_.value(value).type) {
        reason = "the other operand is broadcast";
      } else if (ends_in_activation(*product)) {
        reason = "a kernel adds before its activation";
      }
      return explain(node, value, reason);
    }
  }

  /// That the node is apart from what computes the value.
  void explain(const ir::Node& node, ir::ValueId value, std::string_view reason) {
    const ir::Node* before = product_of(value);
    if (!before || is_explained(before->name)) return;
    const std::size_t readers = uses_.count(value);
    found_.push_back({{before->name, node.name},
                      readers == 1
                          ? std::string(reason)
                          : fmt::format("what lies between them is wanted {} times", readers)});
  }

  bool is_explained(const std::string& name) const {
    return std::ranges::any_of(
        found_, [&](const Apart& apart) { return std::ranges::count(apart.nodes, name) != 0; });
  }

  /// Element-wise nodes of which each reads what nobody else wants of the one before it.
  void find_elementwise() {
    std::vector<Apart> chains;
    for (const ir::NodeId id : graph_.order()) {
      const ir::Node& node = graph_.node(id);
      const ir::Node* before = is_elementwise(node) ? elementwise_before(node) : nullptr;
      if (!before || is_explained(node.name)) continue;
      const bool activates = ir::is_fusible_activation(node) &&
                             (is_fused(*before) || ir::is_fusible_arithmetic(*before));
      const std::string_view reason =
          activates ? reason_against_activation(node)
                    : "kernels compute arithmetic and then one activation in one pass";
      const auto chain = std::ranges::find_if(chains, [&](const Apart& apart) {
        return apart.nodes.back() == before->name && apart.reason == reason;
      });
      if (chain != chains.end()) {
        chain->nodes.push_back(node.name);
      } else {
        chains.push_back({{before->name, node.name}, std::string(reason)});
      }
    }
    found_.insert(found_.end(), chains.begin(), chains.end());
  }

  const ir::Node* elementwise_before(const ir::Node& node) const {
    for (const ir::ValueId value : node.inputs) {
      const ir::Node* before = producer(value);
      if (before && is_elementwise(*before) && uses_.count(value) == 1 &&
          graph_.value(value).type == graph_.value(node.outputs[0]).type &&
          graph_.value(value).type.dtype == DType::f32) {
        return before;
      }
    }
    return nullptr;
  }

  /// Products about a Softmax.
  void find_attention() {
    const ir::Graph flat = flattened(graph_);
    const ir::Uses uses(flat);
    for (const ir::NodeId id : flat.order()) {
      const ir::Node& node = flat.node(id);
      if (!is_op(node, "Softmax") || is_explained(node.name)) continue;
      const ir::AttentionMatch match = ir::match_attention(flat, uses, id);
      if (!match.candidate) continue;
      found_.push_back(
          {{node.name},
           match.form ? std::string(switched_off) : fmt::format("no attention: {}", match.reason)});
    }
  }

  const ir::Graph& graph_;
  const ir::Uses uses_;
  std::vector<Apart> found_;
};

}  // namespace

std::vector<Apart> chains_apart(const Program& program) { return ChainFinder(program).find(); }

}  // namespace strata::runtime
