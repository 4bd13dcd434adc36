#include <algorithm>
#include <cmath>

#include "strata/base/checked.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/cost.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// Computes what depends on constants and known shapes only. Weights that are stored in fewer bits
// (a Cast from half precision, a DequantizeLinear of int8, also times scales) stay so: the constant
// gets the encoding.

namespace strata::ir {
namespace {

/// A result this many times larger than its operands would bloat the model instead.
constexpr std::int64_t largest_growth = 16;
constexpr std::int64_t always_small = 1 << 16;  // bytes

class Folder {
 public:
  Folder(Graph& graph, const PassOptions& options)
      : graph_(graph), bytes_left_(options.fold_bytes), work_left_(options.fold_work) {
    exits_.resize(graph.value_limit());
    for (ValueId id : graph.outputs) exits_[index(id)] = true;
    for (const State& state : graph.states) exits_[index(state.written)] = true;
  }

  void run() {
    std::vector<NodeId> folded;
    for (NodeId id : graph_.order()) {
      if (fold(id)) folded.push_back(id);
    }
    graph_.erase(folded);
  }

 private:
  bool fold(NodeId id) {
    const Node& node = graph_.node(id);
    // What was folded before it may tell its sizes.
    if (folded_any_ && node.open) infer_node(graph_, id);
    // An output of the graph stays the output of a node.
    for (ValueId output : node.outputs) {
      if (output != no_value && exits_[index(output)]) return false;
    }
    if (auto known = known_elements(node)) return replace(node, {std::move(*known)});
    const bool constant = std::ranges::all_of(node.inputs, [&](ValueId input) {
      return input == no_value || (graph_.is_constant(input));
    });
    if (!constant) return false;
    if (auto encoded = keep_encoded(node)) return replace(node, {std::move(*encoded)});
    if (!node.op->reference || !affordable(node)) return false;
    return replace(node, compute(node));
  }

  /// An integer result that the shape rule knows completely.
  std::optional<EncodedTensor> known_elements(const Node& node) const {
    if (node.outputs.size() != 1 || node.outputs[0] == no_value) return std::nullopt;
    const Value& value = graph_.value(node.outputs[0]);
    const auto shape = as_constant(value.type.shape);
    if (!value.elements || !shape || is_float(value.type.dtype)) return std::nullopt;
    std::vector<std::int64_t> numbers;
    for (const Dim& element : *value.elements) {
      if (!element.is_constant()) return std::nullopt;
      numbers.push_back(element.constant());
    }
    return Tensor::from<std::int64_t>(*shape, numbers).cast(value.type.dtype);
  }

  const EncodedTensor* dense(const Node& node, std::size_t i) const {
    if (i >= node.inputs.size() || node.inputs[i] == no_value) return nullptr;
    const auto& constant = graph_.value(node.inputs[i]).constant;
    return constant && constant->is_dense() ? &*constant : nullptr;
  }

  std::optional<EncodedTensor> keep_encoded(const Node& node) const {
    if (is_op(node, "Cast")) return keep_half(node);
    if (is_op(node, "DequantizeLinear")) return keep_int8(node);
    if (is_op(node, "Mul")) return keep_scaled(node);
    return std::nullopt;
  }

  std::optional<EncodedTensor> keep_half(const Node& node) const {
    const EncodedTensor* codes = dense(node, 0);
    const DType from = codes ? codes->dtype : DType::f32;
    if ((from != DType::f16 && from != DType::bf16) ||
        graph_.value(node.outputs[0]).type.dtype != DType::f32) {
      return std::nullopt;
    }
    EncodedTensor result;
    result.encoding = from == DType::f16 ? &f16_encoding : &bf16_encoding;
    result.dtype = DType::f32;
    result.shape = codes->shape;
    result.parts = {codes->decode()};
    return result;
  }

  std::optional<EncodedTensor> keep_int8(const Node& node) const {
    const EncodedTensor* codes = dense(node, 0);
    const EncodedTensor* scales = dense(node, 1);
    const bool has_zero_point = node.inputs.size() > 2 && node.inputs[2] != no_value;
    const EncodedTensor* zero_points = dense(node, 2);
    if (!codes || codes->dtype != DType::i8 || !scales || scales->dtype != DType::f32 ||
        (has_zero_point && !zero_points) || node.attributes.integer("block_size", 0) != 0 ||
        graph_.value(node.outputs[0]).type.dtype != DType::f32) {
      return std::nullopt;
    }
    const Tensor scale = scales->decode();
    if (!std::ranges::all_of(scale.data<float>(),
                             [](float s) { return s > 0 && std::isfinite(s); }) ||
        (has_zero_point &&
         !std::ranges::all_of(zero_points->decode().to_int64(), [](auto z) { return z == 0; }))) {
      return std::nullopt;
    }
    EncodedTensor result;
    result.dtype = DType::f32;
    result.shape = codes->shape;
    if (scale.elements() == 1 && scale.shape().rank() <= 1) {
      result.encoding = &i8_tensor_encoding;
      result.parts = {codes->decode(), scale.reshaped(Shape{})};
      return result;
    }
    const auto rank = codes->shape.rank();
    auto axis = node.attributes.integer("axis", 1);
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || scale.shape() != Shape{codes->shape[int(axis)]}) {
      return std::nullopt;
    }
    result.encoding = &i8_channel_encoding;
    result.axis = int(axis);
    result.parts = {codes->decode(), scale};
    return result;
  }

  /// Integers that a DequantizeLinear of scale 1 made floats, times their scales: how weights of
  /// products are exported.
  std::optional<EncodedTensor> keep_scaled(const Node& node) const {
    const auto& codes = graph_.value(node.inputs[0]).constant;
    const EncodedTensor* factors = dense(node, 1);
    if (codes->encoding != &i8_tensor_encoding || !factors || codes->parts[1].to_float()[0] != 1) {
      return std::nullopt;
    }
    const Tensor scale = factors->decode();
    const int rank = codes->shape.rank();
    if (!std::ranges::all_of(scale.data<float>(),
                             [](float s) { return s > 0 && std::isfinite(s); })) {
      return std::nullopt;
    }
    EncodedTensor result = *codes;
    if (scale.shape() == Shape{}) {
      result.parts[1] = scale;
      return result;
    }
    if (rank == 0 || scale.shape() != Shape{codes->shape[rank - 1]}) return std::nullopt;
    result.encoding = &i8_channel_encoding;
    result.axis = rank - 1;
    result.parts[1] = scale;
    return result;
  }

  /// Takes bytes and work out of the budget; false if there is not enough, or if operands are
  /// stored in another encoding, which computing would give up.
  bool affordable(const Node& node) {
    std::int64_t read = 0, written = 0;
    for (ValueId input : node.inputs) {
      if (input == no_value) continue;
      const EncodedTensor& constant = *graph_.value(input).constant;
      if (!constant.is_dense()) return false;
      read += constant.size_bytes();
    }
    for (ValueId output : node.outputs) {
      if (output == no_value) continue;
      const TensorType& type = graph_.value(output).type;
      const auto shape = as_constant(type.shape);
      if (!shape) return false;
      const auto bytes = checked_mul(shape->elements(), std::int64_t(size_of(type.dtype)));
      const auto sum = bytes ? checked_add(written, *bytes) : std::nullopt;
      if (!sum || *sum > bytes_left_) return false;
      written = *sum;
    }
    if (written > always_small && written / largest_growth > read) return false;
    const Cost cost = node_cost(graph_, node, {});
    const std::int64_t work = cost.macs + cost.flops + written;
    if (work > work_left_) return false;
    bytes_left_ -= written;
    work_left_ -= work;
    return true;
  }

  std::vector<EncodedTensor> compute(const Node& node) const {
    std::vector<Tensor> inputs, outputs;
    for (ValueId id : node.inputs) {
      inputs.push_back(id == no_value ? Tensor() : graph_.value(id).constant->decode());
    }
    for (ValueId id : node.outputs) {
      if (id == no_value) {
        outputs.emplace_back();
        continue;
      }
      const TensorType& type = graph_.value(id).type;
      outputs.push_back(Tensor::zeros(type.dtype, *as_constant(type.shape)));
    }
    const Status status = with_context([&] { return describe(node); },
                                       [&] { return run_reference(node, inputs, outputs); });
    if (!status) return {};  // what the data get wrong, the run will say
    std::vector<EncodedTensor> results;
    for (Tensor& output : outputs) {
      results.push_back(output.present() ? EncodedTensor(std::move(output)) : EncodedTensor());
    }
    return results;
  }

  /// The node's outputs become constants that remember all they came from.
  bool replace(const Node& node, std::vector<EncodedTensor> results) {
    if (results.empty()) return false;
    folded_any_ = true;
    Sources sources = node.sources;
    for (ValueId input : node.inputs) {
      if (input != no_value && graph_.is_constant(input)) {
        add_sources(sources, graph_.value(input).sources);
      }
    }
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (node.outputs[i] == no_value) continue;
      graph_.value(node.outputs[i]).producer = no_node;
      graph_.set_constant(node.outputs[i], std::move(results[i]), sources);
    }
    return true;
  }

  Graph& graph_;
  std::int64_t bytes_left_;
  std::int64_t work_left_;
  std::vector<bool> exits_;
  bool folded_any_ = false;
};

void run(Graph& graph, const PassOptions& options) { Folder(graph, options).run(); }

}  // namespace

extern const Pass fold_constants_pass;
const Pass fold_constants_pass = {
    "fold_constants", "computes what depends on constants and shapes only, within a budget", run};

}  // namespace strata::ir
