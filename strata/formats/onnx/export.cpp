#include <algorithm>
#include <limits>
#include <unordered_set>

#include "strata/base/file.hpp"
#include "strata/formats/onnx/element_type.hpp"
#include "strata/formats/onnx/flatten.hpp"
#include "strata/formats/onnx/import.hpp"
#include "strata/formats/onnx/opset_of.hpp"
#include "strata/formats/onnx/wire.hpp"
#include "strata/formats/onnx/write.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/op.hpp"
#include "strata/tensor/narrow.hpp"

namespace strata::formats {
namespace onnx {
namespace {

// The elements as files hold them.
Tensor packed(const Tensor& tensor) {
  if (bits_of(tensor.dtype()) >= 8) return tensor;
  const auto count = std::size_t(tensor.elements());
  Tensor bytes = Tensor::zeros(DType::u8, {std::int64_t(packed_size(tensor.dtype(), count))});
  pack_codes(tensor.dtype(), {static_cast<const std::uint8_t*>(tensor.raw()), count},
             std::as_writable_bytes(bytes.mutable_data<std::uint8_t>()));
  return bytes;
}

constexpr std::int64_t largest_file = std::numeric_limits<std::int32_t>::max();

MessageWriter tensor_proto(std::string_view name, const Tensor& tensor) {
  MessageWriter w;
  if (tensor.shape().rank() > 0) w.integers(1, tensor.shape().dims());
  w.integer(2, element_code(tensor.dtype()));
  if (!name.empty()) w.text(8, name);
  w.raw(9, packed(tensor));
  return w;
}

MessageWriter dimension(const Dim& dim) {
  MessageWriter w;
  if (dim.is_constant()) {
    w.integer(1, dim.constant());
  } else if (const auto symbol = dim.as_symbol()) {
    w.text(2, *symbol);
  } else {
    w.text(2, to_string(dim));
  }
  return w;
}

MessageWriter value_info(const ir::Value& value) {
  MessageWriter shape;
  for (const Dim& dim : value.type.shape) shape.message(1, dimension(dim));
  MessageWriter tensor;
  tensor.integer(1, element_code(value.type.dtype));
  tensor.message(2, std::move(shape));
  MessageWriter type;
  type.message(1, std::move(tensor));
  MessageWriter w;
  w.text(1, value.name);
  w.message(2, std::move(type));
  return w;
}

MessageWriter attribute_proto(std::string_view name, const ir::Attribute& attribute) {
  using enum AttributeType;
  MessageWriter w;
  w.text(1, name);
  const auto set_type = [&](AttributeType type) { w.integer(20, std::int64_t(type)); };
  if (const auto* integer = std::get_if<std::int64_t>(&attribute)) {
    w.integer(3, *integer), set_type(i);
  } else if (const auto* type = std::get_if<DType>(&attribute)) {
    w.integer(3, element_code(*type)), set_type(i);
  } else if (const auto* real = std::get_if<float>(&attribute)) {
    w.real(2, *real), set_type(f);
  } else if (const auto* text = std::get_if<std::string>(&attribute)) {
    w.text(4, *text), set_type(s);
  } else if (const auto* tensor = std::get_if<Tensor>(&attribute)) {
    w.message(5, tensor_proto({}, *tensor)), set_type(t);
  } else if (const auto* reals = std::get_if<std::vector<float>>(&attribute)) {
    w.reals(7, *reals), set_type(floats);
  } else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&attribute)) {
    w.integers(8, *integers), set_type(ints);
  } else if (const auto* texts = std::get_if<std::vector<std::string>>(&attribute)) {
    for (const std::string& item : *texts) w.text(9, item);
    set_type(strings);
  } else {
    fail(ErrorCode::unsupported, "attribute {} holds a graph, which is not written", name);
  }
  return w;
}

struct NodeText {
  std::string_view op;
  std::string_view name;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  ir::Attributes attributes;
};

MessageWriter node_proto(const NodeText& node) {
  MessageWriter w;
  for (std::string_view name : node.inputs) w.text(1, name);
  for (std::string_view name : node.outputs) w.text(2, name);
  if (!node.name.empty()) w.text(3, node.name);
  w.text(4, node.op);
  for (const auto& [name, value] : node.attributes) w.message(5, attribute_proto(name, value));
  return w;
}

class Exporter {
 public:
  explicit Exporter(const ir::Graph& graph) : graph_(graph) {
    if (!graph.states.empty()) {
      fail(ErrorCode::unsupported, "ONNX has no states; this graph has {}", graph.states.size());
    }
    for (std::uint32_t i = 0; i < graph.value_limit(); ++i) {
      names_.insert(graph.value(ir::ValueId(i)).name);
    }
  }

  int opset() const {
    int opset = 0;
    for (const ir::NodeId id : graph_.order()) opset = std::max(opset, opset_of(graph_.node(id)));
    for (std::uint32_t i = 0; i < graph_.value_limit(); ++i) {
      opset = std::max(opset, opset_of(graph_.value(ir::ValueId(i)).type.dtype));
    }
    return opset;
  }

  MessageWriter graph_proto() {
    find_product_weights();
    for (std::uint32_t i = 0; i < graph_.value_limit(); ++i) {
      const ir::Value& value = graph_.value(ir::ValueId(i));
      if (value.constant) add_constant(ir::ValueId(i));
    }
    for (const ir::NodeId id : graph_.order()) add_node(graph_.node(id));
    MessageWriter w;
    for (MessageWriter& node : nodes_) w.message(1, std::move(node));
    w.text(2, graph_.name.empty() ? "graph" : graph_.name);
    for (MessageWriter& tensor : initializers_) w.message(5, std::move(tensor));
    for (const ir::ValueId id : graph_.inputs) w.message(11, value_info(graph_.value(id)));
    for (const ir::ValueId id : graph_.outputs) w.message(12, value_info(graph_.value(id)));
    return w;
  }

 private:
  std::string unused_name(std::string wanted) {
    while (!names_.insert(wanted).second) wanted += '_';
    return wanted;
  }

  void add_initializer(std::string_view name, const Tensor& tensor) {
    initializers_.push_back(tensor_proto(name, tensor));
  }

  void add_constant(ir::ValueId id) {
    const std::string& name = graph_.value(id).name;
    const EncodedTensor& constant = *graph_.value(id).constant;
    const bool quantized =
        constant.encoding == &i8_tensor_encoding || constant.encoding == &i8_channel_encoding;
    const bool half = constant.encoding == &f16_encoding || constant.encoding == &bf16_encoding;
    if (constant.shape.elements() == 0 || constant.dtype != DType::f32 || !(quantized || half)) {
      add_initializer(name, constant.decode());
    } else if (half) {
      const std::string codes = unused_name(name + "_h");
      add_initializer(codes, constant.parts[0]);
      nodes_.push_back(node_proto({"Cast", {}, {codes}, {name}, {{"to", DType::f32}}}));
    } else {
      add_quantized(name, constant, product_weights_.contains(id));
    }
  }

  // ONNX Runtime turns a product with a DequantizeLinear into one of another arithmetic, which
  // rounds the other operand to int8 as well. It leaves a DequantizeLinear of scale 1 and a Mul
  // alone, and those compute the same weights.
  void add_quantized(const std::string& name, const EncodedTensor& constant, bool in_product) {
    const bool per_channel = constant.encoding == &i8_channel_encoding;
    const bool split = in_product && (!per_channel || constant.axis == constant.shape.rank() - 1);
    const std::string codes = unused_name(name + "_q");
    const std::string scale = unused_name(name + "_s");
    add_initializer(codes, constant.parts[0]);
    add_initializer(scale, constant.parts[1]);
    if (split) {
      const std::string integers = unused_name(name + "_i");
      nodes_.push_back(node_proto({"DequantizeLinear", {}, {codes, one()}, {integers}, {}}));
      nodes_.push_back(node_proto({"Mul", {}, {integers, scale}, {name}, {}}));
      return;
    }
    ir::Attributes attributes;
    // 1 is ONNX's default.
    if (per_channel && constant.axis != 1) attributes.set("axis", std::int64_t(constant.axis));
    nodes_.push_back(node_proto({"DequantizeLinear", {}, {codes, scale}, {name}, attributes}));
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
    NodeText text{node.op->name, node.name, names(node.inputs), names(node.outputs),
                  node.attributes};
    with_context([&] { return ir::describe(node); }, [&] { nodes_.push_back(node_proto(text)); });
  }

  std::vector<std::string_view> names(std::span<const ir::ValueId> ids) const {
    std::vector<std::string_view> result;
    for (const ir::ValueId id : ids) {
      result.push_back(id == ir::no_value ? std::string_view() : graph_.value(id).name);
    }
    while (!result.empty() && result.back().empty()) result.pop_back();
    return result;
  }

  const ir::Graph& graph_;
  std::unordered_set<std::string> names_;
  std::unordered_set<ir::ValueId> product_weights_;
  std::string one_;
  std::vector<MessageWriter> nodes_;
  std::vector<MessageWriter> initializers_;
};

MessageWriter model_proto(const ir::Graph& graph, const SaveOptions& options) {
  if (options.opset < 13 || options.opset > newest_opset) {
    fail(ErrorCode::usage, "opset {}, expected 13 to {}", options.opset, newest_opset);
  }
  const ir::Graph flat = flatten(graph);
  Exporter exporter(flat);
  const int opset = std::max(options.opset, exporter.opset());
  MessageWriter opset_import;
  opset_import.text(1, "");
  opset_import.integer(2, opset);
  MessageWriter w;
  w.integer(1, ir_version_of(opset));
  w.text(2, "strata");
  w.message(7, exporter.graph_proto());
  w.message(8, std::move(opset_import));
  if (w.size() > largest_file) {
    fail(ErrorCode::unsupported, "a file of {} bytes; ONNX without external data holds {}",
         w.size(), largest_file);
  }
  return w;
}

}  // namespace
}  // namespace onnx

void save_onnx(const ir::Graph& graph, const std::filesystem::path& path,
               const SaveOptions& options) {
  with_context([&] { return fmt::format("writing {}", path.string()); },
               [&] {
                 const auto pieces = onnx::model_proto(graph, options).take();
                 write_file(path, [&](const ByteSink& sink) {
                   for (const onnx::Piece& piece : pieces) {
                     sink(std::as_bytes(std::span(piece.head)));
                     if (piece.data.present()) sink(piece.data.bytes());
                   }
                 });
               });
}

std::string onnx_bytes(const ir::Graph& graph, const SaveOptions& options) {
  std::string bytes;
  for (const onnx::Piece& piece : onnx::model_proto(graph, options).take()) {
    bytes += piece.head;
    if (!piece.data.present()) continue;
    bytes.append(static_cast<const char*>(piece.data.raw()), piece.data.size_bytes());
  }
  return bytes;
}

std::int64_t onnx_size(const ir::Graph& graph, const SaveOptions& options) {
  return onnx::model_proto(graph, options).size();
}

}  // namespace strata::formats
