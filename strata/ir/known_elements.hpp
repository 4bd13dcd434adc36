#pragma once

#include <optional>
#include <span>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::ir {

/// Elements of larger tensors are never known when planning.
constexpr std::int64_t most_known_elements = 1024;

/// The elements of a small tensor of indices or truth values; nothing for others: shapes, axes and
/// the like are of these types, and arithmetic on others is none of planning.
std::optional<std::vector<Dim>> known_elements(const Tensor& tensor);

/// The elements of a node's only output, by its reference, if it is such a tensor and all operands
/// are small and known as numbers. The output is typed.
std::optional<std::vector<Dim>> evaluate_known(const Graph& graph, const Node& node);

}  // namespace strata::ir
