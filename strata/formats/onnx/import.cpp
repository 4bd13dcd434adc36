#include "strata/formats/onnx/import.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "strata/formats/onnx/batched_scan.hpp"
#include "strata/formats/onnx/converters.hpp"
#include "strata/formats/onnx/element_type.hpp"
#include "strata/formats/onnx/functions.hpp"
#include "strata/formats/onnx/node_context.hpp"
#include "strata/formats/onnx/node_order.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/inline.hpp"
#include "strata/ir/known_elements.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/typing_budget.hpp"

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

bool is_supported(const NodeProto& node, std::int64_t model_opset) {
  const std::int64_t opset = node.opset != 0 ? node.opset : model_opset;
  const std::string_view domain = plain_domain(node.domain);
  const Converter* row = find_converter(domain, node.op_type, opset);
  if (!row) return domain.empty() && ir::find_op("", node.op_type) != nullptr;
  constexpr std::string_view ours = "strata.";
  if (row->target.starts_with(ours)) {
    return ir::find_op("strata", row->target.substr(ours.size())) != nullptr;
  }
  return row->target.empty() || ir::find_op("", row->target) != nullptr;
}

struct Missing {
  std::size_t count = 0;
  const NodeProto* first = nullptr;
};
using MissingOps = std::map<std::pair<std::string_view, std::string_view>, Missing>;

void collect_missing(const GraphProto& proto, std::int64_t opset, MissingOps& missing) {
  for (const NodeProto& node : proto.nodes) {
    for (const AttributeProto& attribute : node.attributes) {
      if (attribute.graph) collect_missing(*attribute.graph, opset, missing);
    }
    if (is_supported(node, opset)) continue;
    Missing& entry = missing[{node.domain, node.op_type}];
    if (entry.count++ == 0) entry.first = &node;
  }
}

// All ops of the file that are not supported, in one error.
void check_ops(const GraphProto& proto, std::int64_t opset) {
  MissingOps missing;
  collect_missing(proto, opset, missing);
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

ir::Sources sources_of(const std::vector<std::string_view>& names) {
  ir::Sources sources(names.begin(), names.end());
  std::ranges::sort(sources);
  sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
  return sources;
}

class Importer {
 public:
  /// `around`: what imports the graph around this one, whose values it may read.
  Importer(const GraphProto& proto, std::int64_t opset, TensorReader& tensors,
           Importer* around = nullptr)
      : proto_(proto), opset_(opset), tensors_(tensors), around_(around) {}

  ir::Graph run() {
    add_constants();
    add_inputs();
    return finish();
  }

  /// The body of a node of the graph around it, taking operands of these types. What it reads
  /// besides are further inputs, and `captures` in the graph around it.
  ir::Graph run_body(std::span<const ir::TensorType> operands, std::vector<ir::ValueId>& captures) {
    if (operands.size() != proto_.inputs.size()) {
      fail(ErrorCode::model, "graph {} has {} inputs, expected {}", proto_.name,
           proto_.inputs.size(), operands.size());
    }
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const std::string_view name = proto_.inputs[i].name;
      with_context([&] { return fmt::format("graph input \"{}\"", name); },
                   [&] { define(name, graph_.add_input(name, operands[i])); });
    }
    add_constants();
    ir::Graph body = finish();
    captures = std::move(captures_);
    return body;
  }

 private:
  ir::Graph finish() {
    graph_.name = proto_.name;
    add_node_outputs();
    collect_uses();
    for (const std::size_t i : topological_order(proto_.nodes)) add_node(proto_.nodes[i]);
    add_outputs();
    graph_.compact();
    return std::move(graph_);
  }

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
                     define(tensor.name, graph_.add_constant(tensor.name, tensors_.read(tensor),
                                                             sources_of(tensor.sources)));
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
    for (const NodeProto& node : proto_.nodes) {
      used_.insert(node.inputs.begin(), node.inputs.end());
      used_.insert(node.captures.begin(), node.captures.end());
    }
    for (const ValueInfoProto& output : proto_.outputs) used_.insert(output.name);
  }

  ir::Attributes attributes_of(const NodeProto& node) {
    ir::Attributes attributes = read_attributes(node, tensors_);
    constexpr std::string_view ops[] = {"DequantizeLinear", "QLinearConv", "QLinearMatMul",
                                        "QuantizeLinear"};
    if (!node.arithmetic.empty() && plain_domain(node.domain).empty() &&
        std::ranges::count(ops, node.op_type) != 0) {
      attributes.set("arithmetic", std::string(node.arithmetic));
    }
    return attributes;
  }

  void add_node(const NodeProto& node) {
    try {
      NodeContext context(graph_, place(node), attributes_of(node));
      if (context.opset() < 6) context.attributes.erase("consumed_inputs");
      if (is_control(node)) return add_control(node, context);
      if (const Converter* row =
              find_converter(plain_domain(node.domain), node.op_type, context.opset())) {
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

  static bool is_control(const NodeProto& node) {
    return plain_domain(node.domain).empty() &&
           (node.op_type == "If" || node.op_type == "Loop" || node.op_type == "Scan");
  }

  /// Graphs of a node become attributes; what they read from around them, operands.
  void add_control(const NodeProto& node, NodeContext& context) {
    std::vector<ir::ValueId> operands(context.all_inputs().begin(), context.all_inputs().end());
    if (node.op_type == "If") {
      if (const auto taken = known_branch(operands)) return inline_branch(node, *taken, context);
      for (const std::string_view branch : {"then_branch", "else_branch"}) {
        add_body(node, branch, {}, context, operands);
      }
      return context.emit(node.op_type, std::move(operands), context.attributes);
    }
    const bool is_loop = node.op_type == "Loop";
    if (is_loop && operands.size() < 2) operands.resize(2, ir::no_value);
    const bool batched = !is_loop && context.opset() < 9;
    if (batched) drop_lengths(operands);
    const std::size_t own = operands.size();
    add_body(node, "body",
             is_loop ? loop_operands(node, operands) : scan_operands(node, operands, batched),
             context, operands);
    context.attributes.set("captures", std::int64_t(operands.size() - own));
    if (batched) {
      std::vector<ir::TensorType> types;
      for (const ir::ValueId id : operands) types.push_back(operand_type(id));
      context.attributes = over_batch(context.attributes, types, context.name());
    }
    context.emit(node.op_type, std::move(operands), context.attributes);
    if (is_loop) ir::settle_loop(graph_, graph_.order().back());
  }

  /// The branch that always runs, if the condition is known.
  std::optional<std::string_view> known_branch(std::span<const ir::ValueId> operands) const {
    if (operands.size() != 1 || operands[0] == ir::no_value) return std::nullopt;
    const ir::Value& condition = graph_.value(operands[0]);
    const auto elements =
        condition.constant ? ir::known_elements(condition.constant->decode()) : condition.elements;
    if (!elements || elements->size() != 1 || !elements->front().is_constant()) return std::nullopt;
    return elements->front() == Dim(0) ? "else_branch" : "then_branch";
  }

  /// The other branch may not even be possible.
  void inline_branch(const NodeProto& node, std::string_view branch, NodeContext& context) {
    std::vector<ir::ValueId> captures;
    const ir::Graph body = with_context(
        [&] { return std::string(branch); },
        [&] {
          return Importer(graph_of(node, branch), opset_, tensors_, this).run_body({}, captures);
        });
    const std::vector<ir::ValueId> results = ir::inline_graph(graph_, body, captures);
    if (results.size() < context.outputs()) {
      fail(ErrorCode::model, "{} gives {} outputs, expected {}", branch, results.size(),
           context.outputs());
    }
    for (std::size_t i = 0; i < context.outputs(); ++i) {
      context.emit_output(i, "Identity", {results[i]});
    }
  }

  void add_body(const NodeProto& node, std::string_view attribute,
                std::span<const ir::TensorType> inputs, NodeContext& context,
                std::vector<ir::ValueId>& operands) {
    std::vector<ir::ValueId> captures;
    ir::Graph body =
        with_context([&] { return std::string(attribute); },
                     [&] {
                       return Importer(graph_of(node, attribute), opset_, tensors_, this)
                           .run_body(inputs, captures);
                     });
    context.attributes.set(attribute, ir::Subgraph(std::make_shared<ir::Graph>(std::move(body))));
    operands.insert(operands.end(), captures.begin(), captures.end());
  }

  static const GraphProto& graph_of(const NodeProto& node, std::string_view attribute) {
    for (const AttributeProto& proto : node.attributes) {
      if (proto.name == attribute && proto.graph) return *proto.graph;
    }
    fail(ErrorCode::model, "attribute {} is missing; accepted: a graph", attribute);
  }

  const ir::TensorType& operand_type(ir::ValueId id) const {
    if (id == ir::no_value) fail(ErrorCode::model, "an input is missing");
    return graph_.value(id).type;
  }

  /// The iteration and the condition, then the carried values.
  std::vector<ir::TensorType> loop_operands(const NodeProto& node,
                                            std::span<const ir::ValueId> operands) {
    std::vector<ir::TensorType> types = {{DType::i64, {}}, {DType::boolean, {}}};
    const GraphProto& body = graph_of(node, "body");
    for (std::size_t i = 0; i < types.size() && i < body.inputs.size(); ++i) {
      const auto& shape = body.inputs[i].shape;
      if (shape && shape->size() == 1) types[i].shape = {1};
    }
    for (const ir::ValueId id : operands.subspan(2)) types.push_back(operand_type(id));
    return types;
  }

  /// Before opset 9 the first operand of a Scan told how long each sequence of the batch is.
  static void drop_lengths(std::vector<ir::ValueId>& operands) {
    if (operands.empty() || operands[0] != ir::no_value) {
      fail(ErrorCode::unsupported,
           "sequence_lens is given; accepted before opset 9: none, which means full lengths");
    }
    operands.erase(operands.begin());
  }

  /// The carried values, then one slice of each scanned input; of one entry of the batch, if all
  /// have one as axis 0.
  std::vector<ir::TensorType> scan_operands(const NodeProto& node,
                                            std::span<const ir::ValueId> operands, bool batched) {
    const ir::Attributes attributes = read_attributes(node, tensors_);
    const std::int64_t scanned = attributes.integer("num_scan_inputs", 0);
    if (scanned < 1 || scanned > std::int64_t(operands.size())) {
      fail(ErrorCode::model, "num_scan_inputs is {}; accepted: 1 to {}", scanned, operands.size());
    }
    const std::vector<std::int64_t> axes = attributes.integers("scan_input_axes");
    const std::size_t first = operands.size() - std::size_t(scanned);
    std::vector<ir::TensorType> types;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      types.push_back(operand_type(operands[i]));
      if (batched) {
        if (types.back().shape.empty()) fail(ErrorCode::model, "operand {} has no batch axis", i);
        types.back().shape.erase(types.back().shape.begin());
      }
      if (i < first) continue;
      SymbolicShape& shape = types.back().shape;
      const auto rank = std::int64_t(shape.size());
      std::int64_t axis = i - first < axes.size() ? axes[i - first] : 0;
      if (axis < 0) axis += rank;
      if (axis < 0 || axis >= rank) {
        fail(ErrorCode::model, "scan_input_axes has {} for rank {}", axis, rank);
      }
      shape.erase(shape.begin() + axis);
    }
    return types;
  }

  NodeContext::Place place(const NodeProto& node) {
    NodeContext::Place place{.op = node.op_type, .name = node_name(node)};
    place.opset = node.opset != 0 ? node.opset : opset_;
    place.sources = sources_of(node.sources);
    if (place.sources.empty()) {
      place.sources = {node.caller.empty() ? place.name : std::string(node.caller)};
    }
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

  ir::ValueId find(std::string_view name) {
    const auto found = values_.find(name);
    if (found != values_.end()) return found->second;
    if (!around_) fail(ErrorCode::model, "\"{}\" is defined nowhere", name);
    return capture(name);
  }

  /// A value of the graph around this one: an input, or a copy if it is a constant.
  ir::ValueId capture(std::string_view name) {
    const ir::ValueId outer = around_->find(name);
    const ir::Value& value = around_->graph_.value(outer);
    ir::ValueId inner;
    if (value.constant) {
      inner = graph_.add_constant(name, *value.constant, value.sources);
    } else {
      inner = graph_.add_input(name, value.type);
      graph_.value(inner).elements = value.elements;
      captures_.push_back(outer);
    }
    define(name, inner);
    return inner;
  }

  void add_outputs() {
    std::unordered_set<std::string_view> seen;
    for (const ValueInfoProto& info : proto_.outputs) {
      with_context(
          [&] { return fmt::format("graph output \"{}\"", info.name); },
          [&] {
            if (!seen.insert(info.name).second && !around_) {
              fail(ErrorCode::model, "it is listed twice");
            }
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
  TensorReader& tensors_;
  Importer* around_;
  ir::Graph graph_;
  std::vector<ir::ValueId> captures_;  // in the graph around
  std::unordered_map<std::string_view, ir::ValueId> values_;
  std::unordered_set<std::string_view> used_;
};

}  // namespace

ir::Graph import_model(const MappedFile& file, const LoadOptions& options) {
  const ModelProto model = parse_model(Message(file.bytes()));
  if (!model.graph) fail(ErrorCode::model, "this is no ONNX model: it holds no graph");
  const std::int64_t opset = default_opset(model);
  std::deque<std::string> names;
  std::optional<GraphProto> flat;
  if (!model.functions.empty()) flat = inline_functions(model, is_supported, opset, names);
  const GraphProto& graph = flat ? *flat : *model.graph;
  check_ops(graph, opset);
  TensorReader tensors(file, options);
  const ir::TypingBudget budget(ir::typing_rules_per_graph);
  return Importer(graph, opset, tensors).run();
}

}  // namespace strata::formats::onnx
