#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/data/metrics.hpp"
#include "strata/eval/item_run.hpp"
#include "strata/tensor/grid.hpp"

namespace strata::eval {

/// One number that a metric gives.
struct Figure {
  std::string key;    ///< for programs: "auc"
  std::string label;  ///< for people: "area under the curve"
  double value = 0;   ///< a share
  std::optional<data::Interval> interval;
  std::string basis;                      ///< what it stands on: "773 of 850"
  std::optional<data::Accuracy> counted;  ///< where it is a share of items
};

/// Judges items while they are run, then says how good the model is.
class Metric {
 public:
  virtual ~Metric() = default;
  /// From any worker, each position once. Throws usage for outputs that it cannot judge.
  virtual void judge(const ItemResult& result) = 0;
  /// What the first `finished` positions say; the first figure is the metric's own.
  virtual std::vector<Figure> figures(std::size_t finished) const = 0;
};

/// What a metric is made from; outlives it.
struct MetricInputs {
  const ItemRun& run;
  std::span<const std::int64_t> indices;
  std::size_t output = 0;          ///< that is judged, where one is
  std::filesystem::path truth;     ///< masks or boxes as given, else the sidecar names them
  std::optional<Grid> input_grid;  ///< what integers of the input stand for
  std::vector<std::optional<Grid>> output_grids;  ///< of each output
};

/// A row of the table of metrics.
struct MetricDef {
  std::string_view name;
  std::string_view summary;
  /// Throws usage where data or model do not fit.
  std::unique_ptr<Metric> (*make)(const MetricInputs& inputs);
};

/// In the order they are told of; and one by name: throws usage with those there are.
std::span<const MetricDef* const> all_metrics();
const MetricDef& find_metric(std::string_view name);

}  // namespace strata::eval
