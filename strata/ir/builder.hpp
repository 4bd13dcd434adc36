#pragma once

#include <string_view>
#include <vector>

#include "strata/ir/graph.hpp"
#include "strata/ir/op.hpp"

namespace strata::ir {

/// Adds nodes to a graph and infers their types at once.
class Builder {
 public:
  /// New nodes and constants get these sources (those of the node being rewritten).
  explicit Builder(Graph& graph, Sources sources = {})
      : graph_(graph), sources_(std::move(sources)) {}

  Graph& graph() { return graph_; }
  /// One-output node of ONNX's domain or of "strata" ("strata.Fused"). `name` is that of the
  /// node; empty: invented from the sources and the op. Throws model if the shape rule objects.
  ValueId op(std::string_view op_name, std::vector<ValueId> inputs, Attributes attributes = {},
             std::string_view name = {});
  std::vector<ValueId> multi(std::string_view op_name, std::vector<ValueId> inputs, int outputs,
                             Attributes attributes = {}, std::string_view name = {});
  ValueId constant(Tensor tensor, std::string_view name = {});
  ValueId integers(std::vector<std::int64_t> values);  ///< i64 [n]

 private:
  Graph& graph_;
  Sources sources_;
};

/// Types (and known elements) of all values from inputs and constants, in order. Existing types of
/// node outputs are replaced. Throws model naming the node as the user named it.
void infer_types(Graph& graph);
/// The same for one node whose inputs are typed.
void infer_node(Graph& graph, NodeId node);
/// The types of a node's outputs for these operands, which may depend on what they hold; as the
/// graph's inference gives them, but without symbols. Throws model, without naming the node.
std::vector<TensorType> infer_operands(const Graph& graph, const Node& node,
                                       std::span<const Tensor> operands);
/// Gives the body of a Loop the types that hold in every iteration; infers the node again.
void settle_loop(Graph& graph, NodeId node);
/// A copy of the graph whose inputs have these types (shapes with symbols fixed, another batch
/// size), inferred anew.
Graph with_input_types(const Graph& graph, std::span<const TensorType> types);

}  // namespace strata::ir
