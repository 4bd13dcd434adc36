#include "strata/study/layers.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>

#include "strata/ir/cost.hpp"
#include "strata/ir/op.hpp"

namespace strata::study {
namespace {

constexpr int timed_runs = 101;

std::int64_t constant_bytes(const ir::Graph& graph, const ir::Node& node) {
  std::int64_t bytes = 0;
  for (const ir::ValueId id : node.inputs) {
    if (graph.is_constant(id)) bytes += graph.value(id).constant->size_bytes();
  }
  return bytes;
}

/// The candidate that is the chosen one but for this kernel, if it was measured.
const Candidate* with_kernel(const SearchResult& result, const std::string& node,
                             const std::string& row, bool is_default_choice) {
  const Configuration& chosen = result.candidates[std::size_t(result.chosen)].configuration;
  // Of several, the one whose other kernels are closest: the last measured.
  for (std::size_t i = result.candidates.size(); i-- > 0;) {
    const Candidate& candidate = result.candidates[i];
    const Configuration& other = candidate.configuration;
    if (candidate.measured.failed() || other.encodings != chosen.encodings ||
        other.execution != chosen.execution) {
      continue;
    }
    const auto pinned = other.kernels.find(node);
    if (pinned == other.kernels.end() ? is_default_choice : pinned->second == row) {
      return &candidate;
    }
  }
  return nullptr;
}

class Describer {
 public:
  Describer(ModelEvaluator& evaluator, const SearchResult& result)
      : evaluator_(evaluator),
        result_(result),
        chosen_(result.candidates[std::size_t(result.chosen)]),
        runner_(evaluator.runner(chosen_.configuration)) {
    Configuration unpinned = chosen_.configuration;
    unpinned.kernels.clear();
    free_ = evaluator.program(unpinned);
    tune::RowOptions everything;
    everything.most_slower = std::numeric_limits<double>::infinity();
    nodes_ = tune::rows_to_try(*free_, everything);
  }

  std::vector<LayerInfo> run(double seconds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
    auto timings =
        runner_->time_steps(timed_runs, [&] { return std::chrono::steady_clock::now() >= end; });
    const std::vector<bool> ran = share_out(timings);
    std::vector<LayerInfo> layers;
    for (std::size_t i = 0; i < timings.size(); ++i) {
      if (!ran[i]) continue;
      layers.push_back(describe(runner_->binding().program().steps()[i]));
      layers.back().seconds = timings[i];
    }
    compare_with_floats(layers, [&] { return std::chrono::steady_clock::now() >= end; });
    return layers;
  }

 private:
  /// Gives each step of a block its part of the block's time, as modelled. Says which steps ran.
  std::vector<bool> share_out(std::vector<double>& timings) const {
    const runtime::Binding& binding = runner_->binding();
    std::vector<bool> ran;
    for (const runtime::BoundStep& step : binding.steps()) ran.push_back(!step.skipped);
    for (const runtime::BoundBlock& block : binding.blocks()) {
      const double seconds = timings[block.steps.back()];
      double modelled = 0;
      for (const std::size_t step : block.steps)
        modelled += binding.program().steps()[step].estimate;
      for (const std::size_t step : block.steps) {
        timings[step] = seconds * binding.program().steps()[step].estimate / modelled;
        ran[step] = true;
      }
    }
    return ran;
  }

  LayerInfo describe(const runtime::Step& step) {
    const ir::Graph& graph = runner_->binding().program().graph();
    LayerInfo layer;
    layer.name = step.name;
    layer.op = step.op;
    layer.row = step.row->name;
    layer.encoding = step.weights;
    if (step.node != ir::no_node) {
      const ir::Node& node = graph.node(step.node);
      layer.sources = node.sources;
      const Shape& shape = runner_->binding().shapes()[ir::index(node.outputs[0])];
      layer.output = fmt::format("{}", fmt::join(shape.begin(), shape.end(), "x"));
      layer.macs = ir::node_cost(graph, node, runner_->binding().dims()).macs;
      layer.weight_bytes = constant_bytes(graph, node);
    }
    add_measured(layer);
    add_rejected(layer, step);
    return layer;
  }

  /// Where integers win and where they do not.
  void compare_with_floats(std::vector<LayerInfo>& layers, const std::function<bool()>& is_over) {
    for (const auto& [name, seconds, float_seconds, share] :
         evaluator_.integer_times(chosen_.configuration, is_over)) {
      const auto layer = std::ranges::find(layers, name, &LayerInfo::name);
      if (layer == layers.end() || float_seconds == 0) continue;
      layer->seconds = seconds;
      layer->float_seconds = float_seconds;
      layer->integers_lose = share > Limits().latency_tolerance;
      layer->others.push_back(
          {"(floats)", fmt::format("measured: the layer takes {:.3f} times as long on integers as "
                                   "in the model as given",
                                   seconds / float_seconds)});
    }
  }

  /// Rows that could run the node as well.
  void add_measured(LayerInfo& layer) const {
    const auto node = std::ranges::find(nodes_, layer.name, &tune::NodeRows::node);
    if (node == nodes_.end()) return;
    const double best = node->options.front().seconds;
    for (const tune::RowOption& option : node->options) {
      if (option.row == layer.row) continue;
      const Candidate* measured =
          with_kernel(result_, layer.name, option.row, option.row == node->chosen);
      layer.others.push_back(
          {option.row,
           measured ? fmt::format("measured: the whole network takes {:.3f} times the default's "
                                  "time, {:.3f} as chosen",
                                  measured->measured.ratio.median, chosen_.measured.ratio.median)
                    : fmt::format("not measured: modelled at {:.1f} times the best kernel's time",
                                  option.seconds / best)});
    }
  }

  void add_rejected(LayerInfo& layer, const runtime::Step& pinned) const {
    // A pinned step lists every other row as rejected by the pin; the free one knows the reasons.
    const auto same = std::ranges::find(free_->steps(), layer.name, &runtime::Step::name);
    const runtime::Step& step = same == free_->steps().end() ? pinned : *same;
    for (const runtime::Rejection& rejection : step.rejections) {
      const bool known = rejection.row == layer.row ||
                         std::ranges::any_of(layer.others, [&](const OtherRow& other) {
                           return other.row == rejection.row;
                         });
      if (!known)
        layer.others.push_back({std::string(rejection.row), std::string(rejection.reason)});
    }
  }

  ModelEvaluator& evaluator_;
  const SearchResult& result_;
  const Candidate& chosen_;
  std::unique_ptr<eval::Runner> runner_;
  std::shared_ptr<const runtime::Program> free_;  // the same version without pins
  std::vector<tune::NodeRows> nodes_;
};

}  // namespace

std::vector<LayerInfo> describe_layers(ModelEvaluator& evaluator, const SearchResult& result,
                                       double seconds) {
  return Describer(evaluator, result).run(seconds);
}

}  // namespace strata::study
