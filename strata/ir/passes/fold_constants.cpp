#include <algorithm>

#include "strata/base/checked.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/cost.hpp"
#include "strata/ir/passes/keep_encoded.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/ir/passes/rewrite.hpp"

// Computes what depends on constants and known shapes only. Weights that are stored in fewer bits
// stay so: the constant gets the encoding (keep_encoded.hpp).

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
    if (auto encoded = keep_encoded(graph_, node)) return replace(node, {std::move(*encoded)});
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
