#include "strata/study/model_evaluator.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "strata/base/error.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/passes/pipeline.hpp"

namespace strata::study {
namespace {

/// A candidate that looks slower than the default is measured again, this much longer: what
/// disturbed the machine for a moment must not decide.
constexpr double doubt_effort = 3;
constexpr double doubt_ratio = 1.005;

/// Joins activations to the nodes before them: for running, not for the file.
constexpr const char* execution_pass = "fuse";

ir::Graph cleaned(ir::Graph model) {
  ir::PassOptions options;
  options.off = {execution_pass};
  ir::optimize(model, options);
  return model;
}

}  // namespace

/// Predictions on some records.
struct ModelEvaluator::Judged {
  eval::Evaluation evaluation;
  bool stopped = false;
};

ModelEvaluator::ModelEvaluator(ir::Graph model, std::int64_t file_bytes,
                               const data::Dataset& dataset, std::vector<std::int64_t> records,
                               ModelEvaluatorOptions options)
    : model_(cleaned(std::move(model))),
      file_bytes_(file_bytes),
      dataset_(dataset),
      records_(std::move(records)),
      options_(std::move(options)),
      layers_(compress::weight_layers(model_)) {
  if (!dataset.labelled()) {
    fail(ErrorCode::usage, "the data ({}) have no labels, so accuracy cannot be measured",
         dataset.description());
  }
  if (records_.empty()) fail(ErrorCode::usage, "no records to search with");
}

ModelEvaluator::~ModelEvaluator() = default;

double ModelEvaluator::seconds_per_record() const {
  // So long that starting threads hardly counts.
  constexpr double long_enough_s = 0.05;
  const auto compiled = program({});
  for (std::size_t count = 16;; count *= 4) {
    const std::vector<std::int64_t> some = spread(records_, count);
    const auto start = std::chrono::steady_clock::now();
    run_on(compiled, some, {});
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    if (elapsed.count() >= long_enough_s || count >= records_.size()) {
      return elapsed.count() / double(some.size());
    }
  }
}

void ModelEvaluator::keep_records(std::size_t count) {
  records_ = spread(records_, std::max<std::size_t>(count, 1));
}

SearchSpace ModelEvaluator::space(int most_threads) const {
  SearchSpace space;
  for (const compress::WeightLayer& layer : layers_) {
    const EncodedTensor& weight = *model_.value(layer.weight).constant;
    space.layers.push_back({layer.name, std::string(weight.encoding->name)});
  }
  for (const Encoding* encoding : all_encodings()) space.encodings.emplace_back(encoding->name);
  space.threads.clear();
  for (int threads = 1; threads < most_threads; threads *= 2) space.threads.push_back(threads);
  space.threads.push_back(std::max(most_threads, 1));
  return space;
}

const EncodedTensor& ModelEvaluator::encoded(std::size_t layer, const std::string& encoding) const {
  const auto key = std::pair(layer, encoding);
  const auto known = encoded_.find(key);
  if (known != encoded_.end()) return known->second;
  return encoded_
      .emplace(key, compress::encoded_weights(model_, layers_[layer], find_encoding(encoding)))
      .first->second;
}

ir::Graph ModelEvaluator::version(const Configuration& configuration) const {
  ir::Graph graph = model_;
  for (const auto& [name, encoding] : configuration.encodings) {
    const auto layer = std::ranges::find(layers_, name, &compress::WeightLayer::name);
    if (layer == layers_.end()) {
      fail(ErrorCode::usage, "no layer with weights is named {}", name);
    }
    graph.value(layer->weight).constant = encoded(std::size_t(layer - layers_.begin()), encoding);
  }
  return graph;
}

std::shared_ptr<const runtime::Program> ModelEvaluator::program(
    const Configuration& configuration) const {
  ir::Graph graph = version(configuration);
  ir::PassOptions passes;
  if (!configuration.fusion) passes.off = {execution_pass};
  ir::optimize(graph, passes);
  runtime::Target target = options_.target;
  for (const auto& [node, row] : configuration.kernels) target.pins.push_back({node, row});
  return runtime::Program::compile(std::move(graph), target);
}

std::shared_ptr<ThreadPool> ModelEvaluator::pool(int threads) {
  auto& pool = pools_[threads];
  if (!pool) pool = std::make_shared<ThreadPool>(threads);
  return pool;
}

std::unique_ptr<tune::Workload> ModelEvaluator::workload(const Configuration& configuration) {
  return workload(program(configuration), configuration.threads);
}

std::unique_ptr<tune::Workload> ModelEvaluator::workload(
    std::shared_ptr<const runtime::Program> program, int threads) {
  const ir::Graph& graph = program->graph();
  const eval::Feed feed = eval::make_feed(graph, dataset_, 0);
  std::vector<std::int64_t> extents(dataset_.item_shape().begin(), dataset_.item_shape().end());
  if (feed.has_batch_axis) extents.insert(extents.begin(), feed.batch);
  const Shape shape(extents);
  Tensor input = Tensor::zeros(dataset_.dtype(), shape);
  auto* to = static_cast<std::byte*>(input.mutable_raw());
  for (std::int64_t i = 0; i < feed.batch; ++i) {
    dataset_.read(records_.front(), to + std::size_t(i) * dataset_.item_bytes());
  }
  return std::make_unique<tune::Workload>(std::move(program), std::vector{std::move(input)},
                                          pool(threads));
}

ModelEvaluator::Judged ModelEvaluator::run_on(
    const std::shared_ptr<const runtime::Program>& program, std::span<const std::int64_t> records,
    const Stopped& stopped) const {
  std::atomic<bool> cancel = false;
  eval::EvalOptions options;
  options.threads = options_.eval_threads;
  options.cancel = &cancel;
  options.progress = [&](std::int64_t) {
    if (stopped && stopped()) cancel = true;
  };
  Judged judged{eval::evaluate(program, dataset_, records, options)};
  judged.stopped = !judged.evaluation.complete;
  return judged;
}

std::optional<Measured> ModelEvaluator::measure(const Configuration& configuration, double effort,
                                                const Stopped& stopped) {
  Measured measured;
  try {
    const bool is_default = configuration == Configuration();
    if (!is_default && !default_workload_) measure({}, 1, {});
    const auto compiled = program(configuration);
    measured.file_bytes = is_default ? file_bytes_ : formats::onnx_size(version(configuration));
    auto candidate = workload(compiled, configuration.threads);
    measured.peak_bytes = std::int64_t(candidate->binding().peak_bytes());
    const Judged judged = run_on(compiled, records_, stopped);
    if (judged.stopped) return std::nullopt;
    const std::vector<std::uint8_t>& correct = judged.evaluation.correct;
    if (is_default && default_correct_.empty()) default_correct_ = correct;
    const data::PairedDrop drop = data::paired_drop(default_correct_, correct);
    measured.count = drop.count;
    measured.correct = data::accuracy(correct).correct;
    measured.lost = drop.lost;
    measured.gained = drop.gained;
    if (is_default && !default_workload_) default_workload_ = std::move(candidate);
    time(configuration, is_default ? *default_workload_ : *candidate, effort, stopped, measured);
    if (stopped && stopped()) return std::nullopt;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
    measured.failure = error.what();
  }
  return measured;
}

void ModelEvaluator::time(const Configuration& configuration, tune::Workload& candidate,
                          double effort, const Stopped& stopped, Measured& measured) {
  const auto race = [&](double times) {
    const std::function<void()> contenders[] = {[&] { default_workload_->run(); },
                                                [&] { candidate.run(); }};
    const bool alone = configuration == Configuration();
    tune::RaceOptions options;
    options.seconds = options_.race_s * times;
    return tune::run_race(std::span(contenders, alone ? 1 : 2), options, stopped);
  };
  const tune::Race first = race(effort);
  if (configuration == Configuration()) {
    measured.latency = default_latency_ = first.timing(0);
    measured.ratio = {1, 1, 1, measured.latency.samples};
    return;
  }
  measured.ratio = first.ratio(1, 0);
  if (measured.ratio.low > doubt_ratio) {
    measured.ratio = race(effort * doubt_effort).ratio(1, 0);
  }
  const double seconds = default_latency_.median;
  measured.latency = {measured.ratio.median * seconds, measured.ratio.low * seconds,
                      measured.ratio.high * seconds, measured.ratio.samples};
}

std::vector<tune::NodeRows> ModelEvaluator::kernels(const Configuration& configuration) {
  return tune::rows_to_try(*program(configuration));
}

Verdict ModelEvaluator::judge(const Configuration& chosen, std::span<const std::int64_t> unseen,
                              const Stopped& stopped) {
  Judged original = run_on(program({}), unseen, stopped);
  Judged candidate = run_on(program(chosen), unseen, stopped);
  // Stopped early: what both have judged.
  const std::size_t count =
      std::min(original.evaluation.correct.size(), candidate.evaluation.correct.size());
  for (eval::Evaluation* evaluation : {&original.evaluation, &candidate.evaluation}) {
    evaluation->correct.resize(count);
    evaluation->predictions.resize(count);
  }
  Verdict verdict;
  verdict.original = original.evaluation.accuracy();
  verdict.chosen = candidate.evaluation.accuracy();
  verdict.drop = data::paired_drop(original.evaluation.correct, candidate.evaluation.correct);
  verdict.agreement =
      data::agreement(original.evaluation.predictions, candidate.evaluation.predictions);
  verdict.complete = !original.stopped && !candidate.stopped;
  return verdict;
}

std::vector<std::int64_t> spread(const std::vector<std::int64_t>& records, std::size_t count) {
  if (count >= records.size()) return records;
  std::vector<std::int64_t> some;
  for (std::size_t i = 0; i < count; ++i) some.push_back(records[i * records.size() / count]);
  return some;
}

}  // namespace strata::study
