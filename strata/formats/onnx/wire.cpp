#include "strata/formats/onnx/wire.hpp"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace strata::formats::onnx {
namespace {

// Adds "node 12: " and the like to errors inside a repeated field.
template <class T, class Parse>
void append(std::vector<T>& list, Message message, std::string_view what, Parse&& parse) {
  with_context([&] { return fmt::format("{} {}", what, list.size()); },
               [&] { list.push_back(parse(message)); });
}

std::pair<std::string_view, std::string_view> parse_entry(Message m) {
  std::pair<std::string_view, std::string_view> entry;
  while (m.next()) {
    switch (m.field()) {
      case 1:
        entry.first = m.text();
        break;
      case 2:
        entry.second = m.text();
        break;
    }
  }
  return entry;
}

std::string_view key_of(Message entry) {
  std::string_view key;
  while (entry.next()) {
    if (entry.field() == 1) key = entry.bytes();
  }
  return key;
}

/// An entry of metadata_props: of interest are names that the exporter put there.
void parse_source(Message m, std::vector<std::string_view>& sources) {
  if (key_of(m).starts_with(source_key)) sources.push_back(parse_entry(m).second);
}

/// Graphs within graphs.
constexpr int deepest = 64;

GraphProto parse_graph(Message m, int depth);

AttributeProto parse_attribute_name(Message m, int depth) {
  AttributeProto attribute{{}, m, nullptr, {}};
  while (m.next()) {
    if (m.field() == 1) attribute.name = m.text();
    if (m.field() == 21) attribute.reference = m.text();
    if (m.field() != 6) continue;
    if (depth == deepest) m.fail("graphs nested deeper than {}", deepest);
    attribute.graph = std::make_shared<const GraphProto>(parse_graph(m.message(), depth + 1));
  }
  if (attribute.name.empty()) m.fail("an attribute without name");
  return attribute;
}

/// Names that the graph reads but does not define.
void add_captures(const GraphProto& graph, std::vector<std::string_view>& captures) {
  std::unordered_set<std::string_view> known(captures.begin(), captures.end());
  for (const TensorProto& tensor : graph.initializers) known.insert(tensor.name);
  for (const ValueInfoProto& input : graph.inputs) known.insert(input.name);
  for (const NodeProto& node : graph.nodes) known.insert(node.outputs.begin(), node.outputs.end());
  const auto read = [&](std::string_view name) {
    if (!name.empty() && known.insert(name).second) captures.push_back(name);
  };
  for (const NodeProto& node : graph.nodes) {
    std::ranges::for_each(node.inputs, read);
    std::ranges::for_each(node.captures, read);
  }
  for (const ValueInfoProto& output : graph.outputs) read(output.name);
}

/// An entry of metadata_props.
void parse_note(Message m, NodeProto& node) {
  parse_source(m, node.sources);
  if (key_of(m) == arithmetic_key) node.arithmetic = parse_entry(m).second;
}

NodeProto parse_node(Message m, int depth) {
  NodeProto node;
  while (m.next()) {
    switch (m.field()) {
      case 1:
        node.inputs.push_back(m.text());
        break;
      case 2:
        node.outputs.push_back(m.text());
        break;
      case 3:
        node.name = m.text();
        break;
      case 4:
        node.op_type = m.text();
        break;
      case 5:
        append(node.attributes, m.message(), "attribute",
               [&](Message attribute) { return parse_attribute_name(attribute, depth); });
        break;
      case 7:
        node.domain = m.text();
        break;
      case 9:
        parse_note(m.message(), node);
        break;
      case 8:
        node.overload = m.text();
        break;
    }
  }
  if (node.op_type.empty()) m.fail("a node without op_type");
  set_captures(node);
  return node;
}

DimensionProto parse_dimension(Message m) {
  DimensionProto dim;
  while (m.next()) {
    switch (m.field()) {
      case 1:
        dim.value = m.integer();
        break;
      case 2:
        dim.symbol = m.text();
        break;
    }
  }
  return dim;
}

std::vector<DimensionProto> parse_shape(Message m) {
  std::vector<DimensionProto> dims;
  while (m.next()) {
    if (m.field() != 1) continue;
    append(dims, m.message(), "dimension", parse_dimension);
    if (dims.size() > max_rank) m.fail("a shape of more than {} dimensions", max_rank);
  }
  return dims;
}

void parse_type(Message m, ValueInfoProto& info) {
  while (m.next()) {
    if (m.field() != 1) continue;
    info.is_tensor = true;
    for (Message tensor = m.message(); tensor.next();) {
      switch (tensor.field()) {
        case 1:
          info.elem_type = tensor.integer32();
          break;
        case 2:
          info.shape = parse_shape(tensor.message());
          break;
      }
    }
  }
}

ValueInfoProto parse_value_info(Message m) {
  ValueInfoProto info;
  while (m.next()) {
    switch (m.field()) {
      case 1:
        info.name = m.text();
        break;
      case 2:
        parse_type(m.message(), info);
        break;
    }
  }
  if (info.name.empty()) m.fail("a value without name");
  return info;
}

GraphProto parse_graph(Message m, int depth) {
  GraphProto graph;
  while (m.next()) {
    switch (m.field()) {
      case 1:
        append(graph.nodes, m.message(), "node",
               [&](Message node) { return parse_node(node, depth); });
        break;
      case 2:
        graph.name = m.text();
        break;
      case 5:
        append(graph.initializers, m.message(), "initializer", parse_tensor);
        break;
      case 11:
        append(graph.inputs, m.message(), "graph input", parse_value_info);
        break;
      case 12:
        append(graph.outputs, m.message(), "graph output", parse_value_info);
        break;
      case 15:
        graph.has_sparse_initializers = true;
        break;
    }
  }
  return graph;
}

std::pair<std::string_view, std::int64_t> parse_opset(Message m) {
  std::pair<std::string_view, std::int64_t> opset{{}, 0};
  while (m.next()) {
    switch (m.field()) {
      case 1:
        opset.first = m.text();
        break;
      case 2:
        opset.second = m.integer();
        break;
    }
  }
  return opset;
}

FunctionProto parse_function(Message m) {
  FunctionProto function;
  while (m.next()) {
    switch (m.field()) {
      case 1:
        function.name = m.text();
        break;
      case 4:
        function.inputs.push_back(m.text());
        break;
      case 5:
        function.outputs.push_back(m.text());
        break;
      case 6:
        function.attributes.push_back(m.text());
        break;
      case 7:
        append(function.nodes, m.message(), "node",
               [](Message node) { return parse_node(node, 0); });
        break;
      case 9:
        append(function.opset_import, m.message(), "opset_import", parse_opset);
        break;
      case 10:
        function.domain = m.text();
        break;
      case 11:
        append(function.defaults, m.message(), "attribute",
               [](Message attribute) { return parse_attribute_name(attribute, 0); });
        break;
      case 13:
        function.overload = m.text();
        break;
    }
  }
  if (function.name.empty()) m.fail("a function without name");
  return function;
}

}  // namespace

void set_captures(NodeProto& node) {
  node.captures.clear();
  for (const AttributeProto& attribute : node.attributes) {
    if (attribute.graph) add_captures(*attribute.graph, node.captures);
  }
}

TensorProto parse_tensor(Message m) {
  TensorProto tensor{.content = m};
  std::array<std::int64_t, max_rank> dims;
  std::size_t rank = 0;
  while (m.next()) {
    switch (m.field()) {
      case 1:
        m.integers([&](std::int64_t extent) {
          if (rank == dims.size()) m.fail("a tensor of more than {} dimensions", max_rank);
          if (extent < 0) m.fail("a tensor with a dimension of {}", extent);
          dims[rank++] = extent;
        });
        break;
      case 2:
        tensor.data_type = m.integer32();
        break;
      case 3:
        m.fail("a tensor in segments, which ONNX has withdrawn");
      case 4:
      case 5:
      case 7:
      case 10:
      case 11:
        tensor.has_list = true;
        break;
      case 8:
        tensor.name = m.text();
        break;
      case 9:
        tensor.raw_data = m.bytes();
        break;
      case 13:
        append(tensor.external_data, m.message(), "external_data", parse_entry);
        break;
      case 14:
        tensor.external = m.integer() == 1;
        break;
      case 16:
        parse_source(m.message(), tensor.sources);
        break;
    }
  }
  tensor.dims = Shape(std::span(dims.data(), rank));
  return tensor;
}

AttributeValue parse_attribute(Message m) {
  using enum AttributeType;
  AttributeValue value;
  std::int64_t declared = 0;
  AttributeType seen = undefined;
  while (m.next()) {
    switch (m.field()) {
      case 2:
        value.f = m.real(), seen = f;
        break;
      case 3:
        value.i = m.integer(), seen = i;
        break;
      case 4:
        value.s = m.bytes(), seen = s;
        break;
      case 5:
        value.t = m.message(), seen = t;
        break;
      case 6:
        seen = g;
        break;
      case 7:
        m.fixed<float>([&](float x) { value.floats.push_back(x); }), seen = floats;
        break;
      case 8:
        m.integers([&](std::int64_t x) { value.ints.push_back(x); }), seen = ints;
        break;
      case 9:
        value.strings.push_back(m.bytes()), seen = strings;
        break;
      case 10:
        seen = tensors;
        break;
      case 11:
        seen = graphs;
        break;
      case 14:
        seen = type;
        break;
      case 15:
        seen = types;
        break;
      case 20:
        declared = m.integer();
        break;
      case 21:
        m.fail("a reference to an attribute of a function, outside of any function");
      case 22:
        seen = sparse;
        break;
      case 23:
        seen = sparses;
        break;
    }
  }
  constexpr auto last = std::int64_t(types);
  if (declared < 0 || declared > last) {
    m.fail("attribute type {}, expected 1 to {}", declared, last);
  }
  value.type = declared == 0 ? seen : AttributeType(declared);
  return value;
}

ModelProto parse_model(Message m) {
  ModelProto model;
  while (m.next()) {
    switch (m.field()) {
      case 1:
        model.ir_version = m.integer();
        break;
      case 2:
        model.producer = m.text();
        break;
      case 7:
        if (model.graph) m.fail("a second graph");
        model.graph =
            with_context([] { return "graph"; }, [&] { return parse_graph(m.message(), 0); });
        break;
      case 8:
        append(model.opset_import, m.message(), "opset_import", parse_opset);
        break;
      case 25:
        append(model.functions, m.message(), "function", parse_function);
        break;
    }
  }
  return model;
}

}  // namespace strata::formats::onnx
