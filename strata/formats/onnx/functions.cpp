#include "strata/formats/onnx/functions.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "strata/formats/onnx/converters.hpp"
#include "strata/formats/onnx/import.hpp"
#include "strata/formats/onnx/node_order.hpp"

namespace strata::formats::onnx {
namespace {

/// Calls within calls, and what all calls together may produce.
constexpr int deepest = 64;
constexpr std::size_t most_parts = 1 << 20;
constexpr std::size_t most_text = 32 << 20;  // bytes of invented names

/// How the text of one call of a function (or, without one, of the model's graph) is to be read.
struct Scope {
  const FunctionProto* function = nullptr;
  const Scope* caller = nullptr;
  int depth = 0;
  std::string prefix;
  std::string_view source;  ///< the node of the model's graph
  std::int64_t opset = 0;
  std::unordered_map<std::string_view, std::string_view> names;
  std::vector<AttributeProto> attributes;
};

const AttributeProto* find_attribute(const std::vector<AttributeProto>& attributes,
                                     std::string_view name) {
  const auto found = std::ranges::find(attributes, name, &AttributeProto::name);
  return found == attributes.end() ? nullptr : &*found;
}

std::string full_name(const FunctionProto& function) {
  return function.domain.empty() ? std::string(function.name)
                                 : fmt::format("{}.{}", function.domain, function.name);
}

class Inliner {
 public:
  Inliner(const ModelProto& model, bool (*is_known)(const NodeProto&, std::int64_t),
          std::int64_t opset, std::deque<std::string>& names)
      : is_known_(is_known), names_(names) {
    root_.opset = opset;
    for (const FunctionProto& function : model.functions) {
      const Key key{plain_domain(function.domain), function.name, function.overload};
      if (!functions_.emplace(key, &function).second) {
        fail(ErrorCode::model, "function {} is defined twice", full_name(function));
      }
    }
    collect_names(*model.graph);
  }

  GraphProto run(const GraphProto& graph) {
    GraphProto flat = graph;
    flat.nodes.clear();
    copy_nodes(graph.nodes, root_, flat.nodes);
    return flat;
  }

 private:
  using Key = std::tuple<std::string_view, std::string_view, std::string_view>;

  /// The names of the file's own graphs, which no invented name may equal.
  void collect_names(const GraphProto& graph) {
    for (const ValueInfoProto& input : graph.inputs) taken_.insert(input.name);
    for (const TensorProto& tensor : graph.initializers) taken_.insert(tensor.name);
    for (const NodeProto& node : graph.nodes) {
      taken_.insert(node.inputs.begin(), node.inputs.end());
      taken_.insert(node.outputs.begin(), node.outputs.end());
      for (const AttributeProto& attribute : node.attributes) {
        if (attribute.graph) collect_names(*attribute.graph);
      }
    }
  }

  /// Calls may share a name: those after the first are counted.
  std::string prefix_of(const std::string& call) {
    const int count = ++calls_[call];
    return count == 1 ? call + "/" : fmt::format("{}_{}/", call, count);
  }

  std::string_view keep(std::string text) {
    text_ += text.size();
    if (text_ > most_text) {
      fail(ErrorCode::model, "functions call each other until names take more than {} bytes",
           most_text);
    }
    return names_.emplace_back(std::move(text));
  }

  /// Counts what calls produce, before it is produced.
  void charge(std::size_t parts) {
    parts_ += parts;
    if (parts_ > most_parts) {
      fail(ErrorCode::model,
           "functions call each other until there are more than {} nodes and "
           "operands",
           most_parts);
    }
  }

  std::string_view translate(std::string_view name, Scope& scope) {
    if (!scope.function || name.empty()) return name;
    const auto found = scope.names.find(name);
    if (found != scope.names.end()) return found->second;
    const std::string wanted = scope.prefix + std::string(name);
    std::string unique = wanted;
    for (int i = 2; taken_.contains(unique); ++i) unique = fmt::format("{}_{}", wanted, i);
    const std::string_view kept = keep(std::move(unique));
    taken_.insert(kept);
    scope.names.emplace(name, kept);
    return kept;
  }

  const FunctionProto* callee(const NodeProto& node, std::int64_t opset) const {
    if (is_known_(node, opset)) return nullptr;
    const auto found = functions_.find(Key{plain_domain(node.domain), node.op_type, node.overload});
    return found == functions_.end() ? nullptr : found->second;
  }

  void copy_nodes(const std::vector<NodeProto>& nodes, Scope& scope, std::vector<NodeProto>& to) {
    for (const NodeProto& node : nodes) {
      if (scope.function) charge(1 + node.inputs.size() + node.outputs.size());
      NodeProto copy = copied(node, scope);
      if (const FunctionProto* function = callee(copy, scope.opset)) {
        call(*function, copy, scope, to);
      } else {
        to.push_back(std::move(copy));
      }
    }
  }

  NodeProto copied(const NodeProto& node, Scope& scope) {
    NodeProto copy = node;
    for (std::string_view& name : copy.inputs) name = translate(name, scope);
    for (std::string_view& name : copy.outputs) name = translate(name, scope);
    copy.attributes.clear();
    for (const AttributeProto& attribute : node.attributes) {
      if (auto value = resolved(attribute, scope)) copy.attributes.push_back(*std::move(value));
    }
    set_captures(copy);
    if (!scope.function) return copy;
    copy.name = keep(scope.prefix + node_name(node));
    copy.caller = scope.source;
    copy.opset = scope.opset;
    return copy;
  }

  /// Nothing for a reference to an attribute that the call does not give.
  std::optional<AttributeProto> resolved(const AttributeProto& attribute, Scope& scope) {
    if (scope.function) charge(1);
    if (!attribute.reference.empty() && scope.function) {
      const AttributeProto* given = find_attribute(scope.attributes, attribute.reference);
      if (!given) return std::nullopt;
      AttributeProto value = *given;
      value.name = attribute.name;
      return value;
    }
    AttributeProto value = attribute;
    if (attribute.graph)
      value.graph = std::make_shared<GraphProto>(copied(*attribute.graph, scope));
    return value;
  }

  GraphProto copied(const GraphProto& graph, Scope& scope) {
    GraphProto copy = graph;
    copy.nodes.clear();
    if (scope.function) {
      charge(graph.inputs.size() + graph.outputs.size() + graph.initializers.size());
    }
    for (ValueInfoProto& info : copy.inputs) info.name = translate(info.name, scope);
    for (ValueInfoProto& info : copy.outputs) info.name = translate(info.name, scope);
    for (TensorProto& tensor : copy.initializers) tensor.name = translate(tensor.name, scope);
    copy_nodes(graph.nodes, scope, copy.nodes);
    return copy;
  }

  void call(const FunctionProto& function, const NodeProto& node, const Scope& caller,
            std::vector<NodeProto>& to) {
    Scope scope;
    std::vector<NodeProto> copies;
    with_context([&] { return describe(node); },
                 [&] {
                   check_call(function, node, caller);
                   enter(function, node, caller, scope);
                   copies = bind_outputs(node, scope);
                 });
    copy_nodes(function.nodes, scope, to);
    std::ranges::move(copies, std::back_inserter(to));
  }

  void enter(const FunctionProto& function, const NodeProto& node, const Scope& caller,
             Scope& scope) {
    scope.function = &function;
    scope.caller = &caller;
    scope.depth = caller.depth + 1;
    const std::string name = node_name(node);
    scope.prefix = prefix_of(name);
    scope.source = caller.function ? caller.source : keep(name);
    scope.opset = opset_of(function, caller.opset);
    scope.attributes = node.attributes;
    for (const AttributeProto& value : function.defaults) {
      if (!find_attribute(scope.attributes, value.name)) scope.attributes.push_back(value);
    }
    for (std::size_t i = 0; i < function.inputs.size(); ++i) {
      const std::string_view actual = i < node.inputs.size() ? node.inputs[i] : std::string_view();
      if (!scope.names.emplace(function.inputs[i], actual).second) {
        fail(ErrorCode::model, "function {} has two inputs \"{}\"", full_name(function),
             function.inputs[i]);
      }
    }
  }

  /// Gives outputs the names that the call has for them. One that is an input, or another output,
  /// has a name already and is copied by a node.
  std::vector<NodeProto> bind_outputs(const NodeProto& node, Scope& scope) {
    std::vector<NodeProto> copies;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      const auto [bound, is_new] = scope.names.emplace(scope.function->outputs[i], node.outputs[i]);
      if (!is_new) copies.push_back(identity(bound->second, node.outputs[i], scope));
    }
    return copies;
  }

  void check_call(const FunctionProto& function, const NodeProto& node, const Scope& caller) const {
    if (caller.depth == deepest) {
      fail(ErrorCode::model, "functions call each other more than {} deep", deepest);
    }
    for (const Scope* scope = &caller; scope; scope = scope->caller) {
      if (scope->function == &function) {
        fail(ErrorCode::model, "function {} calls itself", full_name(function));
      }
    }
    if (node.inputs.size() > function.inputs.size() ||
        node.outputs.size() > function.outputs.size()) {
      fail(ErrorCode::model, "{} inputs and {} outputs; function {} has {} and {}",
           node.inputs.size(), node.outputs.size(), full_name(function), function.inputs.size(),
           function.outputs.size());
    }
    for (const AttributeProto& attribute : node.attributes) {
      const bool known = std::ranges::count(function.attributes, attribute.name) > 0 ||
                         find_attribute(function.defaults, attribute.name);
      if (!known) {
        fail(ErrorCode::model, "function {} has no attribute '{}'", full_name(function),
             attribute.name);
      }
    }
  }

  static std::int64_t opset_of(const FunctionProto& function, std::int64_t caller) {
    std::int64_t opset = 0;
    for (const auto& [domain, version] : function.opset_import) {
      if (plain_domain(domain).empty()) opset = std::max(opset, version);
    }
    if (opset > newest_opset) {
      fail(ErrorCode::unsupported, "function {} uses opset {}, newer than {}, the newest supported",
           full_name(function), opset, newest_opset);
    }
    return opset < 1 ? caller : opset;
  }

  NodeProto identity(std::string_view from, std::string_view to, const Scope& scope) {
    NodeProto node;
    node.op_type = "Identity";
    node.name = keep(scope.prefix + "Identity");
    node.inputs = {from};
    node.outputs = {to};
    node.opset = scope.opset;
    node.caller = scope.source;
    return node;
  }

  bool (*is_known_)(const NodeProto&, std::int64_t);
  std::deque<std::string>& names_;
  std::map<Key, const FunctionProto*> functions_;
  std::unordered_set<std::string_view> taken_;
  std::unordered_map<std::string, int> calls_;
  std::size_t parts_ = 0;
  std::size_t text_ = 0;
  Scope root_;
};

}  // namespace

GraphProto inline_functions(const ModelProto& model,
                            bool (*is_known)(const NodeProto& node, std::int64_t opset),
                            std::int64_t opset, std::deque<std::string>& names) {
  return Inliner(model, is_known, opset, names).run(*model.graph);
}

}  // namespace strata::formats::onnx
