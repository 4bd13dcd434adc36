#include "strata/formats/onnx/bodies.hpp"

#include <algorithm>

#include "strata/ir/op.hpp"

namespace strata::formats::onnx {

std::vector<Body> bodies_of(const ir::Node& node) {
  std::vector<Body> bodies;
  const std::span<const ir::ValueId> operands = node.inputs;
  std::size_t next = own_operands(node);
  // A Loop or Scan passes its operands on; the branches of an If read only what they capture.
  const auto add = [&](std::string_view attribute, std::size_t own) {
    const ir::Graph& graph = node.attributes.graph(attribute);
    const std::size_t captures = graph.inputs.size() - own;
    bodies.push_back({attribute, &graph, own, operands.subspan(next, captures)});
    next += captures;
  };
  if (node.op->name == "If") {
    add("then_branch", 0);
    add("else_branch", 0);
  } else {
    add("body", next);
  }
  return bodies;
}

std::size_t own_operands(const ir::Node& node) {
  if (!node.op->control) return node.inputs.size();
  if (node.op->name == "If") return 1;
  return node.inputs.size() - std::size_t(node.attributes.integer("captures", 0));
}

}  // namespace strata::formats::onnx
