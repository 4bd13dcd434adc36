#include "strata/eval/evaluate.hpp"

#include "strata/base/error.hpp"
#include "strata/eval/item_run.hpp"

namespace strata::eval {
namespace {

void check_labels(const data::Dataset& dataset, std::span<const std::int64_t> indices,
                  std::int64_t classes) {
  for (const std::int64_t item : indices) {
    const std::int32_t label = *dataset.label(item);
    if (label >= classes) {
      fail(ErrorCode::usage, "{} has class {}, the model's output has {} scores for each item",
           dataset.item_name(item), label, classes);
    }
  }
}

Evaluation judge_classes(const ItemRun& run, std::span<const std::int64_t> indices,
                         const EvalOptions& options) {
  const data::Dataset& dataset = run.dataset();
  const std::size_t output = run.find_output(options.output);
  Evaluation result;
  result.predictions.resize(indices.size());
  if (dataset.labelled()) {
    if (const auto shape = run.item_shape(output)) {
      check_labels(dataset, indices, shape->elements());
    }
    result.correct.resize(indices.size());
    result.in_top.resize(indices.size());
  }
  const std::size_t finished = run.run(indices, [&](const ItemResult& item) {
    const std::vector<float> scores = item.values(output);
    if (item.position == 0) result.classes = std::int64_t(scores.size());
    result.predictions[item.position] = data::argmax(scores);
    if (result.correct.empty()) return;
    check_labels(dataset, std::span(&item.item, 1), std::int64_t(scores.size()));
    const std::int32_t label = *dataset.label(item.item);
    result.correct[item.position] = result.predictions[item.position] == label;
    result.in_top[item.position] = data::in_top_k(scores, label, options.top);
  });
  result.complete = finished == indices.size();
  result.predictions.resize(finished);
  if (!result.correct.empty()) result.correct.resize(finished);
  if (!result.in_top.empty()) result.in_top.resize(finished);
  return result;
}

}  // namespace

Evaluation evaluate(const std::shared_ptr<const runtime::Program>& program,
                    const data::Dataset& dataset, std::span<const std::int64_t> indices,
                    const EvalOptions& options) {
  return judge_classes(ItemRun(program, dataset, options), indices, options);
}

Evaluation evaluate(const runtime::Session& session, const data::Dataset& dataset,
                    std::span<const std::int64_t> indices, const EvalOptions& options) {
  return judge_classes(ItemRun(session, dataset, options), indices, options);
}

}  // namespace strata::eval
