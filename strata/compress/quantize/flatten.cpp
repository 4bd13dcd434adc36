#include "strata/compress/quantize/flatten.hpp"

#include <algorithm>
#include <map>

#include "strata/ir/builder.hpp"
#include "strata/ir/passes/channels.hpp"
#include "strata/ir/passes/rewrite.hpp"

namespace strata::compress {
namespace {

using ir::Graph;
using ir::is_op;
using ir::Node;
using ir::NodeId;
using ir::ValueId;

/// For Reshape: -1 stands for the one extent that is open, or else for none.
std::optional<std::vector<std::int64_t>> target_of(const SymbolicShape& shape) {
  std::vector<std::int64_t> target;
  for (const Dim& dim : shape) target.push_back(dim.is_constant() ? dim.constant() : -1);
  const bool usable = std::ranges::count(target, -1) <= 1 && std::ranges::count(target, 0) == 0;
  return usable ? std::optional(target) : std::nullopt;
}

class Flattener {
 public:
  explicit Flattener(Graph& graph) : graph_(graph), uses_(graph) {}

  void run() {
    const auto given = graph_.order();
    const std::vector<NodeId> order(given.begin(), given.end());  // new nodes change it
    for (const NodeId id : order) {
      if (is_product(graph_.node(id))) flatten(id);
    }
    graph_.erase(dead_);
    for (const auto& [id, name] : names_) graph_.rename(id, name);
    graph_.sort();
  }

 private:
  bool is_product(const Node& node) const {
    if (!is_op(node, "MatMul") || graph_.is_constant(node.inputs[0])) return false;
    const ir::TensorType& x = graph_.value(node.inputs[0]).type;
    const auto& weight = graph_.value(node.inputs[1]).constant;
    return x.dtype == DType::f32 && x.shape.size() > 2 && weight && weight->shape.rank() == 2 &&
           weight->shape.elements() > 0;
  }

  /// The Add that alone reads the product, of one number for each column; else nothing.
  struct Bias {
    NodeId add = ir::no_node;
    ValueId constant = ir::no_value;
  };
  Bias bias_of(ValueId product, std::int64_t columns) const {
    const auto readers = uses_.of(product);
    if (readers.size() != 1 || uses_.count(product) != 1) return {};
    const Node& add = graph_.node(readers[0]);
    if (!is_op(add, "Add")) return {};
    const ValueId other = add.inputs[add.inputs[0] == product ? 1 : 0];
    const int rank = int(graph_.value(product).type.shape.size());
    if (!ir::channel_constant(graph_, other, rank, rank - 1, columns)) return {};
    return {readers[0], other};
  }

  void flatten(NodeId id) {
    const Node product = graph_.node(id);
    const ValueId x = product.inputs[0], weight = product.inputs[1];
    const Shape shape = graph_.value(weight).constant->shape;
    const auto target = target_of(graph_.value(product.outputs[0]).type.shape);
    if (!target) return;
    const Bias bias = bias_of(product.outputs[0], shape[1]);
    ir::Builder builder(graph_, product.sources);
    std::vector<ValueId> operands{rows_of(x, shape[0], builder), weight};
    if (bias.constant != ir::no_value) operands.push_back(vector_of(bias.constant, shape[1]));
    const ValueId result = builder.op("Gemm", operands);
    const ValueId extents = builder.integers(*target);

    const NodeId last = bias.add == ir::no_node ? id : bias.add;
    if (last != id) dead_.push_back(id);
    names_.emplace_back(last, graph_.node(last).name + ".rows");
    names_.emplace_back(graph_.value(result).producer, product.name);
    Node& back = graph_.node(last);
    if (last != id)
      ir::add_sources(graph_.node(graph_.value(result).producer).sources, back.sources);
    back.op = &ir::find_op("Reshape");
    back.inputs = {result, extents};
    back.attributes = {};
  }

  /// The rows of x one after the other; made once for all products that read it.
  ValueId rows_of(ValueId x, std::int64_t columns, ir::Builder& builder) {
    const auto known = rows_.find(ir::index(x));
    if (known != rows_.end()) return known->second;
    return rows_[ir::index(x)] = builder.op("Reshape", {x, builder.integers({-1, columns})});
  }

  ValueId vector_of(ValueId constant, std::int64_t columns) {
    const ir::Value& value = graph_.value(constant);
    if (value.constant->shape == Shape{columns}) return constant;
    const int rank = std::max(value.constant->shape.rank(), 1);
    const auto elements = *ir::channel_constant(graph_, constant, rank, rank - 1, columns);
    Tensor tensor = Tensor::zeros(DType::f32, Shape{columns});
    ir::for_float_elements(tensor, [&](std::size_t i, double) { return elements[i]; });
    return graph_.add_constant(value.name + ".row", std::move(tensor), graph_.sources(constant));
  }

  Graph& graph_;
  const ir::Uses uses_;
  std::map<std::size_t, ValueId> rows_;
  std::vector<NodeId> dead_;
  std::vector<std::pair<NodeId, std::string>> names_;
};

}  // namespace

void flatten_products(Graph& graph) { Flattener(graph).run(); }

}  // namespace strata::compress
