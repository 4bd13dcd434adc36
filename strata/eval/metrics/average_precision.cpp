#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "strata/base/error.hpp"
#include "strata/data/boxes.hpp"
#include "strata/eval/detections.hpp"
#include "strata/eval/metric.hpp"

namespace strata::eval {
namespace {

/// True boxes as fractions of what the item shows, like those that are found.
std::vector<data::TrueBox> true_boxes(const data::Dataset& dataset, const data::BoxTable& table,
                                      std::int64_t item) {
  const auto boxes = table.of(dataset, item);
  std::vector<data::TrueBox> result(boxes.begin(), boxes.end());
  if (result.empty()) return result;
  const auto window = dataset.window(item);
  if (!window) return result;
  for (data::TrueBox& thing : result) {
    thing.box = {(thing.box.left - window->left) / window->width,
                 (thing.box.top - window->top) / window->height,
                 (thing.box.right - window->left) / window->width,
                 (thing.box.bottom - window->top) / window->height};
  }
  return result;
}

class AveragePrecision final : public Metric {
 public:
  explicit AveragePrecision(const MetricInputs& inputs)
      : inputs_(inputs),
        table_(data::BoxTable::open(inputs.run.dataset(), inputs.truth)),
        outputs_(find_detection_outputs(inputs.run)),
        items_(inputs.indices.size()) {}

  void judge(const ItemResult& result) override {
    const data::Dataset& dataset = inputs_.run.dataset();
    items_[result.position] = {true_boxes(dataset, table_, result.item),
                               read_detections(result, outputs_, dataset, inputs_.output_grids)};
  }

  std::vector<Figure> figures(std::size_t finished) const override {
    const auto result = data::average_precision(std::span(items_).first(finished));
    const bool spread = finished > 1;
    const std::string basis =
        fmt::format("{} boxes of {} classes in {} items", result.things, result.classes, finished);
    return {{.key = "map",
             .label = "mAP 0.5:0.95",
             .value = result.mean,
             .interval = spread ? std::optional(result.interval) : std::nullopt,
             .basis = basis,
             .counted = {}},
            {.key = "map50",
             .label = "mAP 0.5",
             .value = result.at_50,
             .interval = spread ? std::optional(result.interval_at_50) : std::nullopt,
             .basis = basis,
             .counted = {}}};
  }

 private:
  const MetricInputs& inputs_;
  data::BoxTable table_;
  DetectionOutputs outputs_;
  std::vector<data::DetectedItem> items_;
};

std::unique_ptr<Metric> make(const MetricInputs& inputs) {
  return std::make_unique<AveragePrecision>(inputs);
}

}  // namespace

extern const MetricDef average_precision_metric;
constinit const MetricDef average_precision_metric = {
    "map",
    "detection: average precision as COCO defines it, over overlaps from 0.5 to 0.95 and at 0.5",
    make};

}  // namespace strata::eval
