#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/formats/onnx/write.hpp"
#include "strata/ir/graph.hpp"

/// The parts of a graph as messages of onnx.proto3.
namespace strata::formats::onnx {

/// Bytes that lie in a file beside the model.
class ExternalWriter {
 public:
  /// `location`: the file's name, as the model gives it.
  explicit ExternalWriter(std::string location) : location_(std::move(location)) {}

  struct Part {
    std::int64_t offset;
    Tensor data;
  };
  /// Where the bytes will lie; a multiple of 64.
  std::int64_t add(Tensor data);
  const std::string& location() const { return location_; }
  const std::vector<Part>& parts() const { return parts_; }

 private:
  std::string location_;
  std::vector<Part> parts_;
  std::int64_t end_ = 0;
};

/// `external`: takes the bytes unless they are few; may be null.
MessageWriter tensor_proto(std::string_view name, const Tensor& tensor, const ir::Sources& sources,
                           ExternalWriter* external);
MessageWriter value_info(std::string_view name, const ir::TensorType& type);

struct NodeText {
  std::string_view op;
  std::string_view name;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  ir::Attributes attributes;
  ir::Sources sources = {};
  std::string arithmetic = {};  ///< see arithmetic_key; empty: ONNX's
};
/// `body` writes an attribute that is a graph, given its name.
using BodyWriter = std::function<MessageWriter(const std::string& attribute)>;
MessageWriter node_proto(const NodeText& node, const BodyWriter& body = {});

}  // namespace strata::formats::onnx
