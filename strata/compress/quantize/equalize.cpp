#include "strata/compress/quantize/equalize.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "strata/compress/quantize/expose.hpp"
#include "strata/compress/quantize/factors.hpp"
#include "strata/compress/quantize/joints.hpp"
#include "strata/ir/passes/channels.hpp"
#include "strata/runtime/session.hpp"

namespace strata::compress {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;
using Vector = std::vector<double>;

// Other data reach further than those at hand.
constexpr double headroom = 1.1;

Tensor constant(const Graph& graph, ValueId id) {
  return graph.value(id).constant->decode().clone();
}

/// What the channels of a value held.
struct ChannelStatistics {
  Vector largest;         ///< magnitude
  Vector means, squares;  ///< of numbers and of their squares
  /// Of each channel and factor: as FactorProblem has it.
  std::vector<Vector> bounded;
};

/// Calls f(channel, number) for a value (N, C, ...).
void for_channels(const Tensor& tensor, auto&& f) {
  const Shape& shape = tensor.shape();
  const auto channels = std::size_t(shape[1]);
  const auto inner = std::size_t(shape.elements(2, shape.rank()));
  const auto elements = tensor.data<float>();
  for (std::size_t i = 0; i < elements.size(); ++i) f(i / inner % channels, double(elements[i]));
}

/// Adds sums to means.
void add(const Tensor& tensor, ChannelStatistics& to, Vector& counts) {
  const auto channels = std::size_t(tensor.shape()[1]);
  to.largest.resize(channels);
  to.means.resize(channels);
  to.squares.resize(channels);
  counts.resize(channels);
  for_channels(tensor, [&](std::size_t c, double x) {
    to.largest[c] = std::max(to.largest[c], std::abs(x));
    to.means[c] += x;
    to.squares[c] += x * x;
    ++counts[c];
  });
}

/// Adds sums of squares of what a bound at another number changes in this, which is not bounded.
void add_bounded(const Tensor& tensor, double bound, ChannelStatistics& to) {
  constexpr int factors = 2 * largest_bounded_exponent + 1;
  Vector bounds(factors);
  for (int i = 0; i < factors; ++i) {
    bounds[std::size_t(i)] = bound / factor_of(i - largest_bounded_exponent);
  }
  to.bounded.resize(std::size_t(tensor.shape()[1]), Vector(factors));
  for_channels(tensor, [&](std::size_t c, double x) {
    if (x <= bounds.back()) return;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      const double change = std::min(x, bounds[i]) - std::min(x, bound);
      to.bounded[c][i] += change * change;
    }
  });
}

/// Empty if cancelled.
std::vector<ChannelStatistics> observe(const Graph& graph, const std::vector<Joint>& joints,
                                       const Batches& batches, const EqualizeOptions& options) {
  std::vector<ValueId> values;
  for (const Joint& joint : joints) values.push_back(joint.value);
  for (const Joint& joint : joints) values.push_back(graph.node(joint.layer).outputs[0]);
  const Exposed exposed = expose(graph, values, true);
  runtime::SessionOptions session_options;
  session_options.threads = options.threads;
  runtime::Session session(exposed.graph, session_options);
  std::vector<ChannelStatistics> statistics(joints.size());
  std::vector<Vector> counts(joints.size());
  for (std::size_t batch = 0; batch < batches.size(); ++batch) {
    if (options.cancel && *options.cancel) return {};
    const Tensor input = batches.read(batch);
    const std::vector<Tensor> outputs = session.run(std::span(&input, 1));
    for (std::size_t i = 0; i < joints.size(); ++i) {
      add(outputs[exposed.places[i]], statistics[i], counts[i]);
      if (std::isinf(joints[i].bound)) continue;
      add_bounded(outputs[exposed.places[joints.size() + i]], joints[i].bound, statistics[i]);
    }
  }
  for (std::size_t i = 0; i < joints.size(); ++i) {
    for (std::size_t c = 0; c < counts[i].size(); ++c) {
      const double count = std::max(counts[i][c], 1.0);
      statistics[i].means[c] /= count;
      statistics[i].squares[c] /= count;
      if (std::isinf(joints[i].bound)) continue;
      for (double& sum : statistics[i].bounded[c]) sum /= count;
    }
  }
  return statistics;
}

/// Adds the weights by which one layer reads the channels of another.
void add_reader(const Graph& graph, const Joint& joint, const Joint::Reader& reader,
                FactorProblem& problem) {
  const Node& node = graph.node(reader.node);
  const ir::Linear linear = *ir::read_linear(graph, node);
  const InputChannels inputs = input_channels(graph, node);
  const std::vector<float> weight = constant(graph, node.inputs[1]).to_float();
  std::vector<std::map<std::size_t, FactorProblem::Weights>> outputs(std::size_t(linear.channels));
  Vector others(outputs.size());
  for (std::size_t i = 0; i < weight.size(); ++i) {
    const std::size_t output = linear.channel_of(std::int64_t(i));
    const auto magnitude = double(std::abs(weight[i]));
    const auto channel = std::int64_t(inputs.of(std::int64_t(i))) - reader.offset;
    if (channel < 0 || channel >= joint.channels) {
      others[output] = std::max(others[output], magnitude);
      continue;
    }
    const auto c = std::size_t(channel);
    FactorProblem::Weights& weights = outputs[output].insert({c, {c, 0.0, 0.0}}).first->second;
    weights.largest = std::max(weights.largest, magnitude);
    ++weights.count;
    problem.squares[c] += magnitude * magnitude;
  }
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    FactorProblem::Output output{.others = others[o]};
    for (const auto& [channel, weights] : outputs[o]) output.weights.push_back(weights);
    problem.outputs.push_back(std::move(output));
  }
}

/// Factors of least noise; all 1 where nothing is gained.
Vector best_factors(const Graph& graph, const Joint& joint, ChannelStatistics seen,
                    const EqualizeOptions& options) {
  FactorProblem problem;
  problem.energy = std::move(seen.squares);
  for (std::size_t c = 0; c < problem.energy.size(); ++c) {
    if (options.corrects_biases) problem.energy[c] -= seen.means[c] * seen.means[c];
    problem.energy[c] = std::max(problem.energy[c], 0.0);
    problem.largest.push_back(seen.largest[c] * headroom);
  }
  problem.squares.resize(problem.energy.size());
  if (!std::isinf(joint.bound)) {
    problem.bounded = std::move(seen.bounded);
    problem.bound = joint.bound;
  }
  problem.grid_levels = double((1 << options.activation_bits) - 1);
  problem.weight_levels = double((1 << (options.weight_bits - 1)) - 1);
  for (const Joint::Reader& reader : joint.readers) add_reader(graph, joint, reader, problem);
  Vector factors;
  for (const int exponent : choose_factors(problem, options.cancel)) {
    factors.push_back(factor_of(exponent));
  }
  return factors;
}

void scale_weight(Graph& graph, ValueId id, auto&& factor_of) {
  Tensor weight = constant(graph, id);
  ir::for_float_elements(weight, [&](std::size_t i, double w) { return w * factor_of(i); });
  graph.value(id).constant = EncodedTensor(weight);
}

void apply(Graph& graph, const Joint& joint, const Vector& factors) {
  const Node& layer = graph.node(joint.layer);
  const ir::Linear linear = *ir::read_linear(graph, layer);
  if (layer.inputs.size() > 2 && layer.inputs[2] != ir::no_value) {
    Tensor bias = Tensor::zeros(DType::f32, Shape{linear.channels});
    const double beta = layer.attributes.real("beta", 1);
    for (std::size_t c = 0; c < factors.size(); ++c) {
      bias.mutable_data<float>()[c] = float(linear.bias[c] / beta * factors[c]);
    }
    graph.value(layer.inputs[2]).type.shape = {Dim(linear.channels)};
    graph.value(layer.inputs[2]).constant = EncodedTensor(bias);
  }
  scale_weight(graph, layer.inputs[1],
               [&](std::size_t i) { return factors[linear.channel_of(std::int64_t(i))]; });
  for (const Joint::Reader& reader : joint.readers) {
    const Node& node = graph.node(reader.node);
    const InputChannels inputs = input_channels(graph, node);
    scale_weight(graph, node.inputs[1], [&](std::size_t i) {
      const auto c = std::int64_t(inputs.of(std::int64_t(i))) - reader.offset;
      return c >= 0 && c < joint.channels ? 1 / factors[std::size_t(c)] : 1.0;
    });
  }
}

}  // namespace

std::size_t equalize(Graph& graph, const Batches& batches, const EqualizeOptions& options) {
  const std::vector<Joint> joints = find_joints(graph);
  if (joints.empty()) return 0;
  std::vector<ChannelStatistics> seen = observe(graph, joints, batches, options);
  if (seen.empty()) return 0;
  std::size_t scaled = 0;
  for (std::size_t i = 0; i < joints.size(); ++i) {
    const Vector factors = best_factors(graph, joints[i], std::move(seen[i]), options);
    if (std::ranges::all_of(factors, [](double factor) { return factor == 1; })) continue;
    apply(graph, joints[i], factors);
    ++scaled;
  }
  return scaled;
}

}  // namespace strata::compress
