#include "strata/tune/float_twins.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"
#include "strata/runtime/choice.hpp"
#include "strata/runtime/sizes.hpp"

namespace strata::tune {
namespace {

/// How an op on integers is called on floats; both factors stand at these operands.
struct Twin {
  std::string_view integers, floats;
  std::size_t left = 0, right = 3;
  bool transposed = false;
};
constexpr Twin twins[] = {{"QLinearConv", "Conv"},
                          {"strata.QLinearConvTranspose", "ConvTranspose"},
                          {"QLinearMatMul", "MatMul"},
                          {"strata.QLinearGemm", "Gemm", 0, 3, true}};

/// A product of integers and the shapes of its factors.
struct Product {
  const Twin* twin = nullptr;
  const ir::Node* node = nullptr;
  Shape left, right;
};

const Twin* find_twin(const ir::Node& node) {
  const auto found = std::ranges::find(twins, ir::qualified_name(*node.op), &Twin::integers);
  return found == std::end(twins) ? nullptr : found;
}

using ShapeOf = std::function<std::optional<Shape>(ir::ValueId)>;

std::optional<Product> product_of(const ir::Node& node, const ShapeOf& shape_of) {
  const Twin* twin = find_twin(node);
  if (!twin || node.inputs.size() <= twin->right) return std::nullopt;
  const auto left = shape_of(node.inputs[twin->left]), right = shape_of(node.inputs[twin->right]);
  if (!left || !right) return std::nullopt;
  return Product{twin, &node, *left, *right};
}

/// The node's own, or the first within the body of a fused one.
std::optional<Product> find_product(const ir::Node& node, std::span<const Shape> shapes) {
  const auto outside = [&](ir::ValueId id) { return std::optional(shapes[ir::index(id)]); };
  if (auto product = product_of(node, outside)) return product;
  for (const auto& [name, attribute] : node.attributes) {
    const auto* subgraph = std::get_if<ir::Subgraph>(&attribute);
    if (!subgraph) continue;
    const ir::Graph& body = **subgraph;
    const auto inside = [&](ir::ValueId id) -> std::optional<Shape> {
      if (body.is_constant(id)) return body.value(id).constant->shape;
      const auto input = std::ranges::find(body.inputs, id);
      if (input == body.inputs.end()) return std::nullopt;
      return outside(node.inputs[std::size_t(input - body.inputs.begin())]);
    };
    for (const ir::NodeId id : body.order()) {
      if (auto product = product_of(body.node(id), inside)) return product;
    }
  }
  return std::nullopt;
}

/// Modelled seconds of the fastest row for the product on floats.
double float_seconds(const Product& product, const runtime::Target& target) {
  const auto dims = [](const Shape& shape) { return SymbolicShape(shape.begin(), shape.end()); };
  ir::Graph graph;
  const ir::ValueId x = graph.add_input("x", {DType::f32, dims(product.left)});
  ir::Builder builder(graph);
  const ir::ValueId w = builder.constant(Tensor::zeros(DType::f32, product.right));
  ir::Attributes attributes = product.node->attributes;
  attributes.erase("arithmetic");
  if (product.twin->transposed) attributes = {{"transB", std::int64_t(1)}};
  graph.outputs = {builder.op(product.twin->floats, {x, w}, std::move(attributes))};
  const auto found = runtime::find_candidates(graph, graph.order().front(),
                                              runtime::value_shapes(graph, {}), target);
  double best = 0;
  for (const runtime::Candidate& candidate : found.candidates) {
    if (candidate.row->kind == kernels::ProblemKind::reference) continue;
    if (best == 0 || candidate.seconds < best) best = candidate.seconds;
  }
  return best;
}

}  // namespace

std::vector<FloatTwin> float_twins(const runtime::Program& program) {
  const ir::Graph& graph = program.graph();
  const auto shapes =
      runtime::value_shapes(graph, runtime::typical_dims(graph, program.target().typical));
  runtime::Target target = program.target();
  target.pins.clear();
  std::vector<FloatTwin> list;
  for (std::size_t i = 0; i < program.steps().size(); ++i) {
    const runtime::Step& step = program.steps()[i];
    if (step.node == ir::no_node) continue;
    const auto product = find_product(graph.node(step.node), shapes);
    if (!product) continue;
    const double seconds = float_seconds(*product, target);
    if (seconds > 0) list.push_back({i, step.estimate, seconds});
  }
  return list;
}

}  // namespace strata::tune
