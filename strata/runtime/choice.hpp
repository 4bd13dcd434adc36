#pragma once

#include <span>
#include <vector>

#include "strata/runtime/program.hpp"

namespace strata::runtime {

/// One way to run one node: a row, and layouts it offers.
struct Candidate {
  const Lowering* how = nullptr;
  const kernels::Row* row = nullptr;
  kernels::OperandLayouts layouts;
  const Operands* operands = nullptr;  ///< of the lowering; layouts.in goes with operands->in
  double seconds = 0;                  ///< modelled, at the typical sizes
  double price = 0;                    ///< what choice compares: seconds, more for less precision
};

/// It is no reference implementation.
bool is_kernel(const Candidate& candidate);

/// Everything that could run one node, and why the rest could not.
struct NodeCandidates {
  ir::NodeId node = ir::no_node;
  std::vector<Lowered> lowered;
  std::vector<Candidate> candidates;
  std::vector<Rejection> rejections;
};

/// Asks every row of the target about every lowering of the node. `shapes` by value id.
/// A pin leaves only its row; throws usage with the reason if that row refuses.
NodeCandidates find_candidates(const ir::Graph& graph, ir::NodeId node,
                               std::span<const Shape> shapes, const Target& target);

/// One candidate per node (index into its candidates; `nodes` in graph order, views left out), so
/// that the modelled time of kernels and reorders together is small: dynamic programming along the
/// graph as if it were a tree, then single changes while they help. Deterministic.
std::vector<std::size_t> choose(const ir::Graph& graph, std::span<const NodeCandidates> nodes,
                                std::span<const Shape> shapes);

/// Whether the two layouts store a tensor of this shape as the same bytes.
bool same_storage(const kernels::Layout& a, const kernels::Layout& b, const Shape& shape);

}  // namespace strata::runtime
