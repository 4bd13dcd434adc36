#include <fmt/format.h>

#include "strata/base/error.hpp"
#include "strata/eval/metric.hpp"

namespace strata::eval {
namespace {

/// Whether the label is among the k best scores.
class TopK final : public Metric {
 public:
  TopK(const MetricInputs& inputs, std::size_t k) : inputs_(inputs), k_(k) {
    if (!inputs.run.dataset().labelled()) {
      fail(ErrorCode::usage,
           "the data have no labels; give --labels, or a model to agree with as --reference");
    }
    right_.resize(inputs.indices.size());
  }

  void judge(const ItemResult& result) override {
    const std::vector<float> scores = result.values(inputs_.output);
    const data::Dataset& dataset = inputs_.run.dataset();
    const std::int32_t label = *dataset.label(result.item);
    if (std::size_t(label) >= scores.size()) {
      fail(ErrorCode::usage, "{} has class {}, the model's output has {} scores for each item",
           dataset.item_name(result.item), label, scores.size());
    }
    right_[result.position] = data::in_top_k(scores, label, k_);
  }

  std::vector<Figure> figures(std::size_t finished) const override {
    const data::Accuracy accuracy = data::accuracy(std::span(right_).first(finished));
    return {{.key = fmt::format("top{}", k_),
             .label = k_ == 1 ? "accuracy" : fmt::format("top {}", k_),
             .value = accuracy.value(),
             .interval = accuracy.interval(),
             .basis = fmt::format("{} of {}", accuracy.correct, accuracy.count),
             .counted = accuracy}};
  }

 private:
  const MetricInputs& inputs_;
  std::size_t k_;
  std::vector<std::uint8_t> right_;
};

template <std::size_t k>
std::unique_ptr<Metric> make(const MetricInputs& inputs) {
  return std::make_unique<TopK>(inputs, k);
}

}  // namespace

extern const MetricDef top1_metric, top5_metric;
constinit const MetricDef top1_metric = {"top1", "share of items whose best score is their class",
                                         make<1>};
constinit const MetricDef top5_metric = {
    "top5", "share of items whose class is among the five best scores", make<5>};

}  // namespace strata::eval
