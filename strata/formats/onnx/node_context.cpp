#include "strata/formats/onnx/node_context.hpp"

#include "strata/formats/onnx/element_type.hpp"
#include "strata/ir/op.hpp"

namespace strata::formats::onnx {
namespace {

ir::Attribute to_attribute(const AttributeValue& value, TensorReader& tensors) {
  switch (value.type) {
    case AttributeType::f:
      return value.f;
    case AttributeType::i:
      return value.i;
    case AttributeType::s:
      return std::string(value.s);
    case AttributeType::floats:
      return value.floats;
    case AttributeType::ints:
      return value.ints;
    case AttributeType::strings:
      return std::vector<std::string>(value.strings.begin(), value.strings.end());
    case AttributeType::t:
      if (!value.t) fail(ErrorCode::model, "a tensor is declared but missing");
      // Ops read their attributes in place.
      return tensors.read(parse_tensor(*value.t)).aligned();
    case AttributeType::undefined:
      fail(ErrorCode::model, "it has neither type nor value");
    default:
      fail(ErrorCode::unsupported,
           "sparse tensors, types and lists of graphs or tensors are not supported as attributes");
  }
}

// ONNX stores element types as integers.
ir::Attributes with_element_types(ir::Attributes attributes, const ir::OpDef& op) {
  for (const ir::AttributeDef& def : op.attributes) {
    if (def.kind != ir::AttributeKind::dtype) continue;
    const ir::Attribute* value = attributes.find(def.name);
    const auto* code = value ? std::get_if<std::int64_t>(value) : nullptr;
    if (!code) continue;
    const DType type = with_context([&] { return fmt::format("attribute {}", def.name); },
                                    [&] { return element_type(*code); });
    attributes.set(def.name, type);
  }
  return attributes;
}

}  // namespace

ir::Attributes read_attributes(const NodeProto& node, TensorReader& tensors) {
  ir::Attributes attributes;
  for (const AttributeProto& proto : node.attributes) {
    if (proto.graph) continue;
    with_context([&] { return fmt::format("attribute {}", proto.name); },
                 [&] {
                   if (attributes.has(proto.name)) fail(ErrorCode::model, "it is given twice");
                   attributes.set(proto.name,
                                  to_attribute(parse_attribute(proto.content), tensors));
                 });
  }
  return attributes;
}

NodeContext::NodeContext(ir::Graph& graph, Place place, ir::Attributes node_attributes)
    : attributes(std::move(node_attributes)),
      graph_(graph),
      place_(std::move(place)),
      builder_(graph, place_.sources) {}

ir::ValueId NodeContext::input(std::size_t i) const {
  if (!has_input(i)) {
    fail(ErrorCode::model, "input {} is missing; it has {} inputs", i, inputs());
  }
  return place_.inputs[i];
}

const ir::TensorType& NodeContext::type(std::size_t i) const { return graph_.value(input(i)).type; }

std::optional<Tensor> NodeContext::constant_input(std::size_t i) const {
  const ir::Value& value = graph_.value(input(i));
  return value.constant ? std::optional(value.constant->decode()) : std::nullopt;
}

bool NodeContext::wanted(std::size_t output) const {
  return output < outputs() && place_.outputs[output] != ir::no_value && place_.used[output];
}

ir::ValueId NodeContext::intermediate(std::string_view op, std::vector<ir::ValueId> operands,
                                      ir::Attributes node_attributes) {
  return builder_.op(op, std::move(operands), std::move(node_attributes),
                     fmt::format("{}_{}", place_.name, op));
}

std::vector<ir::ValueId> NodeContext::intermediates(std::string_view op,
                                                    std::vector<ir::ValueId> operands, int count,
                                                    ir::Attributes node_attributes) {
  return builder_.multi(op, std::move(operands), count, std::move(node_attributes),
                        fmt::format("{}_{}", place_.name, op));
}

ir::ValueId NodeContext::constant(Tensor tensor, std::string_view what) {
  return builder_.constant(std::move(tensor), fmt::format("{}_{}", place_.name, what));
}

ir::ValueId NodeContext::integers(std::span<const std::int64_t> values, std::string_view what) {
  return constant(Tensor::from(Shape{std::int64_t(values.size())}, values), what);
}

void NodeContext::emit(std::string_view op, std::vector<ir::ValueId> operands,
                       ir::Attributes node_attributes) {
  emit(op, std::move(operands), std::move(node_attributes), outputs());
}

void NodeContext::emit(std::string_view op_name, std::vector<ir::ValueId> operands,
                       ir::Attributes node_attributes, std::size_t count) {
  for (std::size_t i = count; i < outputs(); ++i) {
    if (wanted(i)) {
      fail(ErrorCode::unsupported, "output {} is used; only the first {} are supported", i, count);
    }
  }
  std::vector<ir::ValueId> results = place_.outputs;
  results.resize(std::min(count, results.size()));
  bind(op_name, std::move(operands), std::move(results), std::move(node_attributes));
}

void NodeContext::emit_output(std::size_t output, std::string_view op,
                              std::vector<ir::ValueId> operands, ir::Attributes node_attributes) {
  if (output >= outputs() || place_.outputs[output] == ir::no_value) return;
  bind(op, std::move(operands), {place_.outputs[output]}, std::move(node_attributes));
}

void NodeContext::bind(std::string_view op_name, std::vector<ir::ValueId> operands,
                       std::vector<ir::ValueId> results, ir::Attributes node_attributes) {
  const ir::OpDef& op = ir::find_op(op_name);
  const ir::NodeId node =
      graph_.add_node(op, place_.name, std::move(operands), std::move(results),
                      with_element_types(std::move(node_attributes), op), place_.sources);
  ir::infer_node(graph_, node);
}

void NodeContext::check_outputs() const {
  for (std::size_t i = 0; i < outputs(); ++i) {
    if (!wanted(i)) continue;
    const ir::Value& value = graph_.value(place_.outputs[i]);
    if (value.producer == ir::no_node && !value.constant) {
      fail(ErrorCode::unsupported, "output {} is used, but not supported", i);
    }
  }
}

void NodeContext::emit_constant(Tensor tensor) {
  if (outputs() != 1) fail(ErrorCode::model, "it has {} outputs, expected 1", outputs());
  graph_.set_constant(place_.outputs[0], EncodedTensor(std::move(tensor)), place_.sources);
}

}  // namespace strata::formats::onnx
