#include <cstring>
#include <unordered_map>

#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// Common subexpressions: nodes of the same op with the same operands and attributes, and small
// constants with the same elements. Large constants stay apart: each layer has its own weights.

namespace strata::ir {
namespace {

constexpr std::int64_t small_constant = 64;  // bytes

/// Keys that are equal exactly for what computes the same.
class Key {
 public:
  template <class T>
  void add(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    text_.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  void add(std::string_view value) {
    add(value.size());
    text_.append(value);
  }
  void add(const Tensor& tensor) {
    add(tensor.dtype());
    add(tensor.shape().rank());
    for (std::int64_t extent : tensor.shape()) add(extent);
    const auto bytes = tensor.bytes();
    add(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// False if the value is not worth comparing.
bool add_attribute(Key& key, const Attribute& attribute) {
  key.add(attribute.index());
  return std::visit(
      [&]<class T>(const T& value) {
        if constexpr (std::is_same_v<T, Subgraph>) {
          return false;
        } else if constexpr (std::is_same_v<T, Tensor>) {
          if (value.size_bytes() > std::size_t(small_constant)) return false;
          key.add(value);
        } else if constexpr (std::is_same_v<T, std::string>) {
          key.add(std::string_view(value));
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          key.add(value.size());
          for (const std::string& item : value) key.add(std::string_view(item));
        } else if constexpr (requires { value.size(); }) {
          key.add(value.size());
          for (const auto& item : value) key.add(item);
        } else {
          key.add(value);
        }
        return true;
      },
      attribute);
}

std::optional<std::string> node_key(const Node& node) {
  Key key;
  key.add(node.op);
  key.add(node.inputs.size());
  for (ValueId input : node.inputs) key.add(input);
  key.add(node.outputs.size());
  for (const auto& [name, value] : node.attributes) {
    key.add(std::string_view(name));
    if (!add_attribute(key, value)) return std::nullopt;
  }
  return key.take();
}

void merge_constants(Graph& graph) {
  std::unordered_map<std::string, ValueId> known;
  std::vector<std::pair<ValueId, ValueId>> pairs;
  for (std::size_t i = 0; i < graph.value_limit(); ++i) {
    const Value& value = graph.value(ValueId(i));
    if (!value.constant || !value.constant->is_dense() ||
        value.constant->size_bytes() > small_constant) {
      continue;
    }
    Key key;
    key.add(value.constant->parts[0]);
    const auto [first, is_new] = known.emplace(key.take(), ValueId(i));
    if (is_new) continue;
    add_sources(graph.value(first->second).sources, value.sources);
    pairs.emplace_back(ValueId(i), first->second);
  }
  // Outputs keep their names.
  const std::vector<ValueId> outputs = graph.outputs;
  graph.replace_uses(pairs);
  graph.outputs = outputs;
}

void run(Graph& graph, const PassOptions&) {
  merge_constants(graph);
  std::unordered_map<std::string, NodeId> known;
  Rewrite rewrite(graph);
  for (NodeId id : graph.order()) {
    Node& node = graph.node(id);
    for (ValueId& input : node.inputs) input = rewrite.resolve(input);
    if (node.outputs.size() != 1 || node.outputs[0] == no_value) continue;
    auto key = node_key(node);
    if (!key) continue;
    const auto [first, is_new] = known.emplace(std::move(*key), id);
    if (is_new) continue;
    Node& kept = graph.node(first->second);
    if (rewrite.bypass(id, kept.outputs[0])) add_sources(kept.sources, node.sources);
  }
  rewrite.apply();
}

}  // namespace

extern const Pass merge_duplicates_pass;
const Pass merge_duplicates_pass = {
    "merge_duplicates", "computes equal nodes once and stores equal small constants once", run};

}  // namespace strata::ir
