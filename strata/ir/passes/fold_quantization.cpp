#include "strata/ir/passes/fold_quantization.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "strata/ir/builder.hpp"
#include "strata/ir/passes/rewrite.hpp"
#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::ir {
namespace {

/// Integers and what they stand for: operands of a DequantizeLinear with constant parameters.
struct Quantized {
  ValueId codes = no_value;
  ValueId scale = no_value;
  ValueId zero_point = no_value;  // no_value: zero
  std::int64_t axis = 0;
  bool per_tensor = true;
};

/// A float op and the activation after it, up to the QuantizeLinear that reads them.
struct Chain {
  NodeId main = no_node;
  NodeId activation = no_node;
};

bool moves_elements(const Node& node) {
  constexpr std::string_view names[] = {"DepthToSpace", "Expand",  "Flatten",   "Gather",
                                        "Identity",     "MaxPool", "Reshape",   "Slice",
                                        "SpaceToDepth", "Squeeze", "Transpose", "Unsqueeze"};
  return node.op->domain.empty() && node.outputs.size() == 1 &&
         std::ranges::count(names, node.op->name) != 0;
}

class Folder {
 public:
  explicit Folder(Graph& graph) : graph_(graph), uses_(graph), limit_(graph.value_limit()) {}

  std::size_t run() {
    const std::vector<NodeId> order(graph_.order().begin(), graph_.order().end());
    std::size_t folded = 0;
    for (NodeId id : order) {
      if (is_op(graph_.node(id), "QuantizeLinear") && fold(id)) ++folded;
    }
    if (folded == 0) {
      graph_.erase(dead_);
      if (tried_) graph_.compact();
      return 0;
    }
    graph_.erase(dead_);
    drop_unread(order);
    replace_by_copies();
    for (const auto& [id, name] : names_) graph_.rename(id, name);
    graph_.sort();
    graph_.compact();
    infer_types(graph_);
    return folded;
  }

 private:
  struct IntegerNode {
    const OpDef* op;
    std::vector<ValueId> inputs;
    Attributes attributes;
  };

  const TensorType& type(ValueId id) const { return graph_.value(id).type; }
  Tensor constant(ValueId id) const { return graph_.value(id).constant->decode(); }
  ValueId input(const Node& node, std::size_t i) const {
    return i < node.inputs.size() ? node.inputs[i] : no_value;
  }

  /// Parameters that the arithmetic of integer ops takes: constants, f32, finite scales above zero.
  std::optional<Quantized> parameters(const Node& node) const {
    Quantized q{node.inputs[0], node.inputs[1], input(node, 2)};
    if (!graph_.is_constant(q.scale) || type(q.scale).dtype != DType::f32 ||
        (q.zero_point != no_value && !graph_.is_constant(q.zero_point)) ||
        node.attributes.integer("block_size", 0) != 0 ||
        (node.op->name == "DequantizeLinear" && node.attributes.has("arithmetic"))) {
      return std::nullopt;
    }
    const Tensor scale = constant(q.scale);
    if (scale.shape().rank() > 1 || !std::ranges::all_of(scale.data<float>(), [](float s) {
          return std::isnormal(s) && s > 0;
        })) {
      return std::nullopt;
    }
    q.per_tensor = scale.elements() == 1;
    q.axis = node.attributes.integer("axis", 1);
    return q;
  }

  std::optional<Quantized> dequantized(ValueId value) const {
    const Node* node = producer_as(graph_, value, "DequantizeLinear");
    if (!node || type(value).dtype != DType::f32) return std::nullopt;
    const DType codes = type(node->inputs[0]).dtype;
    if (codes != DType::i8 && codes != DType::u8) return std::nullopt;
    auto q = parameters(*node);
    if (q && q->axis < 0) q->axis += std::int64_t(type(value).shape.size());
    return q;
  }
  std::optional<Quantized> dequantized_tensor(ValueId value) const {
    auto q = dequantized(value);
    return q && q->per_tensor ? q : std::nullopt;
  }
  /// Constant codes with one scale, or one for each index of the axis.
  std::optional<Quantized> dequantized_weight(ValueId value, std::int64_t axis) {
    auto q = dequantized(value);
    if (!q) q = widened_weight(value);
    if (!q || !graph_.is_constant(q->codes)) return std::nullopt;
    return q->per_tensor || q->axis == axis ? q : std::nullopt;
  }
  /// Codes that files pack in fewer bits, as the i8 or u8 that integer ops read.
  std::optional<Quantized> widened_weight(ValueId value) {
    const Node* node = producer_as(graph_, value, "DequantizeLinear");
    if (!node || type(value).dtype != DType::f32) return std::nullopt;
    const DType codes = type(node->inputs[0]).dtype;
    auto q = parameters(*node);
    if (!q || !is_narrow_integer(codes) || !graph_.is_constant(q->codes)) return std::nullopt;
    if (q->axis < 0) q->axis += std::int64_t(type(value).shape.size());
    const bool is_signed = codes == DType::i4 || codes == DType::i2;
    q->codes = widened(q->codes, is_signed);
    if (q->zero_point != no_value) q->zero_point = widened(q->zero_point, is_signed);
    return q;
  }
  /// A copy, for the packed constant may have other readers, and this group may yet stay float.
  ValueId widened(ValueId id, bool is_signed) {
    const auto [copy, is_new] = widened_.try_emplace(index(id), no_value);
    if (is_new) {
      tried_ = true;
      copy->second = Builder(graph_, graph_.value(id).sources)
                         .constant(constant(id).cast(is_signed ? DType::i8 : DType::u8));
    }
    return copy->second;
  }
  /// Packed constants that only folded groups read give way to their copies, name and place kept.
  void replace_by_copies() {
    const Uses uses(graph_);
    std::vector<std::pair<ValueId, ValueId>> replaced;
    for (const auto& [id, copy] : widened_) {
      const ValueId original{id};
      if (uses.count(original) != 0 || uses.count(copy) == 0) continue;
      graph_.value(original).constant = graph_.value(copy).constant;
      graph_.value(original).type = graph_.value(copy).type;
      replaced.emplace_back(copy, original);
    }
    graph_.replace_uses(replaced);
  }

  /// Whether the op's own rule takes these operands and gives what the QuantizeLinear gives.
  bool takes(const IntegerNode& integer, const TensorType& wanted) {
    tried_ = true;
    const ValueId output = graph_.add_value("");
    const NodeId trial =
        graph_.add_node(*integer.op, "", integer.inputs, {output}, integer.attributes);
    bool good = false;
    try {
      infer_node(graph_, trial);
      good = graph_.value(output).type == wanted;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::model && error.code() != ErrorCode::unsupported) throw;
    }
    dead_.push_back(trial);  // one sweep erases all
    return good;
  }

  bool same_grid(const Quantized& a, const Quantized& b) const {
    return type(a.codes).dtype == type(b.codes).dtype &&
           constant(a.scale).to_float()[0] == constant(b.scale).to_float()[0] &&
           zero_of(a) == zero_of(b);
  }
  std::int64_t zero_of(const Quantized& q) const {
    return q.zero_point == no_value ? 0 : constant(q.zero_point).to_int64()[0];
  }
  /// As an operand that integer ops demand.
  ValueId zero_operand(const Quantized& q, const Sources& sources) {
    if (q.zero_point != no_value) return q.zero_point;
    const Shape shape = q.per_tensor ? Shape{} : constant(q.scale).shape();
    return Builder(graph_, sources).constant(Tensor::zeros(type(q.codes).dtype, shape));
  }
  void append(std::vector<ValueId>& operands, const Quantized& q, const Sources& sources) {
    operands.insert(operands.end(), {q.codes, q.scale, zero_operand(q, sources)});
  }

  bool read_once(ValueId value) const { return index(value) < limit_ && uses_.count(value) == 1; }

  std::optional<Chain> chain_before(ValueId value) const {
    Chain chain;
    for (;;) {
      const NodeId producer = graph_.value(value).producer;
      if (producer == no_node || !read_once(value)) return std::nullopt;
      const Node& node = graph_.node(producer);
      if (chain.activation != no_node || !is_bound(node)) {
        chain.main = producer;
        return chain;
      }
      chain.activation = producer;
      value = node.inputs[0];
    }
  }
  bool is_bound(const Node& node) const {
    if (is_op(node, "Relu")) return true;
    return is_op(node, "Clip") &&
           std::all_of(node.inputs.begin() + 1, node.inputs.end(), [&](ValueId bound) {
             return bound == no_value || graph_.is_constant(bound);
           });
  }

  bool fold(NodeId id) {
    const Node& quantize = graph_.node(id);
    const DType to = type(quantize.outputs[0]).dtype;
    if ((to != DType::i8 && to != DType::u8) || type(quantize.inputs[0]).dtype != DType::f32) {
      return false;
    }
    auto result = parameters(quantize);
    const auto chain = chain_before(quantize.inputs[0]);
    if (!result || !result->per_tensor || !chain) return false;
    result->codes = quantize.outputs[0];
    const Node& main = graph_.node(chain->main);
    Sources sources = main.sources;
    if (chain->activation != no_node) {
      add_sources(sources, graph_.node(chain->activation).sources);
    }
    const std::string arithmetic = quantize.attributes.string("arithmetic", "");
    if (arithmetic.empty() && chain->activation == no_node && move(id, main, *result)) {
      return finish(id, *chain, sources);
    }
    auto integer = integer_form(main, *result, sources);
    if (!integer && !arithmetic.empty()) integer = tflite_form(main, *result, sources);
    if (integer && !arithmetic.empty()) integer->attributes.set("arithmetic", arithmetic);
    if (!integer || !takes(*integer, type(quantize.outputs[0]))) return false;
    place(id, *chain, std::move(*integer), *result, sources);
    return finish(id, *chain, sources);
  }

  /// Movements of equal grids move the codes.
  bool move(NodeId id, const Node& main, const Quantized& result) {
    std::vector<ValueId> operands = main.inputs;
    const bool concat = is_op(main, "Concat"), pad = is_op(main, "Pad");
    if (!concat && !pad && !moves_elements(main)) return false;
    for (std::size_t i = 0; i < (concat ? operands.size() : 1); ++i) {
      const auto x = dequantized_tensor(operands[i]);
      if (!x || !same_grid(*x, result)) return false;
      operands[i] = x->codes;
    }
    if (pad && !pads_codes(main, result, operands)) return false;
    Node& node = graph_.node(id);
    node.op = main.op;
    node.attributes = main.attributes;
    node.inputs = std::move(operands);
    return true;
  }

  /// Zeros that are added are zero points among the codes; other numbers need not be on the grid.
  bool pads_codes(const Node& main, const Quantized& result, std::vector<ValueId>& operands) {
    if (main.attributes.string("mode", "constant") != "constant") return true;
    const ValueId value = input(main, 2);
    if (value != no_value &&
        (!graph_.is_constant(value) || constant(value).to_float() != std::vector<float>{0})) {
      return false;
    }
    operands.resize(std::max<std::size_t>(operands.size(), 3), no_value);
    operands[2] = Builder(graph_, main.sources)
                      .constant(Tensor::scalar(zero_of(result)).cast(type(result.codes).dtype));
    return true;
  }

  std::optional<IntegerNode> integer_form(const Node& main, const Quantized& result,
                                          const Sources& sources) {
    if (is_op(main, "Conv")) return weighted(main, result, "QLinearConv", 0, sources);
    if (is_op(main, "ConvTranspose") && main.attributes.integer("group", 1) == 1) {
      return weighted(main, result, "strata.QLinearConvTranspose", 1, sources);
    }
    if (is_op(main, "Gemm")) return gemm(main, result, sources);
    if (is_op(main, "MatMul")) return matmul(main, result, sources);
    if (is_op(main, "Add")) return elementwise(main, result, "strata.QLinearAdd", sources);
    if (is_op(main, "Mul")) return elementwise(main, result, "strata.QLinearMul", sources);
    if (is_op(main, "Concat")) return concat(main, result, sources);
    if (is_op(main, "Sigmoid")) return unary(main, result, "strata.QLinearSigmoid", sources);
    if (is_op(main, "LeakyRelu")) return unary(main, result, "strata.QLinearLeakyRelu", sources);
    if (is_op(main, "AveragePool")) {
      return unary(main, result, "strata.QLinearAveragePool", sources);
    }
    if (is_op(main, "GlobalAveragePool")) return global_average(main, result, sources);
    return std::nullopt;
  }

  /// Ops on integers that ONNX Runtime has none of. Said of them is whose arithmetic they follow.
  std::optional<IntegerNode> tflite_form(const Node& main, const Quantized& result,
                                         const Sources& sources) {
    if (!main.op->domain.empty()) return std::nullopt;
    const std::string op = fmt::format("strata.QLinear{}", main.op->name);
    constexpr std::string_view with_two[] = {"Sub", "PRelu"};
    if (std::ranges::count(with_two, main.op->name) != 0) {
      return elementwise(main, result, op, sources);
    }
    if (is_op(main, "ReduceMean")) return mean(main, result, sources);
    if (is_op(main, "Identity")) return identity(main, result, sources);
    constexpr std::string_view with_one[] = {"Elu", "Exp", "HardSwish", "Softmax", "Tanh"};
    if (std::ranges::count(with_one, main.op->name) == 0) return std::nullopt;
    auto node = unary(main, result, op, sources);
    if (node && is_op(main, "Softmax")) node->attributes.set("beta", 1.0f);
    return node;
  }

  /// From one grid to another, and from one type.
  std::optional<IntegerNode> identity(const Node& main, const Quantized& result,
                                      const Sources& sources) {
    const auto x = dequantized_tensor(main.inputs[0]);
    if (!x) return std::nullopt;
    std::vector<ValueId> operands;
    append(operands, *x, sources);
    operands.insert(operands.end(), {result.scale, zero_operand(result, sources)});
    return IntegerNode{&find_op("strata.QLinearIdentity"), std::move(operands), {}};
  }

  std::optional<IntegerNode> mean(const Node& main, const Quantized& result,
                                  const Sources& sources) {
    auto node = unary(main, result, "strata.QLinearReduceMean", sources);
    const ValueId axes = input(main, 1);
    if (!node || axes == no_value || !graph_.is_constant(axes)) return std::nullopt;
    node->attributes = {{"axes", constant(axes).to_int64()},
                        {"keepdims", main.attributes.integer("keepdims", 1)}};
    return node;
  }

  /// The bias as i32, where its scale is that of the products: one step is one unit of the sums.
  bool append_bias(std::vector<ValueId>& operands, ValueId bias, const Quantized& x,
                   const Quantized& w, std::int64_t channels) {
    if (bias == no_value) return true;
    const Node* node = producer_as(graph_, bias, "DequantizeLinear");
    if (!node || type(node->inputs[0]).dtype != DType::i32 ||
        !graph_.is_constant(node->inputs[0])) {
      return false;
    }
    const auto q = parameters(*node);
    if (!q || (q->zero_point != no_value &&
               constant(q->zero_point).to_int64() !=
                   std::vector<std::int64_t>(std::size_t(constant(q->zero_point).elements())))) {
      return false;
    }
    const Tensor codes = constant(node->inputs[0]);
    if (codes.shape() != Shape{channels}) return false;
    const auto of_bias = constant(q->scale).to_float();
    const auto of_weight = constant(w.scale).to_float();
    const float of_input = constant(x.scale).to_float()[0];
    // Products of scales are rounded where they are made.
    const double tolerance = 2 * double(std::numeric_limits<float>::epsilon());
    for (std::size_t c = 0; c < std::size_t(channels); ++c) {
      const double product = double(of_input) * double(of_weight[of_weight.size() == 1 ? 0 : c]);
      const double stated = double(of_bias[of_bias.size() == 1 ? 0 : c]);
      if (std::abs(stated - product) > tolerance * product) return false;
    }
    operands.push_back(node->inputs[0]);
    return true;
  }

  std::optional<IntegerNode> weighted(const Node& main, const Quantized& result,
                                      std::string_view op, int axis, const Sources& sources) {
    const auto x = dequantized_tensor(main.inputs[0]);
    const auto w = dequantized_weight(main.inputs[1], axis);
    if (!x || !w) return std::nullopt;
    std::vector<ValueId> operands;
    append(operands, *x, sources);
    append(operands, *w, sources);
    operands.insert(operands.end(), {result.scale, zero_operand(result, sources)});
    const std::int64_t filters = type(main.inputs[1]).shape[std::size_t(axis)].constant();
    if (!append_bias(operands, input(main, 2), *x, *w, filters)) return std::nullopt;
    return IntegerNode{&find_op(op), std::move(operands), main.attributes};
  }

  /// Weights become [N,K].
  std::optional<IntegerNode> gemm(const Node& main, const Quantized& result,
                                  const Sources& sources) {
    const bool transposed = main.attributes.integer("transB", 0) != 0;
    if (main.attributes.integer("transA", 0) != 0 || main.attributes.real("alpha", 1) != 1 ||
        main.attributes.real("beta", 1) != 1) {
      return std::nullopt;
    }
    const auto x = dequantized_tensor(main.inputs[0]);
    auto w = dequantized_weight(main.inputs[1], transposed ? 0 : 1);
    if (!x || !w) return std::nullopt;
    const std::int64_t columns = type(main.inputs[1]).shape[transposed ? 0 : 1].constant();
    std::vector<ValueId> bias;
    if (!append_bias(bias, input(main, 2), *x, *w, columns)) return std::nullopt;
    if (!transposed) {
      // The op on constants is computed when constants are folded.
      w->codes = Builder(graph_, sources)
                     .op("Transpose", {w->codes}, {{"perm", std::vector<std::int64_t>{1, 0}}});
    }
    std::vector<ValueId> operands;
    append(operands, *x, sources);
    append(operands, *w, sources);
    operands.insert(operands.end(), {result.scale, zero_operand(result, sources)});
    operands.insert(operands.end(), bias.begin(), bias.end());
    return IntegerNode{&find_op("strata.QLinearGemm"), std::move(operands), {}};
  }

  std::optional<IntegerNode> matmul(const Node& main, const Quantized& result,
                                    const Sources& sources) {
    const auto a = dequantized_tensor(main.inputs[0]);
    const auto rank = std::int64_t(type(main.inputs[1]).shape.size());
    const auto b = dequantized(main.inputs[1]);
    if (!a || !b || (!b->per_tensor && (rank < 2 || b->axis != rank - 1))) return std::nullopt;
    std::vector<ValueId> operands;
    append(operands, *a, sources);
    append(operands, *b, sources);
    operands.insert(operands.end(), {result.scale, zero_operand(result, sources)});
    return IntegerNode{&find_op("QLinearMatMul"), std::move(operands), {}};
  }

  std::optional<IntegerNode> elementwise(const Node& main, const Quantized& result,
                                         std::string_view op, const Sources& sources) {
    const auto a = dequantized_tensor(main.inputs[0]);
    const auto b = dequantized_tensor(main.inputs[1]);
    if (!a || !b || type(a->codes).dtype != type(b->codes).dtype ||
        type(a->codes).dtype != type(result.codes).dtype) {
      return std::nullopt;
    }
    std::vector<ValueId> operands;
    append(operands, *a, sources);
    append(operands, *b, sources);
    operands.insert(operands.end(), {result.scale, zero_operand(result, sources)});
    return IntegerNode{&find_op(op), std::move(operands), {}};
  }

  std::optional<IntegerNode> unary(const Node& main, const Quantized& result, std::string_view op,
                                   const Sources& sources) {
    const auto x = dequantized_tensor(main.inputs[0]);
    if (!x || type(x->codes).dtype != type(result.codes).dtype) return std::nullopt;
    std::vector<ValueId> operands;
    append(operands, *x, sources);
    operands.insert(operands.end(), {result.scale, zero_operand(result, sources)});
    return IntegerNode{&find_op(op), std::move(operands), main.attributes};
  }

  std::optional<IntegerNode> global_average(const Node& main, const Quantized& result,
                                            const Sources& sources) {
    auto node = unary(main, result, "strata.QLinearReduceMean", sources);
    if (!node) return std::nullopt;
    std::vector<std::int64_t> axes;
    for (std::size_t i = 2; i < type(main.inputs[0]).shape.size(); ++i) {
      axes.push_back(std::int64_t(i));
    }
    node->attributes = {{"axes", std::move(axes)}, {"keepdims", std::int64_t(1)}};
    return node;
  }

  std::optional<IntegerNode> concat(const Node& main, const Quantized& result,
                                    const Sources& sources) {
    std::vector<ValueId> operands{result.scale, zero_operand(result, sources)};
    for (ValueId value : main.inputs) {
      const auto x = dequantized_tensor(value);
      if (!x || type(x->codes).dtype != type(result.codes).dtype) return std::nullopt;
      append(operands, *x, sources);
    }
    return IntegerNode{&find_op("strata.QLinearConcat"), std::move(operands), main.attributes};
  }

  /// The QuantizeLinear becomes the integer node in place; where the activation bounds more than
  /// the type does, it becomes the Clip behind that.
  void place(NodeId id, const Chain& chain, IntegerNode integer, const Quantized& result,
             const Sources& sources) {
    const QuantizedRange range = *quantized_range(type(result.codes).dtype);
    const QuantizedRange bounds = quantized_bounds(chain, result, range);
    if (bounds.low == range.low && bounds.high == range.high) {
      Node& node = graph_.node(id);
      node.op = integer.op;
      node.inputs = std::move(integer.inputs);
      node.attributes = std::move(integer.attributes);
      return;
    }
    Builder builder(graph_, sources);
    const DType dtype = type(result.codes).dtype;
    const ValueId y = builder.op(qualified_name(*integer.op), std::move(integer.inputs),
                                 std::move(integer.attributes));
    const auto bound = [&](std::int32_t value) {
      return builder.constant(Tensor::from<std::int64_t>(Shape{}, {value}).cast(dtype));
    };
    const ValueId low = bound(bounds.low), high = bound(bounds.high);
    Node& node = graph_.node(id);
    node.op = &find_op("Clip");
    node.inputs = {y, low, high};
    node.attributes = {};
  }

  /// Quantizing keeps order, so that a bound on the numbers is one on the codes.
  QuantizedRange quantized_bounds(const Chain& chain, const Quantized& result,
                                  QuantizedRange range) const {
    if (chain.activation == no_node) return range;
    const Node& node = graph_.node(chain.activation);
    const float scale = constant(result.scale).to_float()[0];
    const auto zero = std::int32_t(zero_of(result));
    const auto quantized = [&](double bound) {
      return onnx_arithmetic::quantize(float(bound), scale, zero, range);
    };
    if (is_op(node, "Relu")) return {quantized(0), range.high};
    QuantizedRange bounds = range;
    if (const ValueId low = input(node, 1); low != no_value) {
      bounds.low = quantized(constant(low).to_float()[0]);
    }
    if (const ValueId high = input(node, 2); high != no_value) {
      bounds.high = quantized(constant(high).to_float()[0]);
    }
    return bounds;
  }

  bool finish(NodeId id, const Chain& chain, const Sources& sources) {
    add_sources(graph_.node(id).sources, sources);
    names_.emplace_back(id, graph_.node(chain.main).name);
    dead_.push_back(chain.main);
    if (chain.activation != no_node) dead_.push_back(chain.activation);
    return true;
  }

  /// DequantizeLinear nodes that fed nothing but what is folded.
  void drop_unread(const std::vector<NodeId>& order) {
    const Uses uses(graph_);
    std::vector<NodeId> unread;
    for (NodeId id : order) {
      const Node& node = graph_.node(id);
      if (node.op && is_op(node, "DequantizeLinear") && !node.outputs.empty() &&
          node.outputs[0] != no_value && uses.count(node.outputs[0]) == 0) {
        unread.push_back(id);
      }
    }
    graph_.erase(unread);
  }

  Graph& graph_;
  const Uses uses_;
  const std::size_t limit_;  // values beyond are new
  std::vector<NodeId> dead_;
  std::vector<std::pair<NodeId, std::string>> names_;
  std::unordered_map<std::uint32_t, ValueId> widened_;  // copies by what they are of
  bool tried_ = false;                                  // something was added that may be unused
};

}  // namespace

std::size_t fold_quantization(Graph& graph) { return Folder(graph).run(); }

}  // namespace strata::ir
