#include "strata/study/model_evaluator.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>

#include "strata/base/error.hpp"
#include "strata/compress/cleaned.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/passes/pipeline.hpp"
#include "strata/runtime/packing.hpp"
#include "strata/runtime/segments.hpp"
#include "strata/study/node_times.hpp"

namespace strata::study {
namespace {

/// A candidate that looks a little slower than the default is measured again, this much longer:
/// what disturbed the machine for a moment must not decide.
constexpr double doubt_effort = 3;
constexpr double beyond_doubt = 1.03;

// Buffers are placed anew for each heat, gaps of random size between them; packed weights too, if
// compiling is quick. The range of fewer than six samples covers their median with less than 95 %.
constexpr double least_heats = 6;
constexpr double fast_compile_s = 10e-3;
constexpr std::uint64_t largest_gap = 1 << 16;  // bytes

/// Grids of activations hardly change with more.
constexpr std::size_t most_calibration_records = 128;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Without blocks, in which steps have no times of their own.
Configuration step_by_step(Configuration configuration) {
  configuration.execution[std::string(runtime::blocks_switch)] = "off";
  return configuration;
}

/// Passes that have nothing to do in this model.
std::vector<std::string> idle_passes(ir::Graph model) {
  std::vector<std::string> idle;
  for (const ir::PassRecord& record : ir::optimize(model)) {
    if (record.nodes_before == record.nodes_after) idle.emplace_back(record.name);
  }
  return idle;
}

}  // namespace

formats::SaveOptions file_options(formats::ModelInfo info) {
  formats::SaveOptions options;
  options.info = std::move(info);
  options.narrow_weights = true;
  return options;
}

/// Predictions on some records.
struct ModelEvaluator::Judged {
  eval::Evaluation evaluation;
  bool stopped = false;
};

ModelEvaluator::ModelEvaluator(ir::Graph model, std::int64_t file_bytes,
                               const data::Dataset& dataset, std::vector<std::int64_t> records,
                               ModelEvaluatorOptions options)
    : model_(compress::cleaned(std::move(model))),
      file_bytes_(file_bytes),
      dataset_(dataset),
      records_(std::move(records)),
      options_(std::move(options)),
      layers_(compress::weight_layers(model_)),
      measure_(dataset) {
  if (runtime::depends_on_data(model_)) {
    fail(ErrorCode::unsupported,
         "sizes or branches in this model depend on data, so it has no one plan whose kernels and "
         "memory could be measured; accepted for such models are convert --optimize, profile, "
         "compare and eval");
  }
  if (records_.empty()) fail(ErrorCode::usage, "no records to search with");
  static_ = std::make_unique<StaticVersions>(
      model_, dataset_, spread(records_, most_calibration_records), options_.eval_threads);
}

ModelEvaluator::~ModelEvaluator() = default;

double ModelEvaluator::seconds_per_record(const Stopped& stopped) const {
  // So long that starting threads hardly counts.
  constexpr double long_enough_s = 0.05;
  const auto compiled = program({});
  for (std::size_t count = 16;; count *= 4) {
    const std::vector<std::int64_t> some = spread(records_, count);
    const auto start = std::chrono::steady_clock::now();
    const Judged judged = run_on(compiled, some, stopped);
    const double elapsed = seconds_since(start);
    if (elapsed >= long_enough_s || count >= records_.size() || judged.stopped) {
      return elapsed / double(std::max<std::size_t>(judged.evaluation.predictions.size(), 1));
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
  for (const Encoding* encoding : all_encodings()) {
    if (encoding->searched && has_form(*encoding)) space.encodings.emplace_back(encoding->name);
  }
  if (has_static_layer()) {
    for (const StaticScheme& scheme : static_schemes()) {
      // Codes of fewer bits take whole bytes in TensorFlow Lite's files: they would save nothing.
      const bool saves = scheme.weight_bits == 8 || options_.format != formats::Format::tflite;
      if (saves) space.encodings.emplace_back(scheme.name);
    }
  }
  space.execution = execution_choices({most_threads, options_.target.isa});
  const std::vector<std::string> idle = idle_passes(model_);
  std::erase_if(space.execution, [&](const ExecutionChoice& choice) {
    return std::ranges::count(idle, choice.name) != 0;
  });
  return space;
}

bool ModelEvaluator::has_static_layer() const {
  return std::ranges::any_of(
      layers_, [&](const compress::WeightLayer& layer) { return static_->has(layer.name); });
}

/// Files hold decoded what they have no form for, which makes no file smaller.
bool ModelEvaluator::has_form(const Encoding& encoding) const {
  const bool any = options_.format == formats::Format::container;
  if (any || layers_.empty() || encoding.name == dense_encoding.name) return true;
  const auto stores = [&](std::size_t layer) {
    try {
      return this->stores(encoded(layer, std::string(encoding.name)));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::usage && error.code() != ErrorCode::unsupported) throw;
      return false;  // these weights have no such codes
    }
  };
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (stores(i)) return true;
  }
  return false;
}

bool ModelEvaluator::stores(const EncodedTensor& weights) const {
  return options_.format == formats::Format::tflite ? formats::tflite_stores(weights)
                                                    : formats::onnx_stores(weights);
}

formats::ModelInfo ModelEvaluator::file_info(const Configuration& configuration) const {
  formats::ModelInfo info;
  runtime::SavedChoices choices = saved_choices(configuration);
  choices.machine = options_.target.machine.cpu_name;
  runtime::save_choices(info.metadata, choices);
  return info;
}

std::int64_t ModelEvaluator::file_bytes(const Configuration& configuration,
                                        const Stopped& stopped) const {
  switch (options_.format) {
    case formats::Format::container:
      return formats::container_size(version(configuration, stopped), file_info(configuration));
    case formats::Format::tflite:
      return std::int64_t(tflite_version(configuration, stopped).bytes->size());
    default:
      return formats::onnx_size(version(configuration, stopped),
                                file_options(file_info(configuration)));
  }
}

const TfliteForm& ModelEvaluator::tflite_version(const Configuration& configuration,
                                                 const Stopped& stopped) const {
  if (!tflite_ || tflite_->first != configuration.encodings) {
    tflite_.emplace(configuration.encodings, tflite_form(version(configuration, stopped)));
  }
  return tflite_->second;
}

const EncodedTensor& ModelEvaluator::encoded(std::size_t layer, const std::string& encoding) const {
  const auto key = std::pair(layer, encoding);
  const auto known = encoded_.find(key);
  if (known != encoded_.end()) return known->second;
  return encoded_
      .emplace(key, compress::encoded_weights(model_, layers_[layer], find_encoding(encoding)))
      .first->second;
}

ir::Graph ModelEvaluator::version(const Configuration& configuration,
                                  const Stopped& stopped) const {
  ir::Graph graph = model_;
  std::map<std::string, const StaticScheme*> static_layers;
  for (const auto& [name, encoding] : configuration.encodings) {
    if (const StaticScheme* scheme = find_static_scheme(encoding)) {
      static_layers.emplace(name, scheme);
      continue;
    }
    const auto layer = std::ranges::find(layers_, name, &compress::WeightLayer::name);
    if (layer == layers_.end()) {
      fail(ErrorCode::usage, "no layer with weights is named {}", name);
    }
    graph.value(layer->weight).constant = encoded(std::size_t(layer - layers_.begin()), encoding);
  }
  if (!static_layers.empty()) return static_->version(graph, static_layers, stopped);
  return graph;
}

std::shared_ptr<const runtime::Program> ModelEvaluator::program(const Configuration& configuration,
                                                                runtime::Target target) const {
  // The default is the model as given, which need not be a file of the format.
  const bool as_file =
      options_.format == formats::Format::tflite && !configuration.encodings.empty();
  ir::Graph graph = as_file ? tflite_version(configuration).graph : version(configuration);
  const runtime::SavedChoices choices = saved_choices(configuration);
  ir::PassOptions passes;
  passes.off = choices.off;
  if (std::erase(passes.off, runtime::blocks_switch) > 0) target.blocks = false;
  ir::optimize(graph, passes);
  target.precision = choices.precision;
  target.pins = choices.pins;
  return runtime::Program::compile(std::move(graph), target);
}

std::shared_ptr<ThreadPool> ModelEvaluator::pool(int threads) {
  auto& pool = pools_[threads];
  if (!pool) pool = std::make_shared<ThreadPool>(threads);
  return pool;
}

std::unique_ptr<eval::Runner> ModelEvaluator::runner(const Configuration& configuration) {
  return runner(program(configuration), saved_choices(configuration).threads);
}

std::unique_ptr<eval::Runner> ModelEvaluator::runner(
    const std::shared_ptr<const runtime::Program>& program, int threads) {
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
  runtime::BindOptions options;
  options.threads = threads;
  auto binding =
      runtime::Binding::bind(program, ir::bind_inputs(graph, std::span(&shape, 1)), options);
  return std::make_unique<eval::Runner>(std::move(binding), pool(threads), std::span(&input, 1));
}

ModelEvaluator::Judged ModelEvaluator::run_on(
    const std::shared_ptr<const runtime::Program>& program, std::span<const std::int64_t> records,
    const Stopped& stopped) const {
  std::atomic<bool> cancel = false;
  std::mutex asking;
  eval::EvalOptions options;
  options.threads = options_.eval_threads;
  options.cancel = &cancel;
  options.progress = [&](std::int64_t) {
    const std::unique_lock lock(asking, std::try_to_lock);
    if (lock && stopped && stopped()) cancel = true;
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
    if (!is_default && default_latency_.samples == 0 && !measure({}, 1, stopped)) {
      return std::nullopt;
    }
    measured.file_bytes = is_default ? file_bytes_ : file_bytes(configuration, stopped);
    const auto start = std::chrono::steady_clock::now();
    const auto compiled = program(configuration);
    compile_s_ = seconds_since(start);
    add_memory(compiled, saved_choices(configuration).threads, measured);
    if (!is_default && !measured.over_budget.empty()) {
      measured.failure = measured.over_budget;
      return measured;
    }
    const Judged judged = run_on(compiled, records_, stopped);
    if (judged.stopped) return std::nullopt;
    if (!default_program_) {
      default_program_ = compiled;
      default_evaluation_ = judged.evaluation;
      classes_ = judged.evaluation.classes;
    }
    const auto correct = measure_.right(default_evaluation_, judged.evaluation);
    const data::PairedDrop drop =
        data::paired_drop(measure_.right(default_evaluation_, default_evaluation_), correct);
    measured.count = drop.count;
    measured.correct = data::accuracy(correct).correct;
    measured.lost = drop.lost;
    measured.gained = drop.gained;
    time(configuration, compiled, effort, stopped, measured);
    if (stopped && stopped()) return std::nullopt;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
    if (stopped && stopped()) return std::nullopt;
    measured.failure = error.what();
  }
  return measured;
}

void ModelEvaluator::add_memory(const std::shared_ptr<const runtime::Program>& program, int threads,
                                Measured& measured) {
  const auto bound = runner(program, threads);
  const runtime::Binding& binding = bound->binding();
  measured.peak_bytes = std::int64_t(binding.peak_bytes());
  if (!options_.memory_budget || binding.peak_bytes() <= *options_.memory_budget) return;
  try {
    runtime::BindOptions options;
    options.threads = threads;
    options.memory_budget = options_.memory_budget;
    runtime::Binding::bind(program, binding.dims(), options);
  } catch (const Error& error) {
    measured.over_budget = error.what();
  }
}

tune::HeatsResult ModelEvaluator::race(const Configuration& candidate,
                                       const std::shared_ptr<const runtime::Program>& program_of,
                                       double effort, const Stopped& stopped) {
  const auto heats = std::size_t(std::lround(least_heats * std::max(effort, 1.0)));
  tune::RaceOptions options;
  options.seconds = options_.race_s / least_heats;
  options.least_rounds = 3;
  options.warmup_rounds = 1;
  const bool recompile = compile_s_ < fast_compile_s;
  std::unique_ptr<eval::Runner> reference, contender;
  std::vector<std::vector<std::byte>> gaps;
  const auto place = [&](const Configuration& configuration,
                         std::shared_ptr<const runtime::Program> running) {
    gaps.emplace_back(random_.below(largest_gap));
    if (recompile) {
      runtime::Target target = options_.target;
      target.packed = std::make_shared<runtime::PackedStore>();
      running = program(configuration, std::move(target));
    }
    return runner(running, saved_choices(configuration).threads);
  };
  const auto prepare = [&](std::size_t heat) {
    gaps.clear();
    const bool alone = program_of == default_program_;
    const bool contender_first = heat % 2 == 1;
    if (!alone && contender_first) contender = place(candidate, program_of);
    reference = place({}, default_program_);
    if (!alone && !contender_first) contender = place(candidate, program_of);
    tune::Contenders contenders{[&] { reference->run(); }};
    if (!alone) contenders.emplace_back([&] { contender->run(); });
    return contenders;
  };
  return tune::run_heats(heats, prepare, options, stopped);
}

void ModelEvaluator::time(const Configuration& candidate,
                          const std::shared_ptr<const runtime::Program>& program_of, double effort,
                          const Stopped& stopped, Measured& measured) {
  tune::HeatsResult result = race(candidate, program_of, effort, stopped);
  const bool in_doubt = result.ratio.low > 1 && result.ratio.low < beyond_doubt;
  if (in_doubt && !(stopped && stopped())) {
    result = race(candidate, program_of, effort * doubt_effort, stopped);
  }
  measured.ratio = result.ratio;
  if (program_of == default_program_) default_latency_ = result.reference;
  const double seconds = default_latency_.median;
  measured.latency = {measured.ratio.median * seconds, measured.ratio.low * seconds,
                      measured.ratio.high * seconds, measured.ratio.samples};
}

std::vector<tune::NodeRows> ModelEvaluator::kernels(const Configuration& configuration) {
  return tune::rows_to_try(*program(configuration));
}

std::vector<tune::NodeRows> ModelEvaluator::timed_kernels(const Configuration& configuration,
                                                          const Stopped& stopped) {
  const auto make = [&](const std::map<std::string, std::string>& pins) {
    Configuration pinned = step_by_step(configuration);
    for (const auto& [node, row] : pins) pinned.kernels[node] = row;
    return runner(pinned);
  };
  return tune::worth_trying(timed_rows(kernels(configuration), make, {}, stopped));
}

std::vector<ModelEvaluator::IntegerTime> ModelEvaluator::integer_times(
    const Configuration& configuration, const Stopped& stopped) {
  std::vector<IntegerTime> times;
  for (const auto& [layer, encoding] : configuration.encodings) {
    if (find_static_scheme(encoding)) times.push_back({layer});
  }
  if (times.empty()) return times;
  const Configuration integers = step_by_step(configuration);
  Configuration floats;
  floats.execution = integers.execution;
  const auto ours = runner(integers), theirs = runner(floats);
  eval::Runner* const runners[] = {ours.get(), theirs.get()};
  const std::vector<NodeTimes> of_nodes = node_times(runners, {}, stopped);
  const auto whole = [&](std::size_t which, const std::string& layer) {
    double seconds = 0;
    for (const runtime::Step& step : runners[which]->binding().program().steps()) {
      if (step.node == ir::no_node) continue;
      const ir::Node& node = runners[which]->binding().program().graph().node(step.node);
      const bool is_its = step.name == layer || std::ranges::count(node.sources, layer) > 0;
      if (is_its) seconds += of_nodes[which].at(step.name);
    }
    return seconds;
  };
  double total = 0;
  for (const auto& [node, seconds] : of_nodes[0]) total += seconds;
  for (IntegerTime& time : times) {
    time.seconds = whole(0, time.layer);
    time.float_seconds = whole(1, time.layer);
    if (time.float_seconds > 0) time.share = (time.seconds - time.float_seconds) / total;
  }
  return times;
}

std::vector<std::string> ModelEvaluator::slow_integers(const Configuration& configuration,
                                                       const Stopped& stopped) {
  std::vector<std::string> layers;
  for (const IntegerTime& time : integer_times(configuration, stopped)) {
    if (time.share > Limits().latency_tolerance) layers.push_back(time.layer);
  }
  return layers;
}

void ModelEvaluator::judge_more(const std::shared_ptr<const runtime::Program>& program,
                                std::span<const std::int64_t> records, const Stopped& stopped,
                                Judged& judged) const {
  const Judged more = run_on(program, records, stopped);
  const auto append = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  append(judged.evaluation.correct, more.evaluation.correct);
  append(judged.evaluation.predictions, more.evaluation.predictions);
  judged.stopped = more.stopped;
}

Verdict ModelEvaluator::judge(const Configuration& chosen, std::span<const std::int64_t> unseen,
                              const Stopped& stopped) {
  // In an order that makes of each beginning a fair sample, a part after the other, so that little
  // is lost where it has to stop. The first part is never stopped.
  constexpr std::size_t first_part = 16, part = 256;
  std::vector<std::int64_t> records(unseen.begin(), unseen.end());
  Random order(records.size());
  for (std::size_t i = records.size(); i > 1; --i) {
    std::swap(records[i - 1], records[order.below(i)]);
  }
  const bool is_default = chosen == Configuration();
  const auto original_program = program({});
  const auto chosen_program = is_default ? original_program : program(chosen);
  Judged original, candidate;
  for (std::size_t at = 0; at < records.size();) {
    if (at > 0 && stopped && stopped()) break;
    const std::size_t count = std::min(at ? part : first_part, records.size() - at);
    const auto some = std::span(records).subspan(at, count);
    const Stopped stop = at ? stopped : Stopped();
    judge_more(original_program, some, stop, original);
    if (!is_default && !original.stopped) judge_more(chosen_program, some, stop, candidate);
    if (original.stopped || candidate.stopped) break;
    at += count;
  }
  if (is_default) candidate = original;
  // What both have judged.
  const std::size_t count =
      std::min(original.evaluation.predictions.size(), candidate.evaluation.predictions.size());
  for (eval::Evaluation* evaluation : {&original.evaluation, &candidate.evaluation}) {
    if (measure_.by_labels()) evaluation->correct.resize(count);
    evaluation->predictions.resize(count);
  }
  const auto right_before = measure_.right(original.evaluation, original.evaluation);
  const auto right_after = measure_.right(original.evaluation, candidate.evaluation);
  Verdict verdict;
  verdict.original = data::accuracy(right_before);
  verdict.chosen = data::accuracy(right_after);
  verdict.drop = data::paired_drop(right_before, right_after);
  verdict.agreement =
      data::agreement(original.evaluation.predictions, candidate.evaluation.predictions);
  verdict.complete = count == records.size();
  return verdict;
}

}  // namespace strata::study
