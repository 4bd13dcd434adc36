#include <fmt/format.h>

#include "strata/base/error.hpp"
#include "strata/eval/metric.hpp"

namespace strata::eval {

extern const MetricDef top1_metric, top5_metric, auc_metric, mean_iou_metric,
    average_precision_metric;

namespace {

constexpr const MetricDef* rows[] = {&top1_metric, &top5_metric, &auc_metric, &mean_iou_metric,
                                     &average_precision_metric};

}  // namespace

std::span<const MetricDef* const> all_metrics() { return rows; }

const MetricDef& find_metric(std::string_view name) {
  std::string accepted;
  for (const MetricDef* metric : rows) {
    if (metric->name == name) return *metric;
    accepted += (accepted.empty() ? "" : ", ") + std::string(metric->name);
  }
  fail(ErrorCode::usage, "no metric '{}', there are {}", name, accepted);
}

}  // namespace strata::eval
