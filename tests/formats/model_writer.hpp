#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/formats/onnx/element_type.hpp"
#include "strata/formats/onnx/write.hpp"
#include "strata/tensor/tensor.hpp"

/// Small ONNX files as old and new exporters write them, field by field.
namespace strata::formats::onnx::test {

inline MessageWriter tensor(std::string_view name, const Tensor& value) {
  MessageWriter w;
  w.integers(1, value.shape().dims());
  w.integer(2, element_code(value.dtype()));
  if (!name.empty()) w.text(8, name);
  w.raw(9, value);
  return w;
}

inline MessageWriter value_info(std::string_view name, DType type,
                                std::vector<std::int64_t> extents) {
  MessageWriter shape;
  for (const std::int64_t extent : extents) {
    MessageWriter dim;
    dim.integer(1, extent);
    shape.message(1, std::move(dim));
  }
  MessageWriter tensor_type;
  tensor_type.integer(1, element_code(type));
  tensor_type.message(2, std::move(shape));
  MessageWriter type_proto;
  type_proto.message(1, std::move(tensor_type));
  MessageWriter w;
  w.text(1, name);
  w.message(2, std::move(type_proto));
  return w;
}

inline MessageWriter integer(std::string_view name, std::int64_t value) {
  MessageWriter w;
  w.text(1, name);
  w.integer(3, value);
  w.integer(20, 2);
  return w;
}
inline MessageWriter real(std::string_view name, float value) {
  MessageWriter w;
  w.text(1, name);
  w.real(2, value);
  w.integer(20, 1);
  return w;
}
inline MessageWriter text(std::string_view name, std::string_view value) {
  MessageWriter w;
  w.text(1, name);
  w.text(4, value);
  w.integer(20, 3);
  return w;
}
inline MessageWriter integers(std::string_view name, std::vector<std::int64_t> values) {
  MessageWriter w;
  w.text(1, name);
  w.integers(8, values);
  w.integer(20, 7);
  return w;
}
inline MessageWriter reals(std::string_view name, std::vector<float> values) {
  MessageWriter w;
  w.text(1, name);
  w.reals(7, values);
  w.integer(20, 6);
  return w;
}
inline MessageWriter tensor_attribute(std::string_view name, const Tensor& value) {
  MessageWriter w;
  w.text(1, name);
  w.message(5, tensor({}, value));
  w.integer(20, 4);
  return w;
}

/// The value of an attribute of the function around; `type` is ONNX's code.
inline MessageWriter reference(std::string_view name, std::string_view attribute, int type) {
  MessageWriter w;
  w.text(1, name);
  w.integer(20, type);
  w.text(21, attribute);
  return w;
}

using Attributes = std::vector<MessageWriter>;
using Names = std::vector<std::string_view>;

inline MessageWriter node_proto(std::string_view op, const Names& inputs, const Names& outputs,
                                Attributes attributes = {}, std::string_view name = {},
                                std::string_view domain = {}) {
  MessageWriter w;
  for (std::string_view input : inputs) w.text(1, input);
  for (std::string_view output : outputs) w.text(2, output);
  if (!name.empty()) w.text(3, name);
  w.text(4, op);
  for (MessageWriter& attribute : attributes) w.message(5, std::move(attribute));
  if (!domain.empty()) w.text(7, domain);
  return w;
}

/// A model in the making; every method adds to it.
class Model {
 public:
  Model& node(std::string_view op, std::vector<std::string_view> inputs,
              std::vector<std::string_view> outputs, Attributes attributes = {},
              std::string_view name = {}, std::string_view domain = {}) {
    graph_.message(1, node_proto(op, inputs, outputs, std::move(attributes), name, domain));
    return *this;
  }
  /// A function of domain "local"; `opset` 0 states none, `defaults` are attributes with values.
  Model& function(std::string_view name, const Names& inputs, const Names& outputs,
                  std::vector<MessageWriter> nodes, Attributes defaults = {},
                  const Names& attributes = {}, std::int64_t opset = 0) {
    MessageWriter w;
    w.text(1, name);
    for (std::string_view input : inputs) w.text(4, input);
    for (std::string_view output : outputs) w.text(5, output);
    for (std::string_view attribute : attributes) w.text(6, attribute);
    for (MessageWriter& node : nodes) w.message(7, std::move(node));
    if (opset != 0) {
      MessageWriter import;
      import.text(1, "");
      import.integer(2, opset);
      w.message(9, std::move(import));
    }
    w.text(10, "local");
    for (MessageWriter& value : defaults) w.message(11, std::move(value));
    functions_.push_back(std::move(w));
    return *this;
  }
  Model& input(std::string_view name, DType type, std::vector<std::int64_t> extents) {
    graph_.message(11, value_info(name, type, std::move(extents)));
    return *this;
  }
  Model& output(std::string_view name) {
    MessageWriter w;
    w.text(1, name);
    graph_.message(12, std::move(w));
    return *this;
  }
  Model& output(std::string_view name, DType type, std::vector<std::int64_t> extents) {
    graph_.message(12, value_info(name, type, std::move(extents)));
    return *this;
  }
  Model& initializer(std::string_view name, const Tensor& value) {
    return initializer(tensor(name, value));
  }
  Model& initializer(MessageWriter&& proto) {
    graph_.message(5, std::move(proto));
    return *this;
  }

  /// The graph as an attribute of a node of another.
  MessageWriter as_attribute(std::string_view name) {
    graph_.text(2, name);
    MessageWriter w;
    w.text(1, name);
    w.message(6, std::move(graph_));
    w.integer(20, 5);
    return w;
  }

  std::string bytes(std::int64_t opset) { return content(message(opset)); }

  MessageWriter message(std::int64_t opset) {
    MessageWriter import;
    import.text(1, "");
    import.integer(2, opset);
    MessageWriter model;
    model.integer(1, 8);
    model.message(7, std::move(graph_));
    model.message(8, std::move(import));
    for (MessageWriter& function : functions_) model.message(25, std::move(function));
    return model;
  }

  static std::string content(MessageWriter&& writer) {
    std::string bytes;
    for (const Piece& piece : std::move(writer).take()) {
      bytes += piece.head;
      if (!piece.data.present()) continue;
      bytes.append(static_cast<const char*>(piece.data.raw()), piece.data.size_bytes());
    }
    return bytes;
  }

 private:
  MessageWriter graph_;
  std::vector<MessageWriter> functions_;
};

}  // namespace strata::formats::onnx::test
