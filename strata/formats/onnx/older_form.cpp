#include "strata/formats/onnx/older_form.hpp"

#include <algorithm>
#include <string_view>

#include "strata/formats/onnx/flatten.hpp"
#include "strata/formats/onnx/opset_of.hpp"
#include "strata/ir/op.hpp"

namespace strata::formats::onnx {
namespace {

constexpr int deepest = 16;

using Integers = std::vector<std::int64_t>;

/// A node that is given its older form.
class Rewrite {
 public:
  Rewrite(ir::Graph& graph, ir::Node& node) : graph_(graph), node_(node) {}

  std::string_view op() const { return node_.op->name; }
  bool has(std::size_t input) const {
    return input < node_.inputs.size() && node_.inputs[input] != ir::no_value;
  }
  std::int64_t attribute(std::string_view name, std::int64_t otherwise) const {
    return node_.attributes.integer(name, otherwise);
  }
  std::size_t outputs() const { return node_.outputs.size(); }

  /// The elements of a constant operand.
  std::optional<Integers> constant(std::size_t input) const {
    if (!has(input)) return std::nullopt;
    const auto& constant = graph_.value(node_.inputs[input]).constant;
    if (!constant) return std::nullopt;
    return constant->decode().to_int64();
  }
  /// The same of floats.
  std::optional<std::vector<float>> floats(std::size_t input) const {
    if (!has(input)) return std::nullopt;
    const auto& constant = graph_.value(node_.inputs[input]).constant;
    return constant ? std::optional(constant->decode().to_float()) : std::nullopt;
  }
  Integers integers(std::string_view name) const { return node_.attributes.integers(name); }
  /// The extents of an operand, if all are known.
  std::optional<Integers> extents(std::size_t input) const {
    const auto shape = as_constant(graph_.value(node_.inputs[input]).type.shape);
    if (!shape) return std::nullopt;
    return Integers(shape->begin(), shape->end());
  }
  std::int64_t rank(std::size_t input) const {
    return std::int64_t(graph_.value(node_.inputs[input]).type.shape.size());
  }

  void set(std::string_view name, ir::Attribute value) {
    node_.attributes.set(name, std::move(value));
  }
  void drop(std::string_view name) { node_.attributes.erase(name); }
  void drop_inputs_from(std::size_t first) {
    node_.inputs.resize(std::min(node_.inputs.size(), first));
  }
  void set_input(std::size_t input, std::string_view what, const Tensor& tensor) {
    if (node_.inputs.size() <= input) node_.inputs.resize(input + 1, ir::no_value);
    const std::string name = fmt::format("{}_{}", node_.name, what);
    node_.inputs[input] = graph_.add_constant(name, EncodedTensor(tensor), node_.sources);
  }

 private:
  ir::Graph& graph_;
  ir::Node& node_;
};

Tensor integers_of(const Integers& values) {
  return Tensor::from<std::int64_t>({std::int64_t(values.size())}, values);
}

/// Axes were an attribute until opset 18.
void reduction(Rewrite& node) {
  const bool keeps_all = node.attribute("noop_with_empty_axes", 0) != 0;
  if (!node.has(1)) {
    if (keeps_all) return;
    node.drop_inputs_from(1);
    return node.drop("noop_with_empty_axes");
  }
  const auto axes = node.constant(1);
  if (!axes || (axes->empty() && keeps_all)) return;
  if (!axes->empty()) node.set("axes", *axes);
  node.drop_inputs_from(1);
  node.drop("noop_with_empty_axes");
}

/// The axis was an attribute, counted from the front, until opset 20.
void dft(Rewrite& node) {
  const auto axis = node.has(2) ? node.constant(2) : Integers{-2};
  if (!axis || axis->size() != 1) return;
  const std::int64_t rank = node.rank(0);
  node.set("axis", axis->front() < 0 ? axis->front() + rank : axis->front());
  node.drop_inputs_from(2);
}

/// Into equal parts, which was said by the number of outputs alone, or by their sizes.
void split(Rewrite& node) {
  const auto extents = node.extents(0);
  const std::int64_t parts = node.attribute("num_outputs", 0);
  if (!extents || parts < 1) return;
  std::int64_t axis = node.attribute("axis", 0);
  if (axis < 0) axis += node.rank(0);
  const std::int64_t extent = (*extents)[std::size_t(axis)];
  if (extent % parts != 0) {
    const std::int64_t each = (extent + parts - 1) / parts;
    Integers sizes(std::size_t(parts), each);
    sizes.back() = extent - each * (parts - 1);
    if (sizes.back() < 0) return;
    node.set_input(1, "split", integers_of(sizes));
  }
  node.drop("num_outputs");
}

/// All axes were padded.
void pad(Rewrite& node) {
  const auto pads = node.constant(1), axes = node.constant(3);
  if (!pads || !axes || pads->size() != 2 * axes->size()) return;
  const auto rank = std::size_t(node.rank(0));
  Integers all(2 * rank);
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const std::int64_t axis = (*axes)[i];
    const auto at = std::size_t(axis < 0 ? axis + std::int64_t(rank) : axis);
    all[at] = (*pads)[i];
    all[rank + at] = (*pads)[axes->size() + i];
  }
  node.set_input(1, "pads", integers_of(all));
  node.drop_inputs_from(3);
}

/// All axes were resized, by a scale or to a size.
void resize(Rewrite& node) {
  const Integers axes = node.integers("axes");
  const auto rank = std::size_t(node.rank(0));
  const auto at = [&](std::size_t i) {
    return std::size_t(axes[i] < 0 ? axes[i] + std::int64_t(rank) : axes[i]);
  };
  if (node.has(1)) return;
  if (const auto scales = node.floats(2); scales && scales->size() == axes.size()) {
    Tensor all = Tensor::zeros(DType::f32, {std::int64_t(rank)});
    std::ranges::fill(all.mutable_data<float>(), 1.0f);
    for (std::size_t i = 0; i < axes.size(); ++i) all.mutable_data<float>()[at(i)] = (*scales)[i];
    node.set_input(2, "scales", all);
    return node.drop("axes");
  }
  const auto sizes = node.constant(3);
  auto all = node.extents(0);
  if (!sizes || sizes->size() != axes.size() || !all) return;
  for (std::size_t i = 0; i < axes.size(); ++i) (*all)[at(i)] = (*sizes)[i];
  node.set_input(3, "sizes", integers_of(*all));
  node.drop("axes");
}

/// Attributes that say what the op does without them.
constexpr struct {
  std::string_view op, attribute;
  std::int64_t value;
} plain[] = {
    {"Cast", "saturate", 1},
    {"CastLike", "saturate", 1},
    {"DequantizeLinear", "block_size", 0},
    {"GRU", "layout", 0},
    {"LSTM", "layout", 0},
    {"LpPool", "ceil_mode", 0},
    {"QuantizeLinear", "block_size", 0},
    {"QuantizeLinear", "saturate", 1},
    {"RNN", "layout", 0},
    {"Reshape", "allowzero", 0},
    {"Resize", "antialias", 0},
    {"Shape", "start", 0},
};

void drop_defaults(ir::Node& node) {
  for (const auto& row : plain) {
    if (row.op != node.op->name || !node.attributes.has(row.attribute)) continue;
    if (node.attributes.integer(row.attribute, row.value) == row.value) {
      node.attributes.erase(row.attribute);
    }
  }
  for (const std::string_view name : {"reduction", "keep_aspect_ratio_policy"}) {
    if (!node.attributes.has(name)) continue;
    const std::string text(node.attributes.string(name, ""));
    if (text == "none" || text == "stretch") node.attributes.erase(name);
  }
  const bool pools = node.op->name == "AveragePool" || node.op->name == "LpPool";
  if (!pools || !node.attributes.has("dilations")) return;
  const auto dilations = node.attributes.integers("dilations");
  if (std::ranges::all_of(dilations, [](std::int64_t d) { return d == 1; })) {
    node.attributes.erase("dilations");
  }
}

void rewrite(ir::Graph& graph, ir::Node& node) {
  drop_defaults(node);
  Rewrite form(graph, node);
  const std::string_view op = node.op->name;
  if (op.starts_with("Reduce") && op != "ReduceSum") return reduction(form);
  if (op == "DFT") return dft(form);
  if (op == "Split" && node.attributes.has("num_outputs")) return split(form);
  if (op == "Pad" && form.has(3)) return pad(form);
  if (op == "Resize" && node.attributes.has("axes")) return resize(form);
}

void rewrite_bodies(ir::Node& node, int opset) {
  std::vector<std::pair<std::string, ir::Subgraph>> bodies;
  for (const auto& [name, attribute] : node.attributes) {
    const auto* body = std::get_if<ir::Subgraph>(&attribute);
    if (!body) continue;
    auto older = std::make_shared<ir::Graph>(**body);
    use_older_forms(*older, opset);
    bodies.emplace_back(name, std::move(older));
  }
  for (auto& [name, body] : bodies) node.attributes.set(name, std::move(body));
}

std::vector<ir::NodeId> newer_nodes(const ir::Graph& graph, int opset) {
  std::vector<ir::NodeId> nodes;
  for (const ir::NodeId id : graph.order()) {
    if (opset_of(graph, graph.node(id)) > opset) nodes.push_back(id);
  }
  return nodes;
}

}  // namespace

void use_older_forms(ir::Graph& graph, int opset) {
  // What a node is made of may need an older form itself.
  for (int depth = 0; depth < deepest; ++depth) {
    for (const ir::NodeId id : newer_nodes(graph, opset)) {
      // DFT's older form is of opset 17: below, nothing is gained.
      if (graph.node(id).op->name == std::string_view("DFT") && opset < 17) continue;
      rewrite(graph, graph.node(id));
    }
    std::vector<ir::NodeId> made_of_others = newer_nodes(graph, opset);
    std::erase_if(made_of_others, [&](ir::NodeId id) {
      return graph.node(id).op->decompose == nullptr || graph.node(id).op->control != nullptr;
    });
    if (!decompose_all(graph, made_of_others)) break;
  }
  graph.compact();
  for (const ir::NodeId id : graph.order()) {
    if (graph.node(id).op->control) rewrite_bodies(graph.node(id), opset);
  }
}

}  // namespace strata::formats::onnx
