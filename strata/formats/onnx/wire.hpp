#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/formats/onnx/message.hpp"
#include "strata/tensor/shape.hpp"

/// The messages of onnx.proto3 as plain structs that refer into the file. Only what Strata reads:
/// large or nested content stays a Message until somebody needs it, so parsing allocates in
/// proportion to the number of nodes and names.
namespace strata::formats::onnx {

/// Entries of metadata_props whose keys are this and a number hold names that a node or a constant
/// came from.
constexpr std::string_view source_key = "strata.source.";
/// The entry that says whose rounding an op on integers follows, where it is not ONNX's: an
/// attribute would make other readers refuse the file.
constexpr std::string_view arithmetic_key = "strata.arithmetic";

struct TensorProto {
  std::string_view name;
  std::int32_t data_type = 0;
  Shape dims;
  std::optional<std::string_view> raw_data;
  bool has_list = false;  ///< elements as numbers
  bool external = false;
  std::vector<std::pair<std::string_view, std::string_view>> external_data;
  std::vector<std::string_view> sources;  ///< as the exporter wrote them
  Message content;                        ///< the whole message, for the typed lists
};

struct GraphProto;

struct AttributeProto {
  std::string_view name;
  Message content;
  std::shared_ptr<const GraphProto> graph;  ///< set: the attribute is a graph
  std::string_view reference;  ///< set: the value is that of an attribute of the function around
};

/// In the order of ONNX's codes, which start at 0.
enum class AttributeType {
  undefined,
  f,
  i,
  s,
  t,
  g,
  floats,
  ints,
  strings,
  tensors,
  graphs,
  sparse,
  sparses,
  type,
  types
};
/// `type` follows from the field that is set where old files do not state it.
struct AttributeValue {
  AttributeType type = AttributeType::undefined;
  float f = 0;
  std::int64_t i = 0;
  std::string_view s;
  std::optional<Message> t;
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
  std::vector<std::string_view> strings;
};

struct NodeProto {
  std::string_view name;
  std::string_view op_type;
  std::string_view domain;
  std::string_view overload;  ///< of the function it calls
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::vector<AttributeProto> attributes;
  /// What the node's graphs read from around it; no duplicates.
  std::vector<std::string_view> captures;
  std::string_view arithmetic;            ///< empty: ONNX's
  std::vector<std::string_view> sources;  ///< as the exporter wrote them
  // Of nodes out of functions; see inline_functions.
  std::int64_t opset = 0;   ///< of ONNX's domain, where the function states it; 0: the model's
  std::string_view caller;  ///< the node of the graph that stands for it; empty: itself
};

struct DimensionProto {
  std::optional<std::int64_t> value;
  std::string_view symbol;
};

struct ValueInfoProto {
  std::string_view name;
  bool is_tensor = false;
  std::int32_t elem_type = 0;
  std::optional<std::vector<DimensionProto>> shape;
};

struct GraphProto {
  std::string_view name;
  std::vector<NodeProto> nodes;
  std::vector<TensorProto> initializers;
  std::vector<ValueInfoProto> inputs;
  std::vector<ValueInfoProto> outputs;
  bool has_sparse_initializers = false;
};

struct FunctionProto {
  std::string_view domain, name, overload;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  std::vector<std::string_view> attributes;  ///< those without default
  std::vector<AttributeProto> defaults;
  std::vector<NodeProto> nodes;
  std::vector<std::pair<std::string_view, std::int64_t>> opset_import;
};

struct ModelProto {
  std::int64_t ir_version = 0;
  std::string_view producer;
  std::vector<std::pair<std::string_view, std::int64_t>> opset_import;
  std::optional<GraphProto> graph;
  std::vector<FunctionProto> functions;
};

/// Throw model with the byte offset.
ModelProto parse_model(Message message);
TensorProto parse_tensor(Message message);
AttributeValue parse_attribute(Message message);

/// Sets what the node's graphs read from around it.
void set_captures(NodeProto& node);

}  // namespace strata::formats::onnx
