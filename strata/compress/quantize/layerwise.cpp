#include "strata/compress/quantize/layerwise.hpp"

#include <algorithm>

#include "strata/base/cpu.hpp"
#include "strata/base/error.hpp"
#include "strata/compress/quantize/moments.hpp"
#include "strata/compress/quantize/node_runner.hpp"
#include "strata/compress/quantize/refine.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/passes/rewrite.hpp"

namespace strata::compress {
namespace {

using ir::Graph;
using ir::Node;
using ir::NodeId;
using ir::ValueId;

/// A tensor for each batch.
using Stream = std::vector<Tensor>;

RoundingProblem group_problem(const RoundingProblem& layer, std::size_t group, std::size_t groups) {
  const std::size_t per_group = layer.weights.size() / groups;
  const auto begin = layer.weights.begin() + std::ptrdiff_t(group * per_group);
  return {.inputs = layer.inputs,
          .channels = layer.channels / std::int64_t(groups),
          .weights = {begin, begin + std::ptrdiff_t(per_group)}};
}

RoundingProblem with_moments(RoundingProblem problem, InputMoments& moments) {
  problem.second = std::move(moments.second);
  problem.cross = std::move(moments.cross);
  return problem;
}

/// The mean of each channel as it was: w x + b before, less w x with the rounded weights.
void correct_bias(const RoundingProblem& layer, const RoundedWeights& rounded,
                  const InputMoments& moments, std::span<double> bias) {
  const auto inputs = std::size_t(layer.inputs);
  for (std::size_t c = 0; c < bias.size(); ++c) {
    for (std::size_t i = 0; i < inputs; ++i) {
      const std::size_t at = c * inputs + i;
      bias[c] += layer.weights[at] * moments.mean[i] -
                 double(rounded.codes[at]) * double(rounded.scales[c]) * moments.quantized_mean[i];
    }
  }
}

/// Chooses the weights of one layer.
class LayerChoice {
 public:
  LayerChoice(const Graph& graph, const Unit& unit, const LayerwiseOptions& options)
      : graph_(graph),
        unit_(unit),
        options_(options),
        // A MatMul has no bias that could take anything over.
        has_bias_(!ir::is_op(graph.node(unit.main), "MatMul")) {}

  LayerCodes choose(LayerInputs read) const {
    std::vector<GroupInputs>& groups = read.groups;
    const RoundingProblem layer = read_weights(graph_, unit_);
    LayerCodes codes{.bias = read_bias(graph_, unit_)};
    RoundedWeights all;
    if (groups.empty()) all = nearest(layer);
    const std::size_t channels = codes.bias.size() / std::max<std::size_t>(groups.size(), 1);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const RoundedWeights rounded =
          choose_group(group_problem(layer, g, groups.size()), groups[g],
                       std::span(codes.bias).subspan(g * channels, channels));
      all.codes.insert(all.codes.end(), rounded.codes.begin(), rounded.codes.end());
      all.scales.insert(all.scales.end(), rounded.scales.begin(), rounded.scales.end());
    }
    if (has_bias_ && read.samples.positions > 0) {
      const RefineOptions refining{
          .range = range(), .threads = threads(), .stopped = [this] { return options_.stopped(); }};
      if (refining_holds(read.samples, refining, all, codes.bias)) {
        refine(read.samples, refining, all, codes.bias);
      }
    }
    codes.codes = codes_tensor(graph_, unit_, all.codes);
    codes.scales = std::move(all.scales);
    return codes;
  }

 private:
  int bits() const { return weight_bits(unit_.name, options_.weight_bits, options_.layer_bits); }
  QuantizedRange range() const { return weight_range(bits()); }
  int threads() const { return options_.threads ? options_.threads : usable_threads(); }
  RoundedWeights nearest(const RoundingProblem& problem) const {
    return round_to_nearest(problem, range(), bits() < 8);
  }

  RoundedWeights choose_group(RoundingProblem problem, GroupInputs& inputs,
                              std::span<double> bias) const {
    RoundedWeights rounded;
    if (options_.reconstruct) {
      RoundingOptions rounding{
          .range = range(), .threads = threads(), .stopped = [this] { return options_.stopped(); }};
      rounding.damping = choose_damping(with_moments(problem, inputs.halves[0]),
                                        with_moments(problem, inputs.halves[1]), rounding);
      problem = with_moments(std::move(problem), inputs.all);
      rounded = round_by_least_squares(problem, rounding);
    } else {
      rounded = nearest(problem);
    }
    if (has_bias_) correct_bias(problem, rounded, inputs.all, bias);
    return rounded;
  }

  const Graph& graph_;
  const Unit& unit_;
  const LayerwiseOptions& options_;
  const bool has_bias_;
};

/// Carries activations of all batches through the graph, as it was and as it is quantized.
class Walk {
 public:
  Walk(const Graph& graph, StaticPlan& plan, const LayerwiseOptions& options)
      : graph_(graph),
        plan_(plan),
        options_(options),
        products_(options.threads),
        unit_of_(graph.node_limit()),
        left_(graph.value_limit()) {
    for (const Unit& unit : plan.units) {
      unit_of_[ir::index(unit.main)] = &unit;
      if (unit.activation != ir::no_node) unit_of_[ir::index(unit.activation)] = &unit;
    }
    for (const NodeId id : graph.order()) {
      for (const ValueId value : graph.node(id).inputs) {
        if (value != ir::no_value) ++left_[ir::index(value)];
      }
    }
  }

  bool run(const Batches& batches) {
    const ValueId input = graph_.inputs.front();
    for (std::size_t i = 0; i < usable_batches(batches); ++i) {
      before_[input].push_back(batches.read(i));
      items_.push_back(batches.items(i));
    }
    quantized_[input] = before_[input];
    for (const NodeId id : graph_.order()) {
      step(id, unit_of_[ir::index(id)]);
      if (cancelled()) return false;
      // Nobody needs what follows the last layer.
      if (plan_.layers.size() == weighted_units()) return true;
    }
    return true;
  }

 private:
  bool cancelled() const { return options_.stopped(); }

  std::size_t weighted_units() const {
    return std::size_t(std::ranges::count_if(plan_.units, &Unit::weighted));
  }

  /// Two tensors of each batch are held for every value that is still read; the largest few are
  /// alive together.
  std::size_t usable_batches(const Batches& batches) const {
    const Tensor first = batches.read(0);
    std::vector<std::int64_t> sizes;
    const Shape shape = first.shape();
    const DimValues dims = ir::bind_inputs(graph_, std::span(&shape, 1));
    for (std::uint32_t i = 0; i < graph_.value_limit(); ++i) {
      const ir::Value& value = graph_.value(ValueId(i));
      if (value.constant || value.producer == ir::no_node) continue;
      const Shape extents = evaluate(value.type.shape, dims);
      sizes.push_back(extents.elements() * std::int64_t(size_of(value.type.dtype)));
    }
    std::ranges::sort(sizes, std::greater<>());
    constexpr std::size_t alive = 4;
    std::int64_t together = 0;
    for (std::size_t i = 0; i < std::min(alive, sizes.size()); ++i) together += 2 * sizes[i];
    const std::int64_t fit = options_.byte_limit / std::max<std::int64_t>(together, 1);
    return std::min(batches.size(), std::size_t(std::max<std::int64_t>(fit, 1)));
  }

  void step(NodeId id, const Unit* unit) {
    const Node& node = graph_.node(id);
    const bool is_main = unit && unit->main == id;
    NodeRunner runner(graph_, id, options_.threads);
    run_into(runner, node, before_, false);
    if (cancelled()) return;
    if (is_main && unit->weighted()) {
      if (options_.progress) options_.progress(unit->name);
      choose(*unit, node);
      if (cancelled()) return;
      const LayerCodes& codes = plan_.layers.at(id);
      std::map<std::size_t, Tensor> replaced{{1, decoded_weight(*unit, codes)}};
      if (!ir::is_op(node, "MatMul")) replaced.emplace(2, bias_tensor(codes));
      NodeRunner coded(with_bias(node, id), id, options_.threads, replaced);
      run_into(coded, node, quantized_, true);
    } else {
      run_into(runner, node, quantized_, is_main);
    }
    if (cancelled()) return;
    if (unit && node.outputs[0] == unit->output) {
      for (Tensor& tensor : quantized_.at(unit->output)) {
        snap(tensor.mutable_data<float>(), plan_.grid(unit->output));
      }
    }
    for (const ValueId value : node.inputs) {
      if (value == ir::no_value || --left_[ir::index(value)] > 0) continue;
      before_.erase(value);
      quantized_.erase(value);
    }
  }

  /// The graph, its node having a place for a bias.
  const Graph& with_bias(const Node& node, NodeId id) {
    if (node.inputs.size() > 2 || ir::is_op(node, "MatMul")) return graph_;
    extended_ = graph_;
    extended_.node(id).inputs.resize(3, ir::no_value);
    return extended_;
  }

  static Tensor bias_tensor(const LayerCodes& codes) {
    const std::vector<float> bias(codes.bias.begin(), codes.bias.end());
    return Tensor::from<float>(Shape{std::int64_t(bias.size())}, std::span<const float>(bias));
  }

  /// What a unit reads: numbers of the grid, whoever made them.
  Tensor snapped(ValueId id, const Tensor& tensor) const {
    if (!plan_.grids[ir::index(id)] || is_unit_output(id)) return tensor;
    Tensor copy = tensor.clone();
    snap(copy.mutable_data<float>(), plan_.grid(id));
    return copy;
  }
  bool is_unit_output(ValueId id) const {
    return std::ranges::any_of(plan_.units, [&](const Unit& unit) { return unit.output == id; });
  }

  void run_into(NodeRunner& runner, const Node& node, std::map<ValueId, Stream>& streams,
                bool by_unit) {
    const std::size_t batches = before_.begin()->second.size();
    for (std::size_t i = 0; i < batches && !cancelled(); ++i) {
      std::vector<Tensor> inputs;
      for (const ValueId id : runner.inputs()) {
        const Tensor& tensor = streams.at(id)[i];
        inputs.push_back(by_unit ? snapped(id, tensor) : tensor);
      }
      std::vector<Tensor> outputs = runner.run(inputs);
      for (std::size_t o = 0; o < outputs.size(); ++o) {
        if (node.outputs[o] != ir::no_value) streams[node.outputs[o]].push_back(outputs[o]);
      }
    }
  }

  void choose(const Unit& unit, const Node& node) {
    LayerInputs read;
    if (options_.reconstruct || options_.bias_correction) {
      Stream inputs;
      for (const Tensor& tensor : quantized_.at(node.inputs[0])) {
        inputs.push_back(snapped(node.inputs[0], tensor));
      }
      const LayerData data{.before = before_.at(node.inputs[0]),
                           .quantized = inputs,
                           .made = before_.at(node.outputs[0]),
                           .items = items_};
      read = layer_inputs(graph_, unit, data, options_.reconstruct, products_,
                          [this] { return cancelled(); });
    }
    if (cancelled()) return;
    plan_.layers[unit.main] = LayerChoice(graph_, unit, options_).choose(std::move(read));
  }

  const Graph& graph_;
  StaticPlan& plan_;
  const LayerwiseOptions& options_;
  MomentProducts products_;
  std::vector<const Unit*> unit_of_;  // by node
  std::vector<int> left_;             // readers of each value that have not run
  std::map<ValueId, Stream> before_, quantized_;
  std::vector<std::int64_t> items_;  // in each batch
  Graph extended_;
};

}  // namespace

int weight_bits(const std::string& name, int usual, const std::vector<LayerBits>& layers) {
  for (const auto& [pattern, bits] : layers) {
    if (fits(pattern, name)) usual = bits;
  }
  return usual;
}

bool choose_weights(const Graph& graph, StaticPlan& plan, const Batches& batches,
                    const LayerwiseOptions& options) {
  plan.layers.clear();
  if (options.reconstruct || options.bias_correction) {
    return Walk(graph, plan, options).run(batches);
  }
  for (const Unit& unit : plan.units) {
    if (unit.weighted()) plan.layers[unit.main] = LayerChoice(graph, unit, options).choose({});
  }
  return true;
}

}  // namespace strata::compress
