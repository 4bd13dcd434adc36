#pragma once

#include <span>
#include <string>
#include <vector>

#include "strata/ir/graph.hpp"
#include "strata/runtime/target.hpp"

namespace strata::runtime {

class Binding;
class Program;
struct NodeCandidates;

/// Nodes that could have been one step and are not.
struct Apart {
  std::vector<std::string> nodes;  ///< names
  std::string reason;
};

/// Why no kernel takes a fused node, in words.
std::string reason_of(const NodeCandidates& found);
/// Why the parts that a node decomposes into (a fused one that ir::has_parts, or Attention) run
/// better one by one than as one step, in words; empty if they do not. `shapes` by value id.
std::string reason_to_take_apart(const ir::Graph& graph, ir::NodeId node,
                                 std::span<const Shape> shapes, const Target& target);

/// Chains of nodes that kernels could compute together and that the program keeps apart:
/// activations and sums after products and arithmetic, products about a Softmax.
std::vector<Apart> chains_apart(const Program& program);
/// Convolutions that follow one another without being in a block.
std::vector<Apart> blocks_apart(const Binding& binding);

}  // namespace strata::runtime
