#include "strata/compress/quantize/selection.hpp"

#include <algorithm>

#include "strata/base/error.hpp"
#include "strata/compress/quantize/post_training.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/eval/measure.hpp"
#include "strata/ir/cost.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/runtime/session.hpp"

namespace strata::compress {
namespace {

/// Layers kept by the points: all small numbers, then by halves more.
std::vector<std::size_t> counts(std::size_t layers) {
  std::vector<std::size_t> result;
  for (std::size_t n = 0; n < layers; n += std::max<std::size_t>(1, n / 2)) result.push_back(n);
  result.push_back(layers);
  return result;
}

eval::Evaluation judge(const ir::Graph& graph, const Batches& batches,
                       const NoiseOptions& options) {
  const runtime::Session session(graph);
  eval::EvalOptions eval_options;
  eval_options.threads = options.threads;
  eval_options.cancel = options.cancel;
  return eval::evaluate(session.shared_program(), batches.dataset(), batches.indices(),
                        eval_options);
}

/// Multiply-accumulates and bytes of the layers.
class Shares {
 public:
  Shares(const ir::Graph& graph, const StaticPlan& plan, const Batches& batches, int weight_bits)
      : graph_(graph), plan_(plan), bits_(weight_bits) {
    const Shape shape = batches.read(0).shape();
    dims_ = ir::bind_inputs(graph, std::span(&shape, 1));
    total_ = double(std::max<std::int64_t>(ir::total_cost(graph, dims_).macs, 1));
  }

  void add_to(SelectionPoint& point) const {
    std::int64_t macs = 0;
    for (std::size_t i = 0; i < plan_.units.size(); ++i) {
      const Unit& unit = plan_.units[i];
      const bool kept = std::ranges::count(point.kept, i) > 0;
      const ir::Node& main = graph_.node(unit.main);
      if (!kept) macs += ir::node_cost(graph_, main, dims_).macs;
      if (!unit.weighted()) continue;
      const LayerCodes& layer = plan_.layers.at(unit.main);
      const auto channels = std::int64_t(layer.scales.size());
      const std::int64_t elements = layer.codes.elements();
      point.weight_bytes +=
          kept ? 4 * (elements + channels) : (elements * bits_ + 7) / 8 + 8 * channels;
    }
    point.integer_macs = double(macs) / total_;
  }

 private:
  const ir::Graph& graph_;
  const StaticPlan& plan_;
  const int bits_;
  DimValues dims_;
  double total_ = 1;
};

void mark_front(std::vector<SelectionPoint>& points) {
  for (SelectionPoint& point : points) {
    point.front = std::ranges::none_of(points, [&](const SelectionPoint& other) {
      return other.integer_macs >= point.integer_macs && other.right >= point.right &&
             (other.integer_macs > point.integer_macs || other.right > point.right);
    });
  }
}

}  // namespace

Selection explore_selection(const ir::Graph& original, const StaticPlan& plan,
                            const std::vector<LayerNoise>& sensitivity, const Batches& batches,
                            int weight_bits, const NoiseOptions& options) {
  Selection selection;
  const eval::Measure measure(batches.dataset());
  selection.labelled = measure.by_labels();
  const eval::Evaluation reference = judge(original, batches, options);
  selection.complete = reference.complete;
  const Shares shares(original, plan, batches, weight_bits);
  const auto right = [&](const eval::Evaluation& judged) {
    return data::accuracy(measure.right(reference, judged)).correct;
  };
  selection.original_right = right(reference);
  for (const std::size_t count : counts(sensitivity.size())) {
    if (!selection.complete) break;
    SelectionPoint point;
    for (std::size_t i = 0; i < count; ++i) point.kept.push_back(sensitivity[i].unit);
    const StaticPlan reduced = without(original, plan, point.kept);
    const ir::Graph graph = quantized(original, reduced);
    const eval::Evaluation judged = judge(graph, batches, options);
    selection.complete = judged.complete;
    if (!judged.complete) break;
    point.right = right(judged);
    point.count = std::int64_t(judged.predictions.size());
    layer_noise(original, graph, {}, batches, options, &point.decibels);
    shares.add_to(point);
    selection.points.push_back(std::move(point));
    // Nothing is left to be gained.
    if (selection.points.back().right >= selection.original_right && count > 0) break;
  }
  mark_front(selection.points);
  return selection;
}

const SelectionPoint& select(const Selection& selection, double most_drop) {
  STRATA_ASSERT(!selection.points.empty());
  for (const SelectionPoint& point : selection.points) {
    const double drop = double(selection.original_right - point.right) / double(point.count);
    if (drop <= most_drop) return point;
  }
  return *std::ranges::max_element(selection.points, {}, &SelectionPoint::right);
}

}  // namespace strata::compress
