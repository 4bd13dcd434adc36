#include "strata/formats/onnx/export.hpp"

#include <algorithm>
#include <unordered_set>

#include "strata/formats/onnx/bodies.hpp"
#include "strata/formats/onnx/flatten.hpp"
#include "strata/formats/onnx/import.hpp"
#include "strata/formats/onnx/older_form.hpp"
#include "strata/formats/onnx/opset_of.hpp"
#include "strata/formats/onnx/stored.hpp"
#include "strata/formats/onnx/unfold_quantization.hpp"
#include "strata/ir/op.hpp"

namespace strata::formats::onnx {
namespace {

bool same_content(const EncodedTensor& a, const EncodedTensor& b) {
  const auto same = [](const Tensor& x, const Tensor& y) {
    if (x.dtype() != y.dtype() || x.shape() != y.shape()) return false;
    return x.raw() == y.raw() || identical(x, y);
  };
  return a.encoding == b.encoding && a.dtype == b.dtype && a.shape == b.shape && a.axis == b.axis &&
         std::ranges::equal(a.parts, b.parts, same);
}

/// Writes one graph; for a body, one that refers to the graphs around it by their names, which its
/// own names do not hide.
class GraphWriter {
 public:
  GraphWriter(const ir::Graph& graph, const SaveOptions& options, ExternalWriter* external)
      : GraphWriter(graph, options, external, nullptr, {}) {}

  MessageWriter write() {
    find_product_weights();
    for (std::uint32_t i = 0; i < graph_.value_limit(); ++i) {
      const auto id = ir::ValueId(i);
      if (graph_.is_constant(id) && !is_outer_[i]) add_constant(id);
    }
    for (const ir::NodeId id : graph_.order()) add_node(graph_.node(id));
    const std::vector<std::string> outputs = around_ ? body_outputs() : output_names();
    MessageWriter w;
    for (MessageWriter& node : nodes_) w.message(1, std::move(node));
    w.text(2, graph_.name.empty() ? "graph" : graph_.name);
    for (MessageWriter& tensor : initializers_) w.message(5, std::move(tensor));
    const std::string& description = options_.info.graph_description;
    if (!around_ && !description.empty()) w.text(10, description);
    for (std::size_t i = 0; i < own_inputs_; ++i) {
      const ir::ValueId id = graph_.inputs[i];
      w.message(11, value_info(name(id), graph_.value(id).type));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      w.message(12, value_info(outputs[i], graph_.value(graph_.outputs[i]).type));
    }
    return w;
  }

 private:
  GraphWriter(const ir::Graph& graph, const SaveOptions& options, ExternalWriter* external,
              const GraphWriter* around, const Body& body)
      : graph_(graph),
        options_(options),
        external_(external),
        around_(around),
        own_inputs_(around ? body.own_inputs : graph.inputs.size()),
        names_(graph.value_limit()),
        is_outer_(graph.value_limit()) {
    if (!graph.states.empty()) {
      fail(ErrorCode::unsupported, "ONNX has no states; this graph has {}", graph.states.size());
    }
    for (std::size_t i = own_inputs_; i < graph.inputs.size(); ++i) {
      set_outer(graph.inputs[i], around->name(body.captures[i - own_inputs_]));
    }
    for (std::uint32_t i = 0; i < graph.value_limit(); ++i) {
      const ir::Value& value = graph.value(ir::ValueId(i));
      if (is_outer_[i]) continue;
      if (around && value.constant && around->has_constant(value)) {
        set_outer(ir::ValueId(i), value.name);
      } else {
        names_[i] = unused_name(value.name);
      }
    }
  }

  void set_outer(ir::ValueId id, const std::string& outer) {
    names_[ir::index(id)] = outer;
    is_outer_[ir::index(id)] = true;
  }

  const std::string& name(ir::ValueId id) const { return names_[ir::index(id)]; }

  /// Bodies copy the constants that they read from around them.
  bool has_constant(const ir::Value& copy) const {
    const auto id = graph_.find_value(copy.name);
    if (id && name(*id) == copy.name) {
      const auto& own = graph_.value(*id).constant;
      return own && same_content(*own, *copy.constant);
    }
    return around_ && around_->has_constant(copy);
  }

  bool is_visible(const std::string& wanted) const {
    return own_names_.contains(wanted) || (around_ && around_->is_visible(wanted));
  }

  std::string unused_name(std::string wanted) {
    while (is_visible(wanted)) wanted += '_';
    own_names_.insert(wanted);
    return wanted;
  }

  ir::Sources sources(const ir::Sources& of) const { return options_.sources ? of : ir::Sources(); }

  void add_initializer(std::string_view wanted, const Tensor& tensor,
                       const ir::Sources& from = {}) {
    initializers_.push_back(tensor_proto(wanted, tensor, sources(from), external_));
  }

  void add_constant(ir::ValueId id) {
    const EncodedTensor& constant = *graph_.value(id).constant;
    const auto form = stored(constant);
    if (!form) return add_initializer(name(id), constant.decode(), graph_.value(id).sources);
    if (form->scales.present()) return add_quantized(id, *form);
    const std::string codes = unused_name(name(id) + "_h");
    add_initializer(codes, form->codes);
    add_decoding(id, "Cast", {codes}, {{"to", DType::f32}});
  }

  /// The node that makes a constant of how it is stored.
  void add_decoding(ir::ValueId id, std::string_view op, std::vector<std::string_view> inputs,
                    ir::Attributes attributes = {}) {
    nodes_.push_back(node_proto({op,
                                 {},
                                 std::move(inputs),
                                 {name(id)},
                                 std::move(attributes),
                                 sources(graph_.value(id).sources)}));
  }

  void add_quantized(ir::ValueId id, Stored form) {
    const bool apart = scales_apart(id, form);
    const bool may_be_fused = form.block != 0 || form.zero_points.present();
    if (!apart && may_be_fused && product_weights_.contains(id)) add_leading_axis(form);
    const std::string codes = unused_name(name(id) + "_q");
    const std::string scale = unused_name(name(id) + "_s");
    add_initializer(codes, form.codes);
    add_initializer(scale, form.scales);
    if (apart) {
      const std::string integers = unused_name(name(id) + "_i");
      nodes_.push_back(node_proto({"DequantizeLinear", {}, {codes, one()}, {integers}, {}}));
      return add_decoding(id, "Mul", {integers, scale});
    }
    std::vector<std::string_view> inputs{codes, scale};
    std::string zero_points;
    if (form.zero_points.present()) {
      zero_points = unused_name(name(id) + "_z");
      add_initializer(zero_points, form.zero_points);
      inputs.push_back(zero_points);
    }
    ir::Attributes attributes;
    // 1 is ONNX's default.
    if (!form.per_tensor() && form.axis != 1) attributes.set("axis", form.axis);
    if (form.block != 0) attributes.set("block_size", form.block);
    if (form.codes.shape() == graph_.value(id).constant->shape) {
      return add_decoding(id, "DequantizeLinear", inputs, std::move(attributes));
    }
    const std::string matrix = unused_name(name(id) + "_m");
    const std::string shape = unused_name(name(id) + "_shape");
    nodes_.push_back(node_proto({"DequantizeLinear", {}, inputs, {matrix}, std::move(attributes)}));
    const auto extents = graph_.value(id).constant->shape.dims();
    add_initializer(shape,
                    Tensor::from<std::int64_t>(Shape{std::int64_t(extents.size())}, extents));
    add_decoding(id, "Reshape", {matrix, shape});
  }

  // ONNX Runtime turns a product with a DequantizeLinear into one of another arithmetic, which
  // rounds the other operand to int8 as well. It leaves a DequantizeLinear of scale 1 and a Mul
  // alone, and those compute the same weights. Where the scale cannot be applied apart, a Reshape
  // stands between, see add_leading_axis.
  bool scales_apart(ir::ValueId id, const Stored& form) const {
    if (!product_weights_.contains(id) || form.block != 0 || form.zero_points.present()) {
      return false;
    }
    return form.per_tensor() || form.axis == form.codes.shape().rank() - 1;
  }

  // The initializer 1, shared by all.
  const std::string& one() {
    if (one_.empty()) {
      one_ = unused_name("one");
      add_initializer(one_, Tensor::scalar(1.0f));
    }
    return one_;
  }

  void find_product_weights() {
    for (const ir::NodeId id : graph_.order()) {
      const ir::Node& node = graph_.node(id);
      if (node.op->name == "MatMul" ||
          (node.op->name == "Gemm" && node.attributes.integer("transB", 0) == 0)) {
        product_weights_.insert(node.inputs[1]);
      }
    }
  }

  void add_node(const ir::Node& node) {
    NodeText text{node.op->name, node.name, names(std::span(node.inputs).first(own_operands(node))),
                  names(node.outputs), node.attributes};
    if (node.sources != ir::Sources{node.name}) text.sources = sources(node.sources);
    const std::vector<Body> bodies = node.op->control ? bodies_of(node) : std::vector<Body>();
    if (!bodies.empty()) text.attributes.erase("captures");
    if (const float clip = node.attributes.real("cell_clip", 0); clip != 0) {
      fail(ErrorCode::unsupported, "{}: its cells are clipped to {}, which ONNX cannot say",
           ir::describe(node), clip);
    }
    text.attributes.erase("cell_clip");
    text.arithmetic = node.attributes.string("arithmetic", "");
    text.attributes.erase("arithmetic");
    with_context([&] { return ir::describe(node); },
                 [&] {
                   nodes_.push_back(node_proto(text, [&](const std::string& attribute) {
                     const auto body = std::ranges::find(bodies, attribute, &Body::attribute);
                     return GraphWriter(*body->graph, options_, external_, this, *body).write();
                   }));
                 });
  }

  std::vector<std::string_view> names(std::span<const ir::ValueId> ids) const {
    std::vector<std::string_view> result;
    for (const ir::ValueId id : ids) {
      result.push_back(id == ir::no_value ? std::string_view() : name(id));
    }
    while (!result.empty() && result.back().empty()) result.pop_back();
    return result;
  }

  std::vector<std::string> output_names() const {
    std::vector<std::string> result;
    for (const ir::ValueId id : graph_.outputs) result.push_back(name(id));
    return result;
  }

  /// A body gives each value once, and none of those around it.
  std::vector<std::string> body_outputs() {
    std::vector<std::string> result;
    for (const ir::ValueId id : graph_.outputs) {
      std::string output = name(id);
      if (is_outer_[ir::index(id)] || std::ranges::count(result, output) != 0) {
        output = unused_name(output + "_output");
        nodes_.push_back(node_proto({"Identity", {}, {name(id)}, {output}, {}}));
      }
      result.push_back(std::move(output));
    }
    return result;
  }

  const ir::Graph& graph_;
  const SaveOptions& options_;
  ExternalWriter* const external_;
  const GraphWriter* const around_;
  const std::size_t own_inputs_;
  std::vector<std::string> names_;  // by value; of the graph around where that defines it
  std::vector<bool> is_outer_;
  std::unordered_set<std::string> own_names_;
  std::unordered_set<ir::ValueId> product_weights_;
  std::string one_;
  std::vector<MessageWriter> nodes_;
  std::vector<MessageWriter> initializers_;
};

/// The first opset that can say something, and what that is.
struct Need {
  int opset = 0;
  std::string what;
};

void collect_need(const ir::Graph& graph, Need& need) {
  const auto require = [&](int opset, auto&& what) {
    if (opset > need.opset) need = {opset, what()};
  };
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    require(opset_of(graph, node), [&] { return ir::describe(node); });
    if (!node.op->control) continue;
    for (const Body& body : bodies_of(node)) collect_need(*body.graph, need);
  }
  for (std::uint32_t i = 0; i < graph.value_limit(); ++i) {
    const ir::Value& value = graph.value(ir::ValueId(i));
    require(opset_of(value.type.dtype), [&] {
      return fmt::format("{}, which is {},", value.name, to_string(value.type.dtype));
    });
    if (!value.constant) continue;
    require(stored_opset(*value.constant).value_or(0), [&] {
      return fmt::format("{}, which is stored as {},", value.name, value.constant->encoding->name);
    });
  }
}

int opset_for(const ir::Graph& graph, const SaveOptions& options) {
  if (options.opset < 13 || options.opset > newest_opset) {
    fail(ErrorCode::usage, "opset {}, expected 13 to {}", options.opset, newest_opset);
  }
  Need need;
  collect_need(graph, need);
  if (need.opset > options.opset && !options.raise_opset) {
    fail(ErrorCode::unsupported, "{} needs opset {}; asked for is opset {}", need.what, need.opset,
         options.opset);
  }
  return std::max(options.opset, need.opset);
}

/// Who made the model, and what he says about it.
void write_head(const ModelInfo& info, MessageWriter& w) {
  w.text(2, info.producer.empty() ? "strata" : info.producer);
  const auto text = [&](int field, const std::string& value) {
    if (!value.empty()) w.text(field, value);
  };
  text(3, info.producer_version);
  text(4, info.domain);
  if (info.version != 0) w.integer(5, info.version);
  text(6, info.description);
}

}  // namespace

MessageWriter model_proto(const ir::Graph& graph, const SaveOptions& options,
                          ExternalWriter* external) {
  ir::Graph unfolded = graph;
  unfold_quantization(unfolded, options.narrow_weights);
  ir::Graph flat = flatten(unfolded);
  if (!options.raise_opset) use_older_forms(flat, options.opset);
  const int opset = opset_for(flat, options);
  MessageWriter opset_import;
  opset_import.text(1, "");
  opset_import.integer(2, opset);
  MessageWriter w;
  w.integer(1, ir_version_of(opset));
  write_head(options.info, w);
  w.message(7, GraphWriter(flat, options, external).write());
  w.message(8, std::move(opset_import));
  for (const auto& [key, value] : options.info.metadata) {
    MessageWriter entry;
    entry.text(1, key);
    entry.text(2, value);
    w.message(14, std::move(entry));
  }
  return w;
}

}  // namespace strata::formats::onnx
