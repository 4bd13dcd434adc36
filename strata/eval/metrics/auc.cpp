#include "strata/data/auc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "strata/base/error.hpp"
#include "strata/eval/metric.hpp"

namespace strata::eval {
namespace {

/// Scores of all items, and the area under the curve they give.
class AreaUnderCurve final : public Metric {
 public:
  explicit AreaUnderCurve(const MetricInputs& inputs)
      : inputs_(inputs), scores_(inputs.indices.size()) {
    const data::Dataset& dataset = inputs.run.dataset();
    if (!dataset.labelled()) {
      fail(ErrorCode::usage, "the data have no labels; give --labels (0: normal, others: not)");
    }
  }

  void judge(const ItemResult& result) override {
    std::vector<float>& scores = scores_[result.position];
    scores = result.values(inputs_.output);
    if (reconstructs(result)) {
      scores = {reconstruction_error(result)};
    } else if (scores.size() == 2) {
      scores = {scores[1] - scores[0]};
    }
    if (std::ranges::any_of(scores, [](float s) { return std::isnan(s); })) {
      fail(ErrorCode::model, "{}: a score is not a number",
           inputs_.run.dataset().item_name(result.item));
    }
  }

  std::vector<Figure> figures(std::size_t finished) const override {
    const data::Dataset& dataset = inputs_.run.dataset();
    std::vector<float> scores;
    std::vector<std::int32_t> labels;
    std::vector<std::uint8_t> positive;
    for (std::size_t i = 0; i < finished; ++i) {
      scores.insert(scores.end(), scores_[i].begin(), scores_[i].end());
      labels.push_back(*dataset.label(inputs_.indices[i]));
      positive.push_back(labels.back() != 0);
    }
    const std::size_t classes = finished ? scores.size() / finished : 0;
    const auto area = classes > 1 ? data::auc_one_vs_rest(scores, labels, std::int64_t(classes))
                                  : data::auc(scores, positive);
    if (!area) {
      fail(ErrorCode::usage, "all {} items are of one class: no pairs to compare", finished);
    }
    return {{.key = "auc",
             .label = "auc",
             .value = area->value,
             .interval = area->interval,
             .basis = classes > 1 ? fmt::format("{} items, each of {} classes against the others",
                                                finished, classes)
                                  : fmt::format("{} items of class 0, {} of others; score: {}",
                                                area->negative, area->positive, what_scores_),
             .counted = {}}};
  }

 private:
  /// An output like the input is what the model makes of it: the error tells how odd the item is.
  bool reconstructs(const ItemResult& result) {
    const Tensor output = result.output(inputs_.output);
    const bool alike = output.elements() > 2 && output.shape() == result.input.shape() &&
                       is_float(output.dtype()) == is_float(result.input.dtype());
    if (alike && result.position == 0) what_scores_ = "mean squared error of the reconstruction";
    return alike;
  }

  float reconstruction_error(const ItemResult& result) const {
    const Tensor output = result.output(inputs_.output);
    std::vector<float> x(static_cast<std::size_t>(output.elements())), y(x.size());
    load_values(result.input.dtype(), result.input.raw(), inputs_.input_grid, x);
    load_values(output.dtype(), output.raw(), inputs_.output_grids[inputs_.output], y);
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      sum += (double(x[i]) - double(y[i])) * (double(x[i]) - double(y[i]));
    }
    return float(sum / double(x.size()));
  }

  const MetricInputs& inputs_;
  std::vector<std::vector<float>> scores_;  // by position
  std::string what_scores_ = "the output";
};

std::unique_ptr<Metric> make(const MetricInputs& inputs) {
  return std::make_unique<AreaUnderCurve>(inputs);
}

}  // namespace

extern const MetricDef auc_metric;
constinit const MetricDef auc_metric = {
    "auc",
    "area under the curve of true against false positive rates: of two classes, of each class "
    "against the others, or of the reconstruction error of an autoencoder",
    make};

}  // namespace strata::eval
