#include "strata/runtime/sizes.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/known_extents.hpp"

namespace strata::runtime {
namespace {

/// Of a graph whose types have no symbols but those of `dims`.
std::vector<Shape> shapes_under(const ir::Graph& graph, const DimValues& dims) {
  std::vector<Shape> shapes(graph.value_limit());
  auto set = [&](ir::ValueId id) {
    if (id == ir::no_value) return;
    const ir::Value& value = graph.value(id);
    shapes[ir::index(id)] = with_context([&] { return "value " + value.name; },
                                         [&] { return evaluate(value.type.shape, dims); });
  };
  for (ir::ValueId id : graph.inputs) set(id);
  for (const ir::State& state : graph.states) set(state.read);
  for (ir::NodeId node : graph.order()) {
    for (ir::ValueId id : graph.node(node).inputs) {
      if (graph.is_constant(id)) set(id);
    }
    for (ir::ValueId id : graph.node(node).outputs) set(id);
  }
  for (ir::ValueId id : graph.outputs) set(id);
  return shapes;
}

}  // namespace

DimValues typical_dims(const ir::Graph& graph, const DimValues& given) {
  DimValues dims = given;
  std::vector<std::string> symbols;
  for (ir::ValueId id : graph.inputs) {
    for (const Dim& dim : graph.value(id).type.shape) dim.collect_symbols(symbols);
  }
  for (const std::string& symbol : symbols) {
    if (!dims.find(symbol)) dims.set(symbol, 1);
  }
  return dims;
}

std::vector<Shape> value_shapes(const ir::Graph& graph, const DimValues& dims) {
  // Shape rules take symbols on trust; whether operands fit is known only with their values, so the
  // rules are asked again.
  if (dims.items().empty()) return shapes_under(graph, dims);
  std::vector<ir::TensorType> types;
  for (ir::ValueId id : graph.inputs) {
    const ir::Value& value = graph.value(id);
    const Shape shape = with_context([&] { return "input " + value.name; },
                                     [&] { return evaluate(value.type.shape, dims); });
    types.push_back({value.type.dtype, {shape.begin(), shape.end()}});
  }
  const ir::KnownExtents known(dims);
  return shapes_under(ir::with_input_types(graph, types), dims);
}

std::unique_ptr<kernels::ReorderProblem> reorder_problem(const ir::Graph& graph, ir::ValueId value,
                                                         const Shape& shape,
                                                         const kernels::OperandLayouts& layouts) {
  auto problem = std::make_unique<kernels::ReorderProblem>();
  problem->element_size = size_of(graph.value(value).type.dtype);
  problem->rank = shape.rank();
  std::ranges::copy(shape, problem->dims.begin());
  problem->layouts = layouts;
  return problem;
}

std::vector<PackSource> pack_sources(const ir::Graph& graph, const Operands& operands) {
  std::vector<PackSource> sources;
  for (const ConstantOperand& operand : operands.constants) {
    PackSource source{nullptr, operand.part};
    if (operand.value != ir::no_value) source.constant = &*graph.value(operand.value).constant;
    sources.push_back(source);
  }
  return sources;
}

}  // namespace strata::runtime
