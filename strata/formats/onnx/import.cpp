#include "strata/formats/onnx/import.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "strata/formats/onnx/converters.hpp"
#include "strata/formats/onnx/element_type.hpp"
#include "strata/formats/onnx/node_context.hpp"
#include "strata/formats/onnx/node_order.hpp"
#include "strata/ir/op.hpp"

namespace strata::formats::onnx {
namespace {

std::int64_t default_opset(const ModelProto& model) {
  // Before IR version 3 files did not say.
  std::int64_t opset = model.ir_version < 3 ? 1 : 0;
  for (const auto& [domain, version] : model.opset_import) {
    if (plain_domain(domain).empty()) opset = std::max(opset, version);
  }
  if (opset < 1) {
    fail(ErrorCode::model, "no opset of ONNX's domain is imported; accepted: 1 to {}",
         newest_opset);
  }
  if (opset > newest_opset) {
    fail(ErrorCode::unsupported, "opset {} is newer than {}, the newest that is supported", opset,
         newest_opset);
  }
  return opset;
}

bool is_supported(const NodeProto& node, std::int64_t opset) {
  const std::string_view domain = plain_domain(node.domain);
  const Converter* row = find_converter(domain, node.op_type, opset);
  if (!row) return domain.empty() && ir::find_op("", node.op_type) != nullptr;
  constexpr std::string_view ours = "strata.";
  if (row->target.starts_with(ours)) {
    return ir::find_op("strata", row->target.substr(ours.size())) != nullptr;
  }
  return row->target.empty() || ir::find_op("", row->target) != nullptr;
}

// All ops of the file that are not supported, in one error.
void check_ops(const GraphProto& proto, std::int64_t opset) {
  struct Missing {
    std::size_t count = 0;
    const NodeProto* first = nullptr;
  };
  std::map<std::pair<std::string_view, std::string_view>, Missing> missing;
  for (const NodeProto& node : proto.nodes) {
    if (is_supported(node, opset)) continue;
    Missing& entry = missing[{node.domain, node.op_type}];
    if (entry.count++ == 0) entry.first = &node;
  }
  if (missing.empty()) return;
  std::string list;
  for (const auto& [op, entry] : missing) {
    const auto& [domain, name] = op;
    list += fmt::format("{}{}{}{} ({} node{}, first {})", list.empty() ? "" : ", ", domain,
                        domain.empty() ? "" : ".", name, entry.count, entry.count == 1 ? "" : "s",
                        node_name(*entry.first));
  }
  fail(ErrorCode::unsupported, "{} op{} not supported: {}", missing.size(),
       missing.size() == 1 ? " is" : "s are", list);
}

class Importer {
 public:
  Importer(const MappedFile& file, const GraphProto& proto, std::int64_t opset,
           const LoadOptions& options)
      : proto_(proto), opset_(opset), tensors_(file, options) {}

  ir::Graph run() {
    graph_.name = proto_.name;
    add_constants();
    add_inputs();
    add_node_outputs();
    collect_uses();
    for (const std::size_t i : topological_order(proto_.nodes)) add_node(proto_.nodes[i]);
    add_outputs();
    graph_.compact();
    return std::move(graph_);
  }

 private:
  void define(std::string_view name, ir::ValueId id) {
    if (!values_.emplace(name, id).second) fail(ErrorCode::model, "the name is already defined");
  }

  void add_constants() {
    if (proto_.has_sparse_initializers) {
      fail(ErrorCode::unsupported, "sparse initializers are not supported");
    }
    for (const TensorProto& tensor : proto_.initializers) {
      with_context([&] { return fmt::format("initializer \"{}\"", tensor.name); },
                   [&] {
                     if (tensor.name.empty()) fail(ErrorCode::model, "it has no name");
                     define(tensor.name, graph_.add_constant(tensor.name, tensors_.read(tensor)));
                   });
    }
  }

  void add_inputs() {
    std::unordered_set<std::string_view> seen;
    for (const ValueInfoProto& info : proto_.inputs) {
      // Old files list their initializers as inputs too; newer ones mean a default value.
      if (seen.insert(info.name).second && values_.contains(info.name)) continue;
      with_context([&] { return fmt::format("graph input \"{}\"", info.name); },
                   [&] { define(info.name, graph_.add_input(info.name, input_type(info))); });
    }
  }

  ir::TensorType input_type(const ValueInfoProto& info) {
    if (!info.is_tensor) fail(ErrorCode::unsupported, "it is no dense tensor");
    ir::TensorType type{element_type(info.elem_type), {}};
    if (!info.shape) fail(ErrorCode::unsupported, "its number of dimensions is not stated");
    for (std::size_t axis = 0; axis < info.shape->size(); ++axis) {
      const DimensionProto& dim = (*info.shape)[axis];
      if (dim.value && *dim.value >= 0) {
        type.shape.emplace_back(*dim.value);
      } else if (!dim.symbol.empty()) {
        type.shape.push_back(Dim::symbol(dim.symbol));
      } else {
        type.shape.push_back(Dim::symbol(fmt::format("{}_dim{}", info.name, axis)));
      }
    }
    if (const auto shape = as_constant(type.shape)) shape->elements();  // which fails if too many
    return type;
  }

  void add_node_outputs() {
    for (const NodeProto& node : proto_.nodes) {
      for (std::string_view name : node.outputs) {
        if (name.empty()) continue;
        with_context([&] { return fmt::format("{}: output \"{}\"", describe(node), name); },
                     [&] { define(name, graph_.add_value(name)); });
      }
    }
  }

  void collect_uses() {
    for (const NodeProto& node : proto_.nodes) used_.insert(node.inputs.begin(), node.inputs.end());
    for (const ValueInfoProto& output : proto_.outputs) used_.insert(output.name);
  }

  void add_node(const NodeProto& node) {
    try {
      NodeContext context(graph_, place(node), read_attributes(node, tensors_));
      if (opset_ < 6) context.attributes.erase("consumed_inputs");
      if (const Converter* row = find_converter(plain_domain(node.domain), node.op_type, opset_)) {
        row->convert(context);
        context.check_outputs();
      } else {
        context.emit(node.op_type, {context.all_inputs().begin(), context.all_inputs().end()},
                     context.attributes);
      }
    } catch (Error& error) {
      // Shape rules have named the node already.
      if (!std::string_view(error.what()).starts_with("node ")) error.add_context(describe(node));
      throw;
    }
  }

  NodeContext::Place place(const NodeProto& node) const {
    NodeContext::Place place{.op = node.op_type, .name = node_name(node), .opset = opset_};
    for (std::string_view name : node.inputs) {
      place.inputs.push_back(name.empty() ? ir::no_value : find(name));
    }
    for (std::string_view name : node.outputs) {
      place.outputs.push_back(name.empty() ? ir::no_value : find(name));
      place.used.push_back(used_.contains(name));
    }
    while (!place.inputs.empty() && place.inputs.back() == ir::no_value) place.inputs.pop_back();
    while (!place.outputs.empty() && place.outputs.back() == ir::no_value) place.outputs.pop_back();
    return place;
  }

  ir::ValueId find(std::string_view name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) fail(ErrorCode::model, "\"{}\" is defined nowhere", name);
    return found->second;
  }

  void add_outputs() {
    std::unordered_set<std::string_view> seen;
    for (const ValueInfoProto& info : proto_.outputs) {
      with_context(
          [&] { return fmt::format("graph output \"{}\"", info.name); },
          [&] {
            if (!seen.insert(info.name).second) fail(ErrorCode::model, "it is listed twice");
            const ir::ValueId id = find(info.name);
            const DType type = graph_.value(id).type.dtype;
            if (info.is_tensor && info.elem_type != 0 && element_type(info.elem_type) != type) {
              fail(ErrorCode::model, "declared as {}, but computed as {}",
                   to_string(element_type(info.elem_type)), to_string(type));
            }
            graph_.outputs.push_back(id);
          });
    }
    if (graph_.outputs.empty()) fail(ErrorCode::model, "the graph has no outputs");
  }

  const GraphProto& proto_;
  std::int64_t opset_;
  TensorReader tensors_;
  ir::Graph graph_;
  std::unordered_map<std::string_view, ir::ValueId> values_;
  std::unordered_set<std::string_view> used_;
};

}  // namespace

ir::Graph import_model(const MappedFile& file, const LoadOptions& options) {
  const ModelProto model = parse_model(Message(file.bytes()));
  if (!model.graph) fail(ErrorCode::model, "this is no ONNX model: it holds no graph");
  const std::int64_t opset = default_opset(model);
  check_ops(*model.graph, opset);
  return Importer(file, *model.graph, opset, options).run();
}

}  // namespace strata::formats::onnx
