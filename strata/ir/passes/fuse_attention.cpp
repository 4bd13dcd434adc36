#include <algorithm>

#include "strata/ir/passes/attention_form.hpp"
#include "strata/ir/passes/fused_body.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// softmax(scale * Q K^T + mask) V becomes one strata.Fused node, so that a kernel can keep the
// scores in its cache. Operands are inputs of the body, also where they are constants.

namespace strata::ir {
namespace {

void run(Graph& graph, const PassOptions&) {
  const Uses uses(graph);
  std::vector<bool> taken(graph.node_limit());
  std::vector<JoinedNodes> regions;
  for (NodeId id : graph.order()) {
    if (!is_op(graph.node(id), "Softmax")) continue;
    AttentionMatch match = match_attention(graph, uses, id);
    const auto is_taken = [&](NodeId node) { return taken[index(node)]; };
    if (!match.form || std::ranges::any_of(match.form->nodes, is_taken)) continue;
    for (NodeId node : match.form->nodes) taken[index(node)] = true;
    const AttentionForm& form = *match.form;
    regions.push_back({.nodes = form.nodes,
                       .main = id,
                       .captured = {form.q.value, form.k.value, form.v.value, form.mask}});
  }
  join_nodes(graph, regions);
}

}  // namespace

extern const Pass fuse_attention_pass;
const Pass fuse_attention_pass = {
    "fuse_attention", "joins products and the Softmax between them, as attention spells them", run};

}  // namespace strata::ir
