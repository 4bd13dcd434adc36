#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// x * 0.5 * (1 + erf(x / sqrt(2))), in whatever order it is multiplied, is Gelu; with
// tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)) in the place of erf it is Gelu by tanh, which few
// formats have: exported graphs keep its spelling.

namespace strata::ir {
namespace {

enum class Curve { erf, tanh };

class Recognizer {
 public:
  Recognizer(Graph& graph, Curve curve) : graph_(graph), uses_(graph), curve_(curve) {}

  void run() {
    for (NodeId id : graph_.order()) {
      if (is_op(graph_.node(id), "Mul")) try_from(id);
    }
    graph_.erase(dead_);
  }

 private:
  /// Whether the value is one float, equal to `expected` but for its rounding.
  bool is_scalar(ValueId id, double expected) const {
    if (!graph_.is_constant(id)) return false;
    const TensorType& type = graph_.value(id).type;
    const bool one = std::ranges::all_of(
        type.shape, [](const Dim& dim) { return dim.is_constant() && dim.constant() == 1; });
    if (!one || type.dtype != DType::f32) return false;
    const auto value = double(graph_.value(id).constant->decode().data<float>()[0]);
    return std::abs(value - expected) <=
           double(std::numeric_limits<float>::epsilon()) * std::abs(expected);
  }

  /// The node that computes the value for this one reader; null if it is another op.
  const Node* inner(ValueId id, std::string_view op) const {
    return id != no_value && uses_.count(id) == 1 ? producer_as(graph_, id, op) : nullptr;
  }

  /// What is left of a node of two operands without the scalar; no_value if it has none.
  ValueId beside(const Node& node, double scalar) const {
    if (is_scalar(node.inputs[1], scalar)) return node.inputs[0];
    return is_scalar(node.inputs[0], scalar) ? node.inputs[1] : no_value;
  }

  /// The argument x if the value is 1 + the curve; adds the nodes that compute it.
  ValueId gate_argument(ValueId id, std::vector<const Node*>& parts) const {
    const Node* add = inner(id, "Add");
    if (!add) return no_value;
    parts.push_back(add);
    const ValueId curve = beside(*add, 1);
    return curve_ == Curve::erf ? erf_argument(curve, parts) : tanh_argument(curve, parts);
  }

  /// Of erf(x / sqrt(2)).
  ValueId erf_argument(ValueId id, std::vector<const Node*>& parts) const {
    const Node* erf = inner(id, "Erf");
    if (!erf) return no_value;
    const Node* divide = inner(erf->inputs[0], "Div");
    const Node* multiply = inner(erf->inputs[0], "Mul");
    ValueId x = no_value;
    if (divide && is_scalar(divide->inputs[1], std::numbers::sqrt2)) x = divide->inputs[0];
    if (multiply) x = beside(*multiply, 1 / std::numbers::sqrt2);
    for (const Node* node : {erf, divide ? divide : multiply}) parts.push_back(node);
    return x;
  }

  /// Of tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)).
  ValueId tanh_argument(ValueId id, std::vector<const Node*>& parts) const {
    const Node* tanh = inner(id, "Tanh");
    const Node* scaled = tanh ? inner(tanh->inputs[0], "Mul") : nullptr;
    const Node* sum =
        scaled ? inner(beside(*scaled, std::sqrt(2 / std::numbers::pi)), "Add") : nullptr;
    if (!sum) return no_value;
    for (const Node* node : {tanh, scaled, sum}) parts.push_back(node);
    for (const std::size_t at : {1u, 0u}) {
      const std::size_t used = parts.size();
      const Node* product = inner(sum->inputs[at], "Mul");
      const ValueId cube = product ? beside(*product, 0.044715) : no_value;
      if (cube != no_value && is_cube(cube, sum->inputs[1 - at], parts)) {
        parts.push_back(product);
        return sum->inputs[1 - at];
      }
      parts.resize(used);
    }
    return no_value;
  }

  /// Whether the value is x * x * x; adds the nodes that compute it.
  bool is_cube(ValueId id, ValueId x, std::vector<const Node*>& parts) const {
    if (const Node* power = inner(id, "Pow")) {
      parts.push_back(power);
      return power->inputs[0] == x && is_scalar(power->inputs[1], 3);
    }
    const Node* product = inner(id, "Mul");
    if (!product) return false;
    const std::size_t square_at = product->inputs[0] == x ? 1 : 0;
    const Node* square = inner(product->inputs[square_at], "Mul");
    if (!square || product->inputs[1 - square_at] != x) return false;
    parts.push_back(product);
    parts.push_back(square);
    return square->inputs[0] == x && square->inputs[1] == x;
  }

  /// The factors of a product of three.
  bool factors(const Node& last, std::vector<ValueId>& values,
               std::vector<const Node*>& parts) const {
    for (std::size_t i = 0; i < 2; ++i) {
      const Node* first = inner(last.inputs[i], "Mul");
      if (!first) continue;
      parts.push_back(first);
      values = {last.inputs[1 - i], first->inputs[0], first->inputs[1]};
      return true;
    }
    return false;
  }

  void try_from(NodeId id) {
    Node& last = graph_.node(id);
    std::vector<ValueId> values;
    std::vector<const Node*> parts;
    if (!factors(last, values, parts)) return;
    for (std::size_t gate = 0; gate < values.size(); ++gate) {
      const std::size_t used = parts.size();
      const ValueId x = gate_argument(values[gate], parts);
      const ValueId a = values[(gate + 1) % 3], b = values[(gate + 2) % 3];
      const bool halved = (a == x && is_scalar(b, 0.5)) || (b == x && is_scalar(a, 0.5));
      if (x != no_value && halved && graph_.value(x).type == graph_.value(last.outputs[0]).type) {
        return replace(last, x, parts);
      }
      parts.resize(used);
    }
  }

  void replace(Node& last, ValueId x, const std::vector<const Node*>& parts) {
    for (const Node* part : parts) {
      add_sources(last.sources, part->sources);
      dead_.push_back(graph_.value(part->outputs[0]).producer);
    }
    last.op = &find_op("Gelu");
    last.inputs = {x};
    last.attributes = {};
    if (curve_ == Curve::tanh) last.attributes.set("approximate", std::string("tanh"));
  }

  Graph& graph_;
  const Uses uses_;
  const Curve curve_;
  std::vector<NodeId> dead_;
};

template <Curve curve>
void run(Graph& graph, const PassOptions&) {
  Recognizer(graph, curve).run();
}

}  // namespace

extern const Pass recognize_gelu_pass, recognize_tanh_gelu_pass;
const Pass recognize_gelu_pass = {"recognize_gelu",
                                  "makes one Gelu of the erf, sums and products that spell it",
                                  run<Curve::erf>};
const Pass recognize_tanh_gelu_pass = {
    "recognize_tanh_gelu", "makes one Gelu of the tanh, sums and products that approximate it",
    run<Curve::tanh>};

}  // namespace strata::ir
