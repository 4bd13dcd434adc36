#include "strata/runtime/lowering/region.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/ir/inline.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/passes/attention_form.hpp"
#include "strata/ir/passes/rewrite.hpp"

namespace strata::runtime {
namespace {

using ir::is_op;
using kernels::Activation;

Activation activation_of(std::string_view op) {
#define STRATA_ACTIVATION(name, function) \
  if (op == name) return Activation::function;
#define STRATA_BINARY(name, function)
#include "strata/ir/passes/fusible.def"
#undef STRATA_ACTIVATION
#undef STRATA_BINARY
  return Activation::none;
}

/// Reads the body of a fused node in terms of the outer graph.
class Body {
 public:
  Body(const ir::Node& fused, const ir::Graph& outer)
      : fused_(fused), outer_(outer), graph_(fused.attributes.graph("body")) {}

  const ir::Graph& graph() const { return graph_; }
  bool is_constant(ir::ValueId outer) const { return outer_.is_constant(outer); }

  /// The outer value that a body input stands for; nothing for values of the body itself.
  std::optional<ir::ValueId> outer(ir::ValueId id) const {
    if (id == ir::no_value) return ir::no_value;
    for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
      if (graph_.inputs[i] == id) return fused_.inputs[i];
    }
    return std::nullopt;
  }

  std::optional<float> scalar(ir::ValueId id) const {
    const ir::Graph* graph = &graph_;
    if (auto captured = outer(id)) {
      id = *captured;
      graph = &outer_;
    }
    if (!graph->is_constant(id)) return std::nullopt;
    const EncodedTensor& constant = *graph->value(id).constant;
    if (constant.dtype != DType::f32 || constant.shape.elements() != 1) return std::nullopt;
    return constant.decode().to_float()[0];
  }

 private:
  const ir::Node& fused_;
  const ir::Graph& outer_;
  const ir::Graph& graph_;
};

/// Sets the activation if the node is one of those kernels apply in registers; else changes
/// nothing.
template <class ReadScalar>
bool read_activation(const ir::Node& node, const ReadScalar& scalar, kernels::Epilogue& epilogue) {
  const Activation activation =
      node.op->domain.empty() ? activation_of(node.op->name) : Activation::none;
  const ir::Attributes& attributes = node.attributes;
  float alpha = epilogue.alpha, beta = epilogue.beta;
  switch (activation) {
    case Activation::none:
      return false;
    case Activation::clip:
      alpha = std::numeric_limits<float>::lowest();
      beta = std::numeric_limits<float>::max();
      for (std::size_t i : {1u, 2u}) {
        if (i >= node.inputs.size() || node.inputs[i] == ir::no_value) continue;
        const std::optional<float> bound = scalar(node.inputs[i]);
        if (!bound) return false;
        (i == 1 ? alpha : beta) = *bound;
      }
      break;
    case Activation::leaky_relu:
      alpha = attributes.real("alpha", 0.01f);
      break;
    case Activation::hard_sigmoid:
      alpha = attributes.real("alpha", 0.2f);
      beta = attributes.real("beta", 0.5f);
      break;
    case Activation::hard_swish:
      alpha = 1.0f / 6;
      beta = 0.5f;
      break;
    default:
      break;
  }
  epilogue.activation = activation;
  epilogue.alpha = alpha;
  epilogue.beta = beta;
  return true;
}

/// Matches what follows the head: optional Adds with a captured constant and with another captured
/// value, then an activation.
class BodyMatcher {
 public:
  BodyMatcher(const Body& body, Region& region) : body_(body), region_(region) {}

  /// The head is node `first` of the body.
  bool match(const ir::Node& head, std::size_t first) {
    takes_bias_ = is_op(head, "MatMul");
    current_ = head.outputs[0];
    const auto order = body_.graph().order();
    for (std::size_t i = first + 1; i < order.size(); ++i) {
      const ir::Node& node = body_.graph().node(order[i]);
      const ir::Node* next = i + 1 < order.size() ? &body_.graph().node(order[i + 1]) : nullptr;
      if (region_.epilogue.activation != Activation::none) return false;
      if (next && is_silu(node, *next)) {
        region_.epilogue.activation = Activation::silu;
        current_ = next->outputs[0];
        ++i;
      } else if (!match_sum(node) && !match_factor(node) && !match_activation(node)) {
        return false;
      }
    }
    return body_.graph().outputs.size() == 1 && body_.graph().outputs[0] == current_;
  }

 private:
  bool is_silu(const ir::Node& sigmoid, const ir::Node& product) const {
    return is_op(sigmoid, "Sigmoid") && is_op(product, "Mul") && sigmoid.inputs[0] == current_ &&
           ((product.inputs[0] == current_ && product.inputs[1] == sigmoid.outputs[0]) ||
            (product.inputs[1] == current_ && product.inputs[0] == sigmoid.outputs[0]));
  }

  bool match_sum(const ir::Node& node) {
    if (!is_op(node, "Add") || region_.epilogue.residual) return false;
    const int mine = node.inputs[0] == current_ ? 0 : 1;
    if (node.inputs[std::size_t(mine)] != current_) return false;
    const ir::ValueId other = node.inputs[std::size_t(1 - mine)];
    const std::optional<ir::ValueId> outer = body_.outer(other);
    const ir::Graph& graph = body_.graph();
    if (outer && body_.is_constant(*outer)) {
      if (!takes_bias_ || region_.bias != ir::no_value) return false;
      region_.bias = *outer;
      current_ = node.outputs[0];
      return true;
    }
    if (!outer || graph.value(other).type != graph.value(current_).type) return false;
    region_.epilogue.residual = true;
    region_.residual = *outer;
    current_ = node.outputs[0];
    return true;
  }

  bool match_factor(const ir::Node& node) {
    const bool divides = is_op(node, "Div");
    if (!takes_bias_ || region_.factor != 1 || region_.bias != ir::no_value ||
        region_.epilogue.residual || (!divides && !is_op(node, "Mul"))) {
      return false;
    }
    const std::size_t mine = node.inputs[0] == current_ ? 0 : 1;
    if (node.inputs[mine] != current_ || (divides && mine != 0)) return false;
    const auto factor = body_.scalar(node.inputs[1 - mine]);
    if (!factor || !std::isnormal(*factor) || !std::isnormal(1 / *factor)) return false;
    region_.factor = divides ? 1 / *factor : *factor;
    current_ = node.outputs[0];
    return true;
  }

  bool match_activation(const ir::Node& node) {
    if (node.inputs.empty() || node.inputs[0] != current_ || !node.op->domain.empty()) return false;
    auto scalar = [this](ir::ValueId id) { return body_.scalar(id); };
    if (!read_activation(node, scalar, region_.epilogue)) return false;
    current_ = node.outputs[0];
    return true;
  }

  const Body& body_;
  Region& region_;
  ir::ValueId current_{};
  bool takes_bias_ = false;
};

}  // namespace

bool is_fused(const ir::Node& node) {
  return node.op->domain == "strata" && node.op->name == "Fused";
}

ir::Graph flattened(const ir::Graph& graph) {
  ir::Graph flat = graph;
  std::vector<ir::NodeId> fused;
  std::vector<std::pair<ir::ValueId, ir::ValueId>> replaced;
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    if (!is_fused(node) || ir::has_parts(node)) continue;
    const auto values = ir::inline_graph(flat, node.attributes.graph("body"), node.inputs);
    for (std::size_t i = 0; i < values.size(); ++i) {
      replaced.emplace_back(node.outputs[i], values[i]);
    }
    fused.push_back(id);
  }
  flat.replace_uses(replaced);
  flat.erase(fused);
  flat.sort();
  return flat;
}

std::optional<Region> match_region(const LowerContext& context, std::string_view op) {
  const ir::Node& node = context.node();
  Region region;
  if (is_op(node, op)) {
    region.head = &node;
    region.inputs = node.inputs;
    region.output = node.outputs[0];
    // An activation on its own is its own head.
    auto scalar = [&](ir::ValueId id) -> std::optional<float> {
      if (!context.is_constant(id)) return std::nullopt;
      const EncodedTensor& constant = *context.graph().value(id).constant;
      if (constant.dtype != DType::f32 || constant.shape.elements() != 1) return std::nullopt;
      return constant.decode().to_float()[0];
    };
    read_activation(node, scalar, region.epilogue);
    return region;
  }
  if (!is_fused(node) || node.outputs.size() != 1) return std::nullopt;
  const Body body(node, context.graph());
  if (body.graph().order().empty()) return std::nullopt;
  const auto order = body.graph().order();
  std::size_t first = 0;
  while (op == "MatMul" && first + 1 < order.size() &&
         is_op(body.graph().node(order[first]), "Transpose")) {
    ++first;
  }
  const ir::Node& head = body.graph().node(order[first]);
  if (!is_op(head, op)) return std::nullopt;
  region.head = &head;
  region.output = node.outputs[0];
  for (std::size_t i = 0; i < head.inputs.size(); ++i) {
    ir::ValueId id = head.inputs[i];
    if (const ir::Node* transpose = ir::producer_as(body.graph(), id, "Transpose")) {
      if (i >= std::size(region.transposed)) return std::nullopt;
      region.transposed[i] = transpose->attributes.integers("perm");
      id = transpose->inputs[0];
    }
    const std::optional<ir::ValueId> outer = body.outer(id);
    if (!outer) return std::nullopt;
    if (i < std::size(region.transposed) && id != head.inputs[i] &&
        std::int64_t(region.transposed[i].size()) != context.shape(*outer).rank()) {
      return std::nullopt;
    }
    region.inputs.push_back(*outer);
  }
  if (!BodyMatcher(body, region).match(head, first)) return std::nullopt;
  // Files may hold fused nodes whose bodies say other sizes than their operands have.
  if (region.epilogue.residual && context.shape(region.residual) != context.shape(region.output)) {
    return std::nullopt;
  }
  return region;
}

WeightOperands weight_operands(const LowerContext& context, ir::ValueId weight, int channel_axis) {
  using kernels::WeightType;
  const EncodedTensor& constant = *context.graph().value(weight).constant;
  WeightOperands operands;
  operands.weights.value = weight;
  const Encoding* encoding = constant.encoding;
  if (encoding == &f16_encoding || encoding == &bf16_encoding) {
    operands.type = encoding == &f16_encoding ? WeightType::f16 : WeightType::bf16;
    operands.weights.part = 0;
  } else if (encoding == &i8_tensor_encoding ||
             (encoding == &i8_channel_encoding && constant.axis == channel_axis)) {
    operands.type =
        encoding == &i8_tensor_encoding ? WeightType::i8_tensor : WeightType::i8_channel;
    operands.weights.part = 0;
    operands.scales = {weight, 1};
  }
  return operands;
}

}  // namespace strata::runtime
