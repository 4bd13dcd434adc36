#include "strata/compress/quantize/post_training.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/base/similar.hpp"
#include "strata/compress/cleaned.hpp"
#include "strata/compress/quantize/equalize.hpp"
#include "strata/compress/quantize/flatten.hpp"

namespace strata::compress {
namespace {

using ir::Graph;
using ir::ValueId;

// What the model is given is not what layers make of it, and narrow grids lose most there.
constexpr int input_bits = 8;

std::vector<ValueId> observed(const Graph& graph, const SharedGrids& grids) {
  std::vector<ValueId> values;
  for (std::uint32_t i = 0; i < graph.value_limit(); ++i) {
    if (grids.group[i] >= 0 && !graph.is_constant(ValueId(i))) values.push_back(ValueId(i));
  }
  return values;
}

Interval join(Interval a, Interval b) { return {std::min(a.low, b.low), std::max(a.high, b.high)}; }

class GridChooser {
 public:
  GridChooser(const Graph& graph, const Calibration& calibration,
              const PostTrainingOptions& options)
      : graph_(graph), calibration_(calibration), options_(options) {}

  /// One grid for all values of a group.
  Grid choose(const std::vector<ValueId>& members, const Grid* fixed) const {
    if (fixed) return *fixed;
    int bits = options_.activation_bits;
    for (const ValueId id : members) {
      const bool given = graph_.value(id).producer == ir::no_node;  // an input or a constant
      if (given) bits = input_bits;
    }
    Interval interval;
    for (const ValueId id : members) interval = join(interval, interval_of(id, bits));
    return grid_over(interval, bits);
  }

 private:
  Interval interval_of(ValueId id, int bits) const {
    const ir::Value& value = graph_.value(id);
    if (value.constant) {
      Interval interval;
      for (const float x : value.constant->decode().to_float()) {
        interval = join(interval, {double(x), double(x)});
      }
      return interval;
    }
    IntervalOptions options = options_.interval;
    options.bits = bits;
    return choose_interval(calibration_.values.at(value.name), options);
  }

  const Graph& graph_;
  const Calibration& calibration_;
  const PostTrainingOptions& options_;
};

void choose_grids(const Graph& graph, const SharedGrids& shared, const Calibration& calibration,
                  const PostTrainingOptions& options, StaticPlan& plan) {
  const GridChooser chooser(graph, calibration, options);
  std::vector<std::optional<Grid>> fixed(static_cast<std::size_t>(shared.groups));
  for (const Unit& unit : shared.units) {
    if (unit.kind != UnitKind::fixed) continue;
    fixed[std::size_t(shared.group[ir::index(unit.output)])] = fixed_grid(graph, unit);
  }
  plan.grids.resize(graph.value_limit());
  for (int group = 0; group < shared.groups; ++group) {
    const std::vector<ValueId> members = shared.members(group);
    const auto& set = fixed[std::size_t(group)];
    const Grid grid = chooser.choose(members, set ? &*set : nullptr);
    for (const ValueId id : members) plan.grids[ir::index(id)] = grid;
  }
}

void check(const PostTrainingOptions& options) {
  const auto check_bits = [](std::string_view what, int bits) {
    if (bits < 2 || bits > 8) fail(ErrorCode::usage, "{}: {} bits, expected 2 to 8", what, bits);
  };
  check_bits("weights", options.weight_bits);
  check_bits("activations", options.activation_bits);
  for (const LayerBits& layer : options.layer_bits) check_bits(layer.pattern, layer.bits);
}

void check_patterns(const PostTrainingOptions& options, const SharedGrids& shared) {
  for (const LayerBits& layer : options.layer_bits) {
    if (std::ranges::none_of(shared.units, [&](const Unit& unit) {
          return unit.weighted() && fits(layer.pattern, unit.name);
        })) {
      std::vector<std::string> names;
      for (const Unit& unit : shared.units) {
        if (unit.weighted()) names.push_back(unit.name);
      }
      fail(ErrorCode::usage, "no layer with weights is named {}{}", layer.pattern,
           suggestion(layer.pattern, names));
    }
  }
}

}  // namespace

PostTraining quantize_post_training(Graph model, const data::Dataset& dataset,
                                    std::vector<std::int64_t> items,
                                    const PostTrainingOptions& options) {
  check(options);
  PostTraining result;
  result.original = cleaned(std::move(model));
  flatten_products(result.original);
  result.given = result.original;
  if (options.equalize) {
    const EqualizeOptions equalizing{
        .weight_bits = options.weight_bits,
        .activation_bits = options.activation_bits,
        .layer_bits = options.layer_bits,
        .corrects_biases = options.reconstruct || options.bias_correction,
        .threads = options.calibration.threads,
        .cancel = options.calibration.cancel};
    result.equalized = equalize(result.original, Batches(result.given, dataset, items), equalizing);
  }
  const Graph& graph = result.original;
  SharedGrids shared = share_grids(graph, find_units(graph, options.keep));
  check_patterns(options, shared);
  if (shared.units.empty()) {
    fail(ErrorCode::unsupported,
         "nothing to quantize: no float Conv, Gemm, MatMul, Add, ... is left");
  }
  const Batches batches(graph, dataset, std::move(items));
  const Calibration calibration =
      calibrate(graph, observed(graph, shared), batches, options.calibration);
  result.complete = calibration.complete;
  if (!result.complete) return result;
  choose_grids(graph, shared, calibration, options, result.plan);
  result.plan.units = std::move(shared.units);
  LayerwiseOptions layerwise;
  layerwise.weight_bits = options.weight_bits;
  layerwise.layer_bits = options.layer_bits;
  layerwise.reconstruct = options.reconstruct;
  layerwise.bias_correction = options.bias_correction;
  layerwise.threads = options.calibration.threads;
  layerwise.progress = options.progress;
  layerwise.poll = options.poll;
  layerwise.cancel = options.calibration.cancel;
  result.complete = choose_weights(graph, result.plan, batches, layerwise);
  return result;
}

StaticPlan without(const Graph& graph, const StaticPlan& plan,
                   const std::vector<std::size_t>& units) {
  std::vector<Unit> left;
  for (std::size_t i = 0; i < plan.units.size(); ++i) {
    if (std::ranges::count(units, i) == 0) left.push_back(plan.units[i]);
  }
  const SharedGrids shared = share_grids(graph, std::move(left));
  StaticPlan reduced;
  reduced.units = shared.units;
  reduced.grids.resize(plan.grids.size());
  for (std::size_t i = 0; i < plan.grids.size(); ++i) {
    if (shared.group[i] >= 0) reduced.grids[i] = plan.grids[i];
  }
  for (const Unit& unit : reduced.units) {
    if (unit.weighted()) reduced.layers[unit.main] = plan.layers.at(unit.main);
  }
  return reduced;
}

}  // namespace strata::compress
