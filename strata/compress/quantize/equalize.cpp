#include "strata/compress/quantize/equalize.hpp"

#include <algorithm>
#include <cmath>
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
  Vector lowest, highest;  ///< at most and at least 0
  Vector means, squares;   ///< of numbers and of their squares
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
  for (Vector* of : {&to.lowest, &to.highest, &to.means, &to.squares, &counts}) {
    of->resize(channels);
  }
  for_channels(tensor, [&](std::size_t c, double x) {
    to.lowest[c] = std::min(to.lowest[c], x);
    to.highest[c] = std::max(to.highest[c], x);
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
  for (const Joint& joint : joints) {
    if (!std::isinf(joint.bound)) values.push_back(graph.node(joint.layer).outputs[0]);
  }
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
    std::size_t unbounded = joints.size();  // the place of the next
    for (std::size_t i = 0; i < joints.size(); ++i) {
      add(outputs[exposed.places[i]], statistics[i], counts[i]);
      if (std::isinf(joints[i].bound)) continue;
      add_bounded(outputs[exposed.places[unbounded++]], joints[i].bound, statistics[i]);
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
void add_reader(const Graph& graph, const Joint& joint, const Joint::Reader& reader, int bits,
                FactorProblem& problem) {
  const Node& node = graph.node(reader.node);
  const ir::Linear linear = *ir::read_linear(graph, node);
  const InputChannels inputs = input_channels(graph, node);
  const std::vector<float> weight = constant(graph, node.inputs[1]).to_float();
  const auto outputs = std::size_t(inputs.group_outputs);
  const std::size_t first_reader = problem.readers.size();
  for (std::int64_t read = 0; read < inputs.channels; read += inputs.group_inputs) {
    const std::int64_t begin = std::max<std::int64_t>(read - reader.offset, 0);
    const std::int64_t end = std::min(read + inputs.group_inputs - reader.offset, joint.channels);
    FactorProblem::Readers readers;
    readers.first = std::size_t(std::max<std::int64_t>(std::min(begin, joint.channels), 0));
    readers.channels = std::size_t(std::max<std::int64_t>(end - begin, 0));
    readers.outputs = outputs;
    readers.largest.resize(readers.channels * outputs);
    readers.others.resize(outputs);
    readers.taps = double(inputs.inner);
    readers.levels = double((1 << (bits - 1)) - 1);
    problem.readers.push_back(std::move(readers));
  }
  for (std::size_t i = 0; i < weight.size(); ++i) {
    const auto read = std::int64_t(inputs.of(std::int64_t(i)));
    const std::size_t group = std::size_t(read / inputs.group_inputs);
    FactorProblem::Readers& readers = problem.readers[first_reader + group];
    const std::size_t output = linear.channel_of(std::int64_t(i)) - group * outputs;
    const std::int64_t c = read - reader.offset;
    const bool ours = c >= 0 && c < joint.channels;
    float& largest = ours ? readers.largest[(std::size_t(c) - readers.first) * outputs + output]
                          : readers.others[output];
    largest = std::max(largest, std::abs(weight[i]));
    if (ours) problem.squares[std::size_t(c)] += double(weight[i]) * double(weight[i]);
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
    problem.lowest.push_back(seen.lowest[c] * headroom);
    problem.highest.push_back(seen.highest[c] * headroom);
  }
  problem.squares.resize(problem.energy.size());
  if (!std::isinf(joint.bound)) {
    problem.bounded = std::move(seen.bounded);
    problem.bound = joint.bound;
  }
  problem.grid_steps = double((1 << options.activation_bits) - 1);
  for (const Joint::Reader& reader : joint.readers) {
    const int bits = weight_bits(reader.name, options.weight_bits, options.layer_bits);
    add_reader(graph, joint, reader, bits, problem);
  }
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
  for (std::size_t i = 0; i < joints.size() && !(options.cancel && *options.cancel); ++i) {
    const Vector factors = best_factors(graph, joints[i], std::move(seen[i]), options);
    if (std::ranges::all_of(factors, [](double factor) { return factor == 1; })) continue;
    apply(graph, joints[i], factors);
    ++scaled;
  }
  return scaled;
}

}  // namespace strata::compress
