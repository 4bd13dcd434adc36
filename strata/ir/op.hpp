#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "strata/ir/graph.hpp"

namespace strata::ir {

class Builder;

/// What a run can get wrong only through its data. `message` is static text; null means success.
struct Status {
  const char* message = nullptr;
  explicit operator bool() const { return message == nullptr; }
};

/// Kinds of attributes, in the order of the alternatives of Attribute.
enum class AttributeKind { integer, real, string, integers, reals, strings, tensor, dtype, graph };

struct AttributeDef {
  std::string_view name;
  AttributeKind kind;
  bool required = false;
};

/// How many inputs or outputs an op takes; at most `max`, of which the first `min` are required.
struct Arity {
  int min = 1;
  int max = 1;
};
constexpr int variadic = 1 << 20;

/// What a shape rule sees and sets. Every complaint is an Error of kind model; the caller adds
/// "node NAME (OP)".
class InferContext {
 public:
  /// `operands`: what the inputs hold, while running; empty when planning.
  InferContext(const Graph& graph, const Node& node, std::span<const Tensor> operands = {});

  /// Whether all operands are known, because the network is running.
  bool running() const { return !operands_.empty(); }
  int inputs() const;
  bool has_input(int i) const;
  const TensorType& input(int i) const;
  /// Elements of an input that are known when planning: constants, and small integer tensors that
  /// were computed from shapes. One entry per element, row-major.
  std::optional<std::vector<Dim>> elements(int i) const;
  /// The same, if all are numbers.
  std::optional<std::vector<std::int64_t>> integers(int i) const;
  /// A constant input, decoded (values that are no integers: scales, limits).
  std::optional<Tensor> constant(int i) const;
  /// The extent of an output's axis that only data tell: a symbol of its own.
  Dim open_extent(int output, int axis);
  /// Output i with this many such extents; what rules fall back on when an operand is not known.
  void set_open_output(int i, DType dtype, int rank);
  const Attributes& attributes() const;
  const Node& node() const;

  void set_output(int i, TensorType type);
  /// Makes the elements of output i known (integers, at most 1024 of them).
  void set_elements(int i, std::vector<Dim> elements);

  /// Complains unless the input has this rank; `what` names the operand ("X").
  void expect_rank(int i, std::string_view what, int rank) const;
  void expect_same_dtype(int a, int b) const;

 private:
  friend void infer_node(Graph& graph, NodeId node);
  friend std::vector<TensorType> infer_operands(const Graph& graph, const Node& node,
                                                std::span<const Tensor> operands);
  const Graph& graph_;
  const Node& node_;
  std::span<const Tensor> operands_;
  std::vector<TensorType> operand_types_;
  bool open_ = false;
  std::vector<std::optional<TensorType>> output_types_;
  std::vector<std::optional<std::vector<Dim>>> output_elements_;
};

/// Operands of a reference implementation. Outputs have the inferred type and shape; absent
/// tensors stand for omitted operands. Allocates nothing, unless sizes of results follow from data.
struct EvalArgs {
  const Node& node;
  std::span<const Tensor> inputs;
  std::span<Tensor> outputs;
  std::byte* scratch = nullptr;  ///< OpDef::scratch_bytes of them, 64-byte aligned

  const Attributes& attributes() const { return node.attributes; }
  bool has_input(std::size_t i) const { return i < inputs.size() && inputs[i].present(); }
};

/// Concrete operand types, for costs.
struct CostArgs {
  const Node& node;
  std::span<const Shape> inputs;  ///< scalar for omitted ones
  std::span<const Shape> outputs;
};
/// Work of one node on one set of shapes.
struct Cost {
  std::int64_t macs = 0;   ///< multiply-accumulates
  std::int64_t flops = 0;  ///< other floating-point operations
};

/// One example of an op's use: what the conformance test of ops and kernels runs.
/// Inputs are graph inputs filled from a seed unless they carry values.
struct OpCase {
  struct Input {
    TensorType type;              ///< concrete shape; symbols are bound to 2
    std::optional<Tensor> value;  ///< set: a constant input with these elements
    bool omitted = false;
    bool constant = false;  ///< filled from the seed, but a constant of the graph (weights)
  };
  std::string_view name;
  std::vector<Input> inputs;
  Attributes attributes;
  int outputs = 1;
  double low = -1, high = 1;  ///< range of the seeded floats
};

/// Makes the examples of an op. Libraries for deployment (STRATA_ISA) go without: examples are a
/// quarter of a runtime's bytes.
#ifdef STRATA_WITHOUT_CASES
struct OpCases {
  constexpr OpCases(std::vector<OpCase> (*)()) {}
};
#else
using OpCases = std::vector<OpCase> (*)();
#endif

/// What a control flow op works with. `call` runs a subgraph of the node, given by its attribute.
struct ControlArgs {
  const Node& node;
  std::span<const Tensor> inputs;
  const std::function<std::vector<Tensor>(std::string_view attribute, std::span<const Tensor>)>&
      call;
};

/// Everything that is true of an op, in one constant table row; see ops/.
struct OpDef {
  std::string_view name;
  std::string_view domain = "";  ///< "" is ONNX's default domain
  Arity inputs{};
  Arity outputs{};
  std::span<const AttributeDef> attributes = {};
  /// Shape rule and validation.
  void (*infer)(InferContext& context) = nullptr;
  /// Reference implementation: clear loops, the meaning of the op. Null only if decompose or
  /// control is set.
  Status (*reference)(const EvalArgs& args) = nullptr;
  /// Control flow: runs subgraphs and gives the outputs. Throws model for what data got wrong.
  std::vector<Tensor> (*control)(const ControlArgs& args) = nullptr;
  /// Bytes that the reference needs beside its operands; null: none.
  std::size_t (*scratch_bytes)(const CostArgs& args) = nullptr;
  /// Null: no arithmetic to speak of (movement).
  Cost (*cost)(const CostArgs& args) = nullptr;
  /// Replaces the node by simpler ones; returns the values that stand for its outputs, or nothing
  /// if these operands have no decomposition.
  std::optional<std::vector<ValueId>> (*decompose)(Builder& builder, const Node& node) = nullptr;
  OpCases cases = nullptr;
};

/// All ops (ops/ops.def is the only list), and one by name; null if there is none.
std::span<const OpDef* const> all_ops();
const OpDef* find_op(std::string_view domain, std::string_view name);

/// By qualified name ("Conv", "strata.Fused"); throws unsupported naming it.
const OpDef& find_op(std::string_view qualified);

/// "Conv", "strata.Fused": the name with its domain unless that is ONNX's.
std::string qualified_name(const OpDef& op);
/// "node conv1 (Conv)", for errors.
std::string describe(const Node& node);
std::string_view to_string(AttributeKind kind);

/// Runs a control flow node. Throws model if a result has another rank or type than was inferred.
std::vector<Tensor> run_control(const Graph& graph, const ControlArgs& args);

/// Runs the op's reference, with scratch allocated for this call.
Status run_reference(const Node& node, std::span<const Tensor> inputs, std::span<Tensor> outputs);

/// Throws model unless counts of operands, attribute names and kinds fit the op.
void check_schema(const Node& node);

}  // namespace strata::ir
