#include "strata/compress/quantize/equalize.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "strata/compress/quantize/expose.hpp"
#include "strata/compress/quantize/joints.hpp"
#include "strata/ir/passes/channels.hpp"
#include "strata/runtime/session.hpp"

namespace strata::compress {
namespace {

using ir::Graph;
using ir::Node;
using ir::ValueId;
using Vector = std::vector<double>;

constexpr double largest_factor = 64;
// Other data reach further than those at hand.
constexpr double headroom = 1.1;
// Factors that are tried: the reach of the grid over that of the channel, to one of these powers,
// times the size of the weights that read it, to another.
constexpr double reach_powers[] = {0, 0.25, 0.5, 0.75, 1};
constexpr double weight_powers[] = {0, 0.25, 0.5};

/// What the channels of a value held.
struct ChannelStatistics {
  Vector largest;  ///< magnitude
  Vector squares;  ///< mean
};

Tensor constant(const Graph& graph, ValueId id) {
  return graph.value(id).constant->decode().clone();
}

/// Value (N, C, ...): of each channel.
void add(const Tensor& tensor, ChannelStatistics& to, Vector& counts) {
  const Shape& shape = tensor.shape();
  const auto channels = std::size_t(shape[1]);
  const auto inner = std::size_t(shape.elements(2, shape.rank()));
  to.largest.resize(channels);
  to.squares.resize(channels);
  counts.resize(channels);
  const auto elements = tensor.data<float>();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::size_t c = i / inner % channels;
    const auto x = double(elements[i]);
    to.largest[c] = std::max(to.largest[c], std::abs(x));
    to.squares[c] += x * x;
    ++counts[c];
  }
}

/// Empty if cancelled.
std::vector<ChannelStatistics> observe(const Graph& graph, const std::vector<Joint>& joints,
                                       const Batches& batches, const EqualizeOptions& options) {
  std::vector<ValueId> values;
  for (const Joint& joint : joints) values.push_back(joint.value);
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
    }
  }
  for (std::size_t i = 0; i < joints.size(); ++i) {
    for (std::size_t c = 0; c < counts[i].size(); ++c) {
      statistics[i].squares[c] /= std::max(counts[i][c], 1.0);
    }
  }
  return statistics;
}

/// The weights by which one layer reads the channels of another.
struct Reading {
  std::size_t channels;              ///< of the layer that is read
  std::vector<std::size_t> channel;  ///< by element of the weight; `channels`: of another layer
  std::vector<std::size_t> output;   ///< by element of the weight
  std::vector<double> elements;
  std::size_t outputs;

  Reading(const Graph& graph, const Joint& joint, const Joint::Reader& reader)
      : channels(std::size_t(joint.channels)) {
    const Node& node = graph.node(reader.node);
    const ir::Linear linear = *ir::read_linear(graph, node);
    const InputChannels inputs = input_channels(graph, node);
    const std::vector<float> weight = constant(graph, node.inputs[1]).to_float();
    outputs = std::size_t(linear.channels);
    elements.assign(weight.begin(), weight.end());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const auto of = std::int64_t(inputs.of(std::int64_t(i))) - reader.offset;
      channel.push_back(of >= 0 && of < joint.channels ? std::size_t(of) : channels);
      output.push_back(linear.channel_of(std::int64_t(i)));
    }
  }

  /// Largest weight that reads each channel, in steps of its output's scale.
  void add_sizes(Vector& sizes) const {
    const Vector reach = reaches(Vector(channels, 1.0));
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (channel[i] == channels || reach[output[i]] == 0) continue;
      double& size = sizes[channel[i]];
      size = std::max(size, std::abs(elements[i]) / reach[output[i]]);
    }
  }

  /// Largest weight of each output if channels are read divided by these factors.
  Vector reaches(const Vector& factors) const {
    Vector reach(outputs);
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const double factor = channel[i] == channels ? 1 : factors[channel[i]];
      reach[output[i]] = std::max(reach[output[i]], std::abs(elements[i]) / factor);
    }
    return reach;
  }
};

/// Squares of errors in what the readers make, with channels scaled: from the grid between, its
/// step being given, and from the weights, where a step is a part of the largest of an output.
double noise(const std::vector<Reading>& readings, const Vector& squares, const Vector& factors,
             double step, double weight_levels) {
  double sum = 0;
  for (const Reading& reading : readings) {
    const Vector reach = reading.reaches(factors);
    for (std::size_t i = 0; i < reading.elements.size(); ++i) {
      if (reading.channel[i] == reading.channels) continue;
      const double factor = factors[reading.channel[i]];
      const double from_grid = reading.elements[i] / factor * step;
      const double from_weight = reach[reading.output[i]] / weight_levels * factor;
      sum += from_grid * from_grid + from_weight * from_weight * squares[reading.channel[i]];
    }
  }
  return sum;
}

/// Factors of least noise; all 1 where nothing is gained.
Vector best_factors(const Graph& graph, const Joint& joint, const ChannelStatistics& seen,
                    const EqualizeOptions& options) {
  const auto channels = std::size_t(joint.channels);
  std::vector<Reading> readings;
  for (const Joint::Reader& reader : joint.readers) readings.emplace_back(graph, joint, reader);
  Vector sizes(channels);
  for (const Reading& reading : readings) reading.add_sizes(sizes);
  const double all = std::ranges::max(seen.largest);
  const double levels = double((1 << options.activation_bits) - 1);
  const double weight_levels = double((1 << (options.weight_bits - 1)) - 1);
  Vector best(channels, 1.0);
  if (all == 0) return best;
  double least = noise(readings, seen.squares, best, all / levels, weight_levels);
  for (const double reach_power : reach_powers) {
    for (const double weight_power : weight_powers) {
      Vector factors(channels, 1.0);
      for (std::size_t c = 0; c < channels; ++c) {
        const double largest = seen.largest[c] * headroom;
        if (largest == 0 || sizes[c] == 0 || largest >= joint.bound) continue;
        const double room = std::min(all / largest, largest_factor);
        const double wanted = std::pow(room, reach_power) * std::pow(sizes[c], weight_power);
        factors[c] = std::clamp(wanted, 1 / largest_factor, std::max(room, 1.0));
      }
      const double error = noise(readings, seen.squares, factors, all / levels, weight_levels);
      if (error >= least) continue;
      least = error;
      best = std::move(factors);
    }
  }
  return best;
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
  const std::vector<ChannelStatistics> seen = observe(graph, joints, batches, options);
  if (seen.empty()) return 0;
  std::size_t scaled = 0;
  for (std::size_t i = 0; i < joints.size(); ++i) {
    const Vector factors = best_factors(graph, joints[i], seen[i], options);
    if (std::ranges::all_of(factors, [](double factor) { return factor == 1; })) continue;
    apply(graph, joints[i], factors);
    ++scaled;
  }
  return scaled;
}

}  // namespace strata::compress
