#include "strata/check/rounding.hpp"

#include <algorithm>
#include <optional>

#include "strata/check/difference.hpp"
#include "strata/ir/cost.hpp"
#include "strata/ir/tolerance.hpp"
#include "strata/runtime/lowering.hpp"

namespace strata::check {

ir::ValueId Rounding::origin(ir::ValueId value) const {
  const ir::Graph& graph = binding_.program().graph();
  while (true) {
    const ir::NodeId producer = graph.value(value).producer;
    if (producer == ir::no_node || !runtime::is_view(graph.node(producer))) return value;
    value = graph.node(producer).inputs[0];
  }
}

/// Constants are measured when first met; values computed from sizes are exact and small.
const Rounding::Known& Rounding::find(ir::ValueId value) {
  const ir::ValueId id = origin(value);
  const auto found = known_.find(id);
  if (found != known_.end()) return found->second;
  const auto& constant = binding_.program().graph().value(id).constant;
  return known_[id] = {constant ? magnitude(constant->decode()) : 0, 0};
}

void Rounding::add_input(std::size_t i, const Tensor& tensor, double error) {
  known_[binding_.program().graph().inputs[i]] = {magnitude(tensor), error};
}

double Rounding::own_error(const ir::Node& node, ir::ValueId value, double magnitude,
                           bool inexact_inputs, double products_rounding) {
  const ir::Graph& graph = binding_.program().graph();
  const DType type = graph.value(value).type.dtype;
  const auto is_inexact = [&](ir::ValueId id) {
    return id != ir::no_value && is_float(graph.value(id).type.dtype);
  };
  if (!is_float(type)) {
    // One step of an integer, where something was rounded before it became one.
    const bool region = node.op->domain == "strata" && node.op->name == "Fused";
    return inexact_inputs || (region && std::ranges::any_of(node.inputs, is_inexact)) ? 1 : 0;
  }
  const ir::Cost cost = ir::node_cost(graph, node, binding_.dims());
  // Of each kind, as far as the node has operands of it: those that are zero give exact products.
  std::optional<double> activations, weights;
  double all = magnitude, apart = magnitude;  // of all operands, and without weights
  for (const ir::ValueId id : node.inputs) {
    if (!is_inexact(id)) continue;
    const double size = find(id).magnitude;
    all = std::max(all, size);
    if (!graph.is_constant(id)) activations = std::max(activations.value_or(0), size);
    if (graph.is_constant(id) && graph.value(id).type.shape.size() > 1) {
      weights = std::max(weights.value_or(0), size);
    } else {
      apart = std::max(apart, size);
    }
  }
  // Moved, as it is or rounded to another type; scattered ones may be added.
  if (cost.macs == 0 && cost.flops == 0) return ir::epsilon_of(type) * 2 * all;
  const std::int64_t elements =
      std::max(binding_.shapes()[ir::index(value)].elements(), std::int64_t(1));
  const std::int64_t steps = cost.flops / elements + 1;
  if (cost.macs == 0) return ir::elementwise_tolerance(type, steps, all);
  const double products =
      products_rounding * ir::dot_tolerance(type, cost.macs / elements, activations.value_or(all),
                                            weights.value_or(all));
  constexpr std::int64_t sum_and_bias = 2;
  const bool fused = node.op->domain == "strata" && node.op->name == "Fused";
  // What follows a sum of products, alone or fused, only adds to it or makes it less.
  return products + (!fused && steps > sum_and_bias
                         ? ir::elementwise_tolerance(type, steps, all)
                         : ir::epsilon_of(type) * 2 * double(steps) * apart);
}

double Rounding::add_result(std::size_t step, ir::ValueId value, const Tensor& tensor) {
  const runtime::Program& program = binding_.program();
  const ir::Node& node = program.graph().node(program.steps()[step].node);
  const kernels::Row& row = *binding_.steps()[step].row;
  const double size = magnitude(tensor);
  double inherited = 0;
  for (const ir::ValueId id : node.inputs) {
    if (id == ir::no_value) continue;
    const Known& input = find(id);
    if (input.error == 0) continue;
    // Errors grow at least as the values do, but where an input is nothing but error, two results
    // of this size are no farther apart than that.
    const double growth = input.magnitude > 0 ? std::max(1.0, size / input.magnitude) : 1;
    inherited += std::min(input.error * growth, std::max(input.error, 2 * size));
  }
  const double error = inherited + own_error(node, value, size, inherited > 0, row.rounding);
  known_[value] = {size, error};
  return error;
}

}  // namespace strata::check
