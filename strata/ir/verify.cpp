#include "strata/ir/verify.hpp"

#include "strata/ir/builder.hpp"
#include "strata/ir/op.hpp"

namespace strata::ir {
namespace {

/// Subgraphs nested deeper are refused.
constexpr int deepest = 64;

void verify_graph(const Graph& graph, int depth);

class Verifier {
 public:
  Verifier(const Graph& graph, int depth)
      : graph_(graph), depth_(depth), defined_(graph.value_limit()) {}

  void check_structure() {
    for (ValueId id : graph_.inputs) define_input(id);
    for (const State& state : graph_.states) define_state(state);
    for (std::size_t i = 0; i < graph_.value_limit(); ++i) {
      if (graph_.is_constant(ValueId(i))) define_constant(ValueId(i));
    }
    for (NodeId id : graph_.order()) check_node(id);
    for (ValueId id : graph_.outputs) expect_defined(id, "an output");
    for (const State& state : graph_.states) check_written(state);
  }

  /// Types and known elements are what the shape rules say.
  void check_types() const {
    Graph inferred = graph_;
    for (NodeId id : graph_.order()) {
      infer_node(inferred, id);
      const Node& node = graph_.node(id);
      for (ValueId output : node.outputs) {
        if (output == no_value) continue;
        const Value& stored = graph_.value(output);
        const Value& expected = inferred.value(output);
        if (!(stored.type == expected.type)) {
          fail(ErrorCode::model, "{}: output {} has type {}, but the shape rule says {}",
               describe(node), stored.name, to_string(stored.type), to_string(expected.type));
        }
        if (stored.elements != expected.elements) {
          fail(ErrorCode::model, "{}: the known elements of output {} are out of date",
               describe(node), stored.name);
        }
      }
    }
  }

 private:
  const std::string& name(ValueId id) const { return graph_.value(id).name; }

  /// Known, named as the graph's table says, and not defined before.
  void define(ValueId id, std::string_view what) {
    expect_id(id, what);
    if (graph_.find_value(name(id)) != id || name(id).empty()) {
      fail(ErrorCode::model, "{} '{}' bears a name that is empty or another value's", what,
           name(id));
    }
    if (defined_[index(id)]) fail(ErrorCode::model, "value {} is defined twice", name(id));
    defined_[index(id)] = true;
  }

  void expect_id(ValueId id, std::string_view what) const {
    if (index(id) >= graph_.value_limit()) {
      fail(ErrorCode::model, "{} has id {}, expected less than {}", what, index(id),
           graph_.value_limit());
    }
  }

  void expect_defined(ValueId id, std::string_view what) const {
    expect_id(id, what);
    if (!defined_[index(id)]) {
      fail(ErrorCode::model, "{} is value {}, which is not defined before", what, name(id));
    }
  }

  void expect_no_producer(ValueId id, std::string_view what) const {
    if (graph_.value(id).producer != no_node) {
      fail(ErrorCode::model, "{} {} has a producer, expected none", what, name(id));
    }
  }

  void define_input(ValueId id) {
    define(id, "input");
    expect_no_producer(id, "input");
    const Value& input = graph_.value(id);
    if (input.constant) fail(ErrorCode::model, "input {} is also a constant", input.name);
    for (const Dim& dim : input.type.shape) {
      if (dim.as_constant().value_or(0) < 0) {
        fail(ErrorCode::model, "input {} has type {}, expected extents of at least 0", input.name,
             to_string(input.type));
      }
    }
  }

  void define_state(const State& state) {
    define(state.read, "state");
    expect_no_producer(state.read, "state");
    const Value& read = graph_.value(state.read);
    if (!state.initial.present())
      fail(ErrorCode::model, "state {} has no initial value", state.name);
    expect_type(state.initial.dtype(), state.initial.shape(), read.type, "state", state.name);
  }

  void expect_type(DType dtype, const Shape& shape, const TensorType& type, std::string_view what,
                   const std::string& who) const {
    const TensorType actual{dtype, {shape.begin(), shape.end()}};
    if (!(actual == type)) {
      fail(ErrorCode::model, "{} {} holds {}, but its type is {}", what, who, to_string(actual),
           to_string(type));
    }
  }

  void define_constant(ValueId id) {
    define(id, "constant");
    expect_no_producer(id, "constant");
    const Value& value = graph_.value(id);
    if (!value.constant->encoding) {
      fail(ErrorCode::model, "constant {} has no encoding", value.name);
    }
    expect_type(value.constant->dtype, value.constant->shape, value.type, "constant", value.name);
  }

  void check_written(const State& state) const {
    expect_defined(state.written, "what state " + state.name + " writes");
    const TensorType& read = graph_.value(state.read).type;
    const TensorType& written = graph_.value(state.written).type;
    if (!(read == written)) {
      fail(ErrorCode::model, "state {} has type {}, but {} of type {} is written to it", state.name,
           to_string(read), name(state.written), to_string(written));
    }
  }

  void check_node(NodeId id) {
    if (index(id) >= graph_.node_limit() || !graph_.node(id).op) {
      fail(ErrorCode::model, "node {} in the order does not exist", index(id));
    }
    const Node& node = graph_.node(id);
    if (graph_.find_node(node.name) != id || node.name.empty()) {
      fail(ErrorCode::model, "node '{}' bears a name that is empty or another node's", node.name);
    }
    with_context([&] { return describe(node); },
                 [&] {
                   check_schema(node);
                   for (ValueId input : node.inputs) {
                     if (input != no_value) expect_defined(input, "an input");
                   }
                   for (ValueId output : node.outputs) {
                     if (output == no_value) continue;
                     define(output, "output");
                     if (graph_.value(output).producer != id) {
                       fail(ErrorCode::model, "output {} names another producer", name(output));
                     }
                   }
                   for (const auto& [attribute, value] : node.attributes)
                     check_subgraph(attribute, value);
                 });
  }

  void check_subgraph(const std::string& attribute, const Attribute& value) const {
    const auto* subgraph = std::get_if<Subgraph>(&value);
    if (!subgraph) return;
    with_context([&] { return "attribute '" + attribute + "'"; },
                 [&] {
                   if (!*subgraph) fail(ErrorCode::model, "a graph without content");
                   verify_graph(**subgraph, depth_ + 1);
                 });
  }

  const Graph& graph_;
  const int depth_;
  std::vector<bool> defined_;
};

void verify_graph(const Graph& graph, int depth) {
  if (depth > deepest) fail(ErrorCode::model, "subgraphs nested deeper than {}", deepest);
  Verifier verifier(graph, depth);
  verifier.check_structure();
  verifier.check_types();
}

}  // namespace

void verify(const Graph& graph) { verify_graph(graph, 0); }

void verify_structure(const Graph& graph) { Verifier(graph, 0).check_structure(); }

}  // namespace strata::ir
