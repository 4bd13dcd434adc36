#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::formats::onnx {

/// A graph that a control flow node holds. In the IR it is closed: what it reads from around it are
/// its last inputs, and further operands of the node.
struct Body {
  std::string_view attribute;
  const ir::Graph* graph = nullptr;
  std::size_t own_inputs = 0;             ///< those that ONNX knows
  std::span<const ir::ValueId> captures;  ///< the operands that stand for the others
};

/// Of If, Loop, Scan; none for other nodes.
std::vector<Body> bodies_of(const ir::Node& node);
/// How many of the node's operands ONNX knows.
std::size_t own_operands(const ir::Node& node);

}  // namespace strata::formats::onnx
