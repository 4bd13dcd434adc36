#include "strata/formats/onnx/proto.hpp"

#include "strata/formats/onnx/element_type.hpp"
#include "strata/formats/onnx/wire.hpp"
#include "strata/tensor/narrow.hpp"

namespace strata::formats::onnx {
namespace {

constexpr std::int64_t external_alignment = 64;
/// Smaller tensors stay in the model, where shape rules of other tools look for them.
constexpr std::size_t least_external_bytes = 1024;

// The elements as files hold them.
Tensor packed(const Tensor& tensor) {
  if (bits_of(tensor.dtype()) >= 8) return tensor;
  const auto count = std::size_t(tensor.elements());
  Tensor bytes = Tensor::zeros(DType::u8, {std::int64_t(packed_size(tensor.dtype(), count))});
  pack_codes(tensor.dtype(), {static_cast<const std::uint8_t*>(tensor.raw()), count},
             std::as_writable_bytes(bytes.mutable_data<std::uint8_t>()));
  return bytes;
}

MessageWriter entry(std::string_view key, std::string_view value) {
  MessageWriter w;
  w.text(1, key);
  w.text(2, value);
  return w;
}

void add_sources(MessageWriter& w, int field, const ir::Sources& sources) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    w.message(field, entry(fmt::format("{}{}", source_key, i), sources[i]));
  }
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

MessageWriter attribute_proto(const std::string& name, const ir::Attribute& attribute,
                              const BodyWriter& body) {
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
    w.message(5, tensor_proto({}, *tensor, {}, nullptr)), set_type(t);
  } else if (const auto* reals = std::get_if<std::vector<float>>(&attribute)) {
    w.reals(7, *reals), set_type(floats);
  } else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&attribute)) {
    w.integers(8, *integers), set_type(ints);
  } else if (const auto* texts = std::get_if<std::vector<std::string>>(&attribute)) {
    for (const std::string& item : *texts) w.text(9, item);
    set_type(strings);
  } else {
    STRATA_ASSERT(body);
    w.message(6, body(name)), set_type(g);
  }
  return w;
}

}  // namespace

std::int64_t ExternalWriter::add(Tensor data) {
  const std::int64_t offset =
      (end_ + external_alignment - 1) / external_alignment * external_alignment;
  end_ = offset + std::int64_t(data.size_bytes());
  parts_.push_back({offset, std::move(data)});
  return offset;
}

MessageWriter tensor_proto(std::string_view name, const Tensor& tensor, const ir::Sources& sources,
                           ExternalWriter* external) {
  MessageWriter w;
  if (tensor.shape().rank() > 0) w.integers(1, tensor.shape().dims());
  w.integer(2, element_code(tensor.dtype()));
  if (!name.empty()) w.text(8, name);
  Tensor data = packed(tensor);
  if (external && data.size_bytes() >= least_external_bytes) {
    const std::size_t length = data.size_bytes();
    const std::int64_t offset = external->add(std::move(data));
    w.message(13, entry("location", external->location()));
    w.message(13, entry("offset", std::to_string(offset)));
    w.message(13, entry("length", std::to_string(length)));
    w.integer(14, 1);
  } else {
    w.raw(9, std::move(data));
  }
  add_sources(w, 16, sources);
  return w;
}

MessageWriter value_info(std::string_view name, const ir::TensorType& type) {
  MessageWriter shape;
  for (const Dim& dim : type.shape) shape.message(1, dimension(dim));
  MessageWriter tensor;
  tensor.integer(1, element_code(type.dtype));
  tensor.message(2, std::move(shape));
  MessageWriter type_proto;
  type_proto.message(1, std::move(tensor));
  MessageWriter w;
  w.text(1, name);
  w.message(2, std::move(type_proto));
  return w;
}

MessageWriter node_proto(const NodeText& node, const BodyWriter& body) {
  MessageWriter w;
  for (std::string_view name : node.inputs) w.text(1, name);
  for (std::string_view name : node.outputs) w.text(2, name);
  if (!node.name.empty()) w.text(3, node.name);
  w.text(4, node.op);
  for (const auto& [name, value] : node.attributes) {
    w.message(5, attribute_proto(name, value, body));
  }
  add_sources(w, 9, node.sources);
  if (!node.arithmetic.empty()) w.message(9, entry(arithmetic_key, node.arithmetic));
  return w;
}

}  // namespace strata::formats::onnx
