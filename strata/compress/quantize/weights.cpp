#include "strata/compress/quantize/weights.hpp"

#include <algorithm>
#include <set>

#include "strata/base/error.hpp"
#include "strata/ir/op.hpp"

namespace strata::compress {
namespace {

/// Which operand of an op is its weight, and which axis of it belongs to the output channels.
struct WeightRule {
  std::string_view op;
  std::size_t operand;
  int (*axis)(const ir::Node& node, int rank);
};

constexpr WeightRule rules[] = {
    {"Conv", 1, [](const ir::Node&, int) { return 0; }},
    {"Gemm", 1,
     [](const ir::Node& node, int) { return node.attributes.integer("transB", 0) != 0 ? 0 : 1; }},
    // A vector on the right has no output channels, only the axis that is summed over.
    {"MatMul", 1, [](const ir::Node&, int rank) { return rank - 1; }},
};

const WeightRule* find_rule(const ir::Node& node) {
  if (!node.op->domain.empty()) return nullptr;
  const auto rule = std::ranges::find(rules, node.op->name, &WeightRule::op);
  return rule == std::end(rules) ? nullptr : &*rule;
}

class Finder {
 public:
  explicit Finder(const ir::Graph& graph) : graph_(graph) {}

  std::vector<WeightLayer> run() {
    for (const ir::NodeId id : graph_.order()) {
      const ir::Node& node = graph_.node(id);
      if (node.op->domain == "strata" && node.op->name == "Fused") {
        add_body(node);
      } else {
        add(node, node.inputs, node);
      }
    }
    return std::move(layers_);
  }

 private:
  /// The body reads the outer constants through its inputs.
  void add_body(const ir::Node& fused) {
    const ir::Graph& body = fused.attributes.graph("body");
    for (const ir::NodeId id : body.order()) {
      const ir::Node& node = body.node(id);
      std::vector<ir::ValueId> outer;
      for (const ir::ValueId input : node.inputs) {
        const auto found = std::ranges::find(body.inputs, input);
        outer.push_back(found == body.inputs.end()
                            ? ir::no_value
                            : fused.inputs[std::size_t(found - body.inputs.begin())]);
      }
      add(node, outer, fused);
    }
  }

  void add(const ir::Node& node, const std::vector<ir::ValueId>& inputs, const ir::Node& outer) {
    const WeightRule* rule = find_rule(node);
    if (!rule || inputs.size() <= rule->operand) return;
    const ir::ValueId weight = inputs[rule->operand];
    if (!graph_.is_constant(weight) || !seen_.insert(weight).second) return;
    const EncodedTensor& constant = *graph_.value(weight).constant;
    const int rank = constant.shape.rank();
    if (!is_float(constant.dtype) || rank == 0 || constant.shape.elements() == 0) return;
    WeightLayer layer;
    layer.op = node.op->name;
    layer.name = names_.unique(name_of(node, outer), layer.op);
    names_.take(layer.name, 0);
    layer.weight = weight;
    layer.axis = rule->axis(node, rank);
    layer.elements = constant.shape.elements();
    layer.stored_bytes = constant.size_bytes();
    layers_.push_back(std::move(layer));
  }

  /// Nodes that passes made are known to the user by what they came from.
  static std::string name_of(const ir::Node& node, const ir::Node& outer) {
    const ir::Sources& sources = node.sources.empty() ? outer.sources : node.sources;
    if (sources.empty() || std::ranges::find(sources, node.name) != sources.end()) return node.name;
    return sources.front();
  }

  const ir::Graph& graph_;
  std::set<ir::ValueId> seen_;
  ir::NameTable names_;
  std::vector<WeightLayer> layers_;
};

}  // namespace

std::vector<WeightLayer> weight_layers(const ir::Graph& graph) { return Finder(graph).run(); }

EncodedTensor encoded_weights(const ir::Graph& graph, const WeightLayer& layer,
                              const Encoding& encoding) {
  const ir::Value& value = graph.value(layer.weight);
  STRATA_ASSERT(value.constant.has_value());
  return with_context(
      [&] {
        return fmt::format("layer {}: weights {} as {}", layer.name, value.name, encoding.name);
      },
      [&] { return encoding.encode(value.constant->decode(), layer.axis); });
}

void encode_weights(ir::Graph& graph, const WeightLayer& layer, const Encoding& encoding) {
  graph.value(layer.weight).constant = encoded_weights(graph, layer, encoding);
}

}  // namespace strata::compress
