#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "strata/ir/attributes.hpp"
#include "strata/tensor/dim.hpp"
#include "strata/tensor/encoding.hpp"

namespace strata::ir {

struct OpDef;

enum class ValueId : std::uint32_t {};
enum class NodeId : std::uint32_t {};
constexpr ValueId no_value{0xffffffffu};  ///< an omitted optional input or output
constexpr NodeId no_node{0xffffffffu};
constexpr std::uint32_t index(ValueId id) { return std::uint32_t(id); }
constexpr std::uint32_t index(NodeId id) { return std::uint32_t(id); }

/// Element type and extents, in ONNX axis order; layouts are not the graph's business.
struct TensorType {
  DType dtype = DType::f32;
  SymbolicShape shape;
  bool operator==(const TensorType&) const = default;
};
/// "f32[N,3,224,224]"
std::string to_string(const TensorType& type);

/// Names of the user's nodes that something came from; sorted, no duplicates. Survives all passes.
using Sources = std::vector<std::string>;
void add_sources(Sources& to, const Sources& from);

/// Assigned once: an input of the graph, a constant, what a state holds before the run, or an
/// output of a node.
struct Value {
  std::string name;  ///< unique in the graph, never empty
  TensorType type;
  NodeId producer = no_node;              ///< no_node: input, constant or state
  std::optional<EncodedTensor> constant;  ///< set: a constant
  /// Elements known when planning (small integer tensors computed from shapes), row-major.
  std::optional<std::vector<Dim>> elements;
  Sources sources;  ///< of a constant; else those of its producer
};

struct Node {
  const OpDef* op = nullptr;
  std::string name;              ///< the user's, or made from the sources; unique, never empty
  std::vector<ValueId> inputs;   ///< no_value: omitted
  std::vector<ValueId> outputs;  ///< no_value: not wanted
  Attributes attributes;
  Sources sources;
  /// Inferred: what the operands hold decides over the shapes of the outputs, and is not known.
  bool open = false;
};

/// Memory that outlives a run: `read` is its value before, `written` the one after.
struct State {
  std::string name;
  Tensor initial;  ///< gives type and shape
  ValueId read = no_value;
  ValueId written = no_value;
};

/// Names in use and who bears them; invents unused ones in constant time.
class NameTable {
 public:
  /// The wanted name (the fallback if empty), with a suffix if it is taken.
  std::string unique(std::string_view wanted, std::string_view fallback);
  std::optional<std::uint32_t> find(std::string_view name) const;
  void take(const std::string& name, std::uint32_t id) { names_[name] = id; }
  /// Frees the name if `id` bears it.
  void release(const std::string& name, std::uint32_t id);

 private:
  std::unordered_map<std::string, std::uint32_t> names_;
  std::unordered_map<std::string, std::uint32_t> suffixes_;  // last one tried
};

/// A network in SSA form. Ids and references to nodes and values stay valid until `compact`; erased
/// slots are skipped. Nodes are kept in topological order by `sort`; the verifier holds passes to
/// it.
class Graph {
 public:
  std::string name;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  std::vector<State> states;

  /// Names are made unique by a suffix where they are taken; an empty one is invented.
  ValueId add_input(std::string_view name, TensorType type);
  ValueId add_constant(std::string_view name, EncodedTensor constant, Sources sources = {});
  /// Makes a constant of a value that nothing produces (its node was erased).
  void set_constant(ValueId id, EncodedTensor constant, Sources sources = {});
  /// A value without producer yet; for importers that meet uses before definitions.
  ValueId add_value(std::string_view name, TensorType type = {});
  /// Creates the node as the last one and binds `outputs` (values without producer) to it. Types
  /// are not inferred here: see Builder and infer_types.
  NodeId add_node(const OpDef& op, std::string_view name, std::vector<ValueId> inputs,
                  std::vector<ValueId> outputs, Attributes attributes = {}, Sources sources = {});
  ValueId add_state(std::string_view name, Tensor initial);

  const Value& value(ValueId id) const { return values_[index(id)]; }
  Value& value(ValueId id) { return values_[index(id)]; }
  const Node& node(NodeId id) const { return nodes_[index(id)]; }
  Node& node(NodeId id) { return nodes_[index(id)]; }
  /// Live nodes, in order.
  std::span<const NodeId> order() const { return order_; }
  /// One past the largest id in use, for tables indexed by id.
  std::size_t value_limit() const { return values_.size(); }
  std::size_t node_limit() const { return nodes_.size(); }

  std::optional<ValueId> find_value(std::string_view name) const;
  std::optional<NodeId> find_node(std::string_view name) const;
  bool is_constant(ValueId id) const { return id != no_value && value(id).constant.has_value(); }
  /// The sources of whatever defines the value.
  const Sources& sources(ValueId id) const;

  void rename(ValueId id, std::string_view name);
  void rename(NodeId id, std::string_view name);
  void swap_names(ValueId a, ValueId b);
  /// Every use of `from` (inputs of nodes, outputs of the graph, written states) becomes `to`.
  void replace_uses(ValueId from, ValueId to);
  /// The same for many pairs in one sweep; chains of pairs are followed.
  void replace_uses(std::span<const std::pair<ValueId, ValueId>> pairs);
  /// Removes nodes in one sweep; their outputs lose their producer.
  void erase(std::span<const NodeId> nodes);
  /// Orders nodes so that definitions come before uses; stable. Throws model naming a cycle.
  void sort();
  /// Drops unused constants and values, renumbers ids.
  void compact();
  /// Bytes of all constants, as encoded.
  std::int64_t constant_bytes() const;

 private:
  std::deque<Value> values_;  // a deque, so that adding leaves references valid
  std::deque<Node> nodes_;
  std::vector<NodeId> order_;
  NameTable value_names_;
  NameTable node_names_;
};

/// Who reads each value: built once by a pass that needs it, not kept up to date.
class Uses {
 public:
  explicit Uses(const Graph& graph);
  /// Live nodes that read the value, in order; a node that reads it twice appears twice.
  std::span<const NodeId> of(ValueId value) const;
  /// Readers, counting graph outputs and written states too.
  std::size_t count(ValueId value) const;

 private:
  std::vector<std::uint32_t> starts_;
  std::vector<NodeId> readers_;
  std::vector<std::uint32_t> exits_;
};

}  // namespace strata::ir
