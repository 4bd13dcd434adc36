#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// softmax(scale * Q K^T + mask) V as nodes of a graph spell it, with MatMul or Gemm. Operands are
/// the values from outside, in f32; what a permutation (empty: none) makes of Q and V is
/// (..., queries, depth) and (..., keys, columns), of K (..., depth, keys).
struct AttentionForm {
  struct Operand {
    ValueId value = no_value;
    std::vector<std::int64_t> perm;
  };
  Operand q, k, v;
  ValueId mask = no_value;  ///< added to the scores, which it does not make larger
  float scale = 1;
  std::vector<std::int64_t> result_perm;  ///< of the product with V; its last axis stays last
  ValueId result = no_value;
  std::vector<NodeId> nodes;  ///< each after those it reads
};

/// A strata.Fused node whose body holds a Softmax, which no kernel computes but as attention: where
/// none takes the whole, the nodes of the body are steps of their own.
bool has_parts(const Node& node);

/// Queries are multiplied by the scale, so that it must not make numbers larger, or next to
/// nothing.
bool is_attention_scale(double scale);

/// The form, or why nodes about this Softmax have none.
struct AttentionMatch {
  std::optional<AttentionForm> form;
  std::string_view reason = {};
  bool candidate = false;  ///< a product of matrices comes before the Softmax, and one after it
};
/// `uses` and the order of nodes are those of the graph. Values inside have one reader.
AttentionMatch match_attention(const Graph& graph, const Uses& uses, NodeId softmax);

}  // namespace strata::ir
