#include <algorithm>

#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// Nodes whose output is their input: Identity, Dropout at inference, and whatever a conversion,
// reshape, permutation or padding turns out to leave alone.

namespace strata::ir {
namespace {

bool same_type(const Graph& graph, const Node& node) {
  return graph.value(node.inputs[0]).type == graph.value(node.outputs[0]).type;
}

std::optional<std::vector<std::int64_t>> integers(const Graph& graph, const Node& node, int i) {
  return InferContext(graph, node).integers(i);
}

bool all_of(const std::optional<std::vector<std::int64_t>>& values, std::int64_t wanted) {
  return values && std::ranges::all_of(*values, [wanted](auto v) { return v == wanted; });
}

bool is_inference_dropout(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 3 || node.inputs[2] == no_value) return true;
  const auto& mode = graph.value(node.inputs[2]).constant;
  return mode && mode->decode().to_int64() == std::vector<std::int64_t>{0};
}

bool is_identity_permutation(const Node& node) {
  const auto permutation = node.attributes.integers("perm");
  if (permutation.empty()) return false;
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    if (permutation[i] != std::int64_t(i)) return false;
  }
  return true;
}

bool has_unit_steps(const Graph& graph, const Node& node) {
  return node.inputs.size() < 5 || node.inputs[4] == no_value ||
         all_of(integers(graph, node, 4), 1);
}

bool changes_nothing(const Graph& graph, const Node& node) {
  constexpr std::string_view reshaping[] = {"Reshape",   "Flatten", "Squeeze",
                                            "Unsqueeze", "Expand",  "Cast"};
  constexpr std::string_view variadic_ops[] = {"Concat", "Sum", "Max", "Min", "Mean"};
  const std::string_view op = node.op->name;
  if (op == "Identity") return true;
  if (op == "Dropout") return is_inference_dropout(graph, node);
  if (op == "Transpose") return is_identity_permutation(node);
  if (op == "Pad") return all_of(integers(graph, node, 1), 0);
  if (op == "Slice") return same_type(graph, node) && has_unit_steps(graph, node);
  if (std::ranges::count(reshaping, op)) return same_type(graph, node);
  if (std::ranges::count(variadic_ops, op)) return node.inputs.size() == 1;
  return false;
}

void run(Graph& graph, const PassOptions&) {
  const Uses uses(graph);
  Rewrite rewrite(graph);
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (!node.op->domain.empty() || node.inputs.empty() || node.outputs[0] == no_value) continue;
    const bool others_unused =
        std::all_of(node.outputs.begin() + 1, node.outputs.end(),
                    [&](ValueId v) { return v == no_value || uses.count(v) == 0; });
    if (others_unused && changes_nothing(graph, node)) rewrite.bypass(id, node.inputs[0]);
  }
  rewrite.apply();
}

}  // namespace

extern const Pass eliminate_identity_pass;
const Pass eliminate_identity_pass = {"eliminate_identity",
                                      "removes nodes whose output is their input", run};

}  // namespace strata::ir
