#include "strata/formats/onnx/node_order.hpp"

#include <unordered_map>

namespace strata::formats::onnx {

std::string node_name(const NodeProto& node) {
  if (!node.name.empty()) return std::string(node.name);
  for (std::string_view output : node.outputs) {
    if (!output.empty()) return fmt::format("{}_{}", node.op_type, output);
  }
  return std::string(node.op_type);
}

std::string describe(const NodeProto& node) {
  return fmt::format("node {} ({})", node_name(node), node.op_type);
}

std::vector<std::size_t> topological_order(const std::vector<NodeProto>& nodes) {
  std::unordered_map<std::string_view, std::size_t> producers;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (std::string_view name : nodes[i].outputs) {
      if (!name.empty()) producers.emplace(name, i);
    }
  }
  // Depth first with a stack of its own: a hostile chain is as long as the file.
  enum class State : char { waiting, open, done };
  struct Frame {
    std::size_t node;
    std::size_t next_input = 0;
  };
  std::vector<State> states(nodes.size(), State::waiting);
  std::vector<std::size_t> order;
  order.reserve(nodes.size());
  std::vector<Frame> stack;
  for (std::size_t root = 0; root < nodes.size(); ++root) {
    if (states[root] == State::waiting) stack.push_back({root});
    while (!stack.empty()) {
      Frame& frame = stack.back();
      const NodeProto& node = nodes[frame.node];
      states[frame.node] = State::open;
      const std::size_t own = node.inputs.size();
      if (frame.next_input == own + node.captures.size()) {
        states[frame.node] = State::done;
        order.push_back(frame.node);
        stack.pop_back();
        continue;
      }
      const std::size_t i = frame.next_input++;
      const auto producer = producers.find(i < own ? node.inputs[i] : node.captures[i - own]);
      if (producer == producers.end() || states[producer->second] == State::done) continue;
      if (states[producer->second] == State::open) {
        fail(ErrorCode::model, "{} depends on its own output", describe(nodes[producer->second]));
      }
      stack.push_back({producer->second});
    }
  }
  return order;
}

}  // namespace strata::formats::onnx
