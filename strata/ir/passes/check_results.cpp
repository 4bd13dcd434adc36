#include "strata/ir/passes/check_results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/random.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/cost.hpp"
#include "strata/ir/interpreter.hpp"

namespace strata::ir {
namespace {

constexpr std::uint64_t seed = 20;
constexpr std::int64_t sizes[] = {2, 1, 4, 16, 32, 64, 224};

std::optional<Graph> with_symbols(const Graph& graph, std::int64_t size) {
  std::vector<std::string> names;
  for (ValueId id : graph.inputs) {
    for (const Dim& dim : graph.value(id).type.shape) dim.collect_symbols(names);
  }
  DimValues symbols;
  for (const std::string& name : names) symbols.set(name, size);
  try {
    std::vector<TensorType> types;
    for (ValueId id : graph.inputs) {
      const TensorType& type = graph.value(id).type;
      const Shape shape = evaluate(type.shape, symbols);
      types.push_back({type.dtype, {shape.begin(), shape.end()}});
    }
    Graph typed = with_input_types(graph, types);
    for (NodeId id : typed.order()) {
      for (ValueId output : typed.node(id).outputs) {
        if (output != no_value) evaluate(typed.value(output).type.shape, {});
      }
    }
    return typed;
  } catch (const Error&) {
    return std::nullopt;  // too small for a window, or not what a reshape expects
  }
}

Graph smallest(const Graph& graph) {
  for (std::int64_t size : sizes) {
    if (auto typed = with_symbols(graph, size)) return std::move(*typed);
  }
  fail(ErrorCode::unsupported, "cannot check passes: the graph accepts none of the sizes {} to {}",
       sizes[1], *std::ranges::max_element(sizes));
}

Tensor random_tensor(const TensorType& type, Random& random) {
  const Shape shape = evaluate(type.shape, {});
  Tensor uniform = Tensor::zeros(DType::f32, shape);
  const bool number = is_float(type.dtype);
  for (float& element : uniform.mutable_data<float>()) {
    element = number ? float(2 * random.uniform() - 1) : float(random.below(2));
  }
  return uniform.cast(type.dtype);
}

double largest_magnitude(const Tensor& tensor) {
  double largest = 0;
  for (float element : tensor.to_float()) {
    if (std::isfinite(element)) largest = std::max(largest, std::fabs(double(element)));
  }
  return largest;
}

double epsilon_of(DType type) {
  switch (type) {
    case DType::f16:
      return std::ldexp(1.0, -10);
    case DType::bf16:
      return std::ldexp(1.0, -7);
    default:
      return double(std::numeric_limits<float>::epsilon());
  }
}

/// epsilon * (k + 1) for a node whose elements are sums of k products.
double rounding_of(const Graph& graph, const Node& node) {
  const ValueId output = node.outputs[0];
  if (output == no_value || !is_float(graph.value(output).type.dtype)) return 0;
  const std::int64_t elements = evaluate(graph.value(output).type.shape, {}).elements();
  const double terms =
      elements == 0 ? 0 : double(node_cost(graph, node, {}).macs) / double(elements);
  return epsilon_of(graph.value(output).type.dtype) * (terms + 1);
}

bool same(double a, double b, double tolerance) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::fabs(a - b) <= tolerance;
}

}  // namespace

ResultCheck::ResultCheck(const Graph& graph) {
  const Graph typed = smallest(graph);
  Random random(seed);
  for (ValueId id : typed.inputs) inputs_.push_back(random_tensor(typed.value(id).type, random));
  double largest = 0;
  InterpretOptions options;
  options.observe = [&](ValueId id, const Tensor& tensor) {
    if (is_float(typed.value(id).type.dtype)) {
      largest = std::max(largest, largest_magnitude(tensor));
    }
  };
  outputs_ = with_context([] { return "checking passes"; },
                          [&] { return interpret(typed, inputs_, options); });
  // Each node may round once more or less; errors of all nodes add up, scaled by the largest value.
  double rounding = 0;
  for (NodeId id : typed.order()) rounding += rounding_of(typed, typed.node(id));
  tolerance_ = rounding * largest;
}

std::optional<std::string> ResultCheck::difference(const Graph& graph) const {
  const std::vector<Tensor> outputs = interpret(graph, inputs_);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string& name = graph.value(graph.outputs[i]).name;
    if (outputs[i].dtype() != outputs_[i].dtype() || outputs[i].shape() != outputs_[i].shape()) {
      return fmt::format("output {} is {}{}, it was {}{}", name, to_string(outputs[i].dtype()),
                         to_string(outputs[i].shape()), to_string(outputs_[i].dtype()),
                         to_string(outputs_[i].shape()));
    }
    if (!is_float(outputs[i].dtype())) {
      if (!strata::identical(outputs[i], outputs_[i])) {
        return fmt::format("integers of output {} differ", name);
      }
      continue;
    }
    const auto before = outputs_[i].to_float(), after = outputs[i].to_float();
    for (std::size_t k = 0; k < after.size(); ++k) {
      if (same(before[k], after[k], tolerance_)) continue;
      return fmt::format("element {} of output {} is {}, it was {} (tolerance {})", k, name,
                         after[k], before[k], tolerance_);
    }
  }
  return std::nullopt;
}

}  // namespace strata::ir
