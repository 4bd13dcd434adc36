#include "strata/compress/quantize/equalize.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "strata/compress/quantize/units.hpp"
#include "strata/ir/passes/channels.hpp"
#include "strata/ir/passes/rewrite.hpp"

namespace strata::compress {
namespace {

using ir::Graph;
using ir::is_op;
using ir::Node;
using ir::NodeId;

constexpr int most_rounds = 20;
constexpr double still = 1e-3;          // factors closer to 1 than this change nothing
constexpr double largest_factor = 1e4;  // activations stay in the range of f32

struct Pair {
  NodeId first, second;
};

/// Channels of what a layer reads, by the weight's row-major index: Conv (O, I/group, ...), Gemm
/// (K, N) or (N, K).
struct InputChannels {
  std::int64_t channels, inner, group_inputs, group_outputs;
  bool transposed;  // (K, N)

  std::size_t of(std::int64_t element, std::int64_t columns) const {
    if (transposed) return std::size_t(element / columns);
    const std::int64_t output = element / (inner * group_inputs);
    return std::size_t(output / group_outputs * group_inputs + element / inner % group_inputs);
  }
};

bool is_chained(const Node& node) { return is_op(node, "Conv") || is_op(node, "Gemm"); }

/// Equals 0.0 only for channels without weights, which stay as they are.
std::vector<double> ranges(const Tensor& weight, std::size_t channels, auto&& channel_of) {
  std::vector<double> largest(channels);
  const auto elements = weight.data<float>();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    double& of = largest[channel_of(std::int64_t(i))];
    of = std::max(of, std::abs(double(elements[i])));
  }
  return largest;
}

class Equalizer {
 public:
  explicit Equalizer(Graph& graph) : graph_(graph) { find_pairs(); }

  std::size_t run() {
    for (int round = 0; round < most_rounds; ++round) {
      double change = 0;
      for (const Pair& pair : pairs_) change = std::max(change, balance(pair));
      if (change < still) break;
    }
    return pairs_.size();
  }

 private:
  void find_pairs() {
    const ir::Uses uses(graph_);
    std::vector<Unit> units = find_units(graph_);
    std::erase_if(units, [&](const Unit& unit) {
      const Node& node = graph_.node(unit.main);
      return !is_chained(node) || uses.count(node.inputs[1]) != 1 ||
             (node.inputs.size() > 2 && uses.count(node.inputs[2]) != 1);
    });
    for (const Unit& unit : units) {
      const auto readers = uses.of(unit.output);
      if (readers.size() != 1 || uses.count(unit.output) != 1) continue;
      if (unit.activation != ir::no_node && !is_op(graph_.node(unit.activation), "Relu")) continue;
      const auto next = std::ranges::find(units, readers[0], &Unit::main);
      if (next == units.end() || input_channels(graph_.node(next->main)).channels !=
                                     ir::read_linear(graph_, graph_.node(unit.main))->channels) {
        continue;
      }
      pairs_.push_back({unit.main, next->main});
    }
  }

  const Shape& weight_shape(const Node& node) const {
    return graph_.value(node.inputs[1]).constant->shape;
  }

  InputChannels input_channels(const Node& node) const {
    const Shape& shape = weight_shape(node);
    if (is_op(node, "Gemm")) {
      const bool transposed = node.attributes.integer("transB", 0) == 0;
      return {shape[transposed ? 0 : 1], 1, shape[transposed ? 0 : 1], shape[0], transposed};
    }
    const std::int64_t group = node.attributes.integer("group", 1);
    return {shape[1] * group, shape.elements(2, shape.rank()), shape[1], shape[0] / group, false};
  }

  Tensor constant(ir::ValueId id) const { return graph_.value(id).constant->decode().clone(); }
  void set(ir::ValueId id, Tensor tensor) { graph_.value(id).constant = EncodedTensor(tensor); }

  /// Returns the largest deviation of a factor from 1.
  double balance(const Pair& pair) {
    const Node& first = graph_.node(pair.first);
    const Node& second = graph_.node(pair.second);
    const ir::Linear linear = *ir::read_linear(graph_, first);
    const InputChannels inputs = input_channels(second);
    const std::int64_t columns = weight_shape(second)[1];
    Tensor a = constant(first.inputs[1]), b = constant(second.inputs[1]);
    const auto of_a = [&](std::int64_t i) { return linear.channel_of(i); };
    const auto of_b = [&](std::int64_t i) { return inputs.of(i, columns); };
    const auto channels = std::size_t(linear.channels);
    const auto range_a = ranges(a, channels, of_a), range_b = ranges(b, channels, of_b);
    std::vector<double> factors(channels, 1.0);
    double change = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      if (range_a[c] == 0 || range_b[c] == 0) continue;
      factors[c] =
          std::clamp(std::sqrt(range_b[c] / range_a[c]), 1 / largest_factor, largest_factor);
      change = std::max(change, std::abs(factors[c] - 1));
    }
    ir::for_float_elements(
        a, [&](std::size_t i, double w) { return w * factors[of_a(std::int64_t(i))]; });
    ir::for_float_elements(
        b, [&](std::size_t i, double w) { return w / factors[of_b(std::int64_t(i))]; });
    set(first.inputs[1], a);
    set(second.inputs[1], b);
    if (first.inputs.size() > 2 && first.inputs[2] != ir::no_value) {
      Tensor bias = Tensor::zeros(DType::f32, Shape{linear.channels});
      const double beta = first.attributes.real("beta", 1);
      for (std::size_t c = 0; c < channels; ++c) {
        bias.mutable_data<float>()[c] = float(linear.bias[c] / beta * factors[c]);
      }
      graph_.value(first.inputs[2]).type.shape = {Dim(linear.channels)};
      set(first.inputs[2], bias);
    }
    return change;
  }

  Graph& graph_;
  std::vector<Pair> pairs_;
};

}  // namespace

std::size_t equalize(Graph& graph) { return Equalizer(graph).run(); }

}  // namespace strata::compress
