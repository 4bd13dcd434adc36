#include "strata/study/optimize.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/data/split.hpp"
#include "strata/formats/save.hpp"
#include "strata/formats/text_suffix.hpp"
#include "strata/report/html.hpp"
#include "strata/study/optimize_document.hpp"

namespace strata::study {
namespace {

// With a time limit: the share of it that judging one candidate may take, and that judging the
// chosen version and the default on the held-out records may; but never fewer records than these,
// as far as there are.
constexpr double candidate_share = 0.02;
constexpr double verdict_share = 0.08;
constexpr std::size_t least_search_records = 100;
constexpr std::size_t least_verdict_records = 200;
// What is left of the limit for the verdict, the layers' times and the files: as much as that
// needs, within these shares.
constexpr double least_rest = 0.05;
constexpr double most_rest = 0.4;
// Once the time is over or Ctrl-C was pressed, the verdict may still take this long.
constexpr double verdict_grace_s = 2;
constexpr double layer_times_s = 1;
constexpr double hasty_layer_times_s = 0.1;

std::size_t affordable_records(double seconds, double per_record, std::size_t least) {
  constexpr double more_than_any_data = 1e15;
  const double count = std::min(seconds / std::max(per_record, 1e-9), more_than_any_data);
  return std::max(least, std::size_t(count));
}

std::int64_t size_of_model(const ir::Graph& graph, std::size_t file_bytes) {
  // The weights may lie in further files.
  const bool external = graph.constant_bytes() > std::int64_t(file_bytes);
  return external ? formats::onnx_size(graph) : std::int64_t(file_bytes);
}

/// Of names that tell no other, ONNX.
formats::Format format_of(const std::filesystem::path& path) {
  return formats::format_named(path.string()).value_or(formats::Format::onnx);
}

/// The default version is the user's file, byte for byte, where that is one file of the format.
void write_model(const OptimizeOptions& options, const OptimizeOutcome& outcome,
                 const ModelEvaluator& evaluator, const MappedFile& original) {
  const auto bytes = original.bytes();
  const formats::Format format = format_of(options.output);
  const bool same_format = formats::format_named(options.model.string()) == format;
  if (outcome.search.chosen == 0 && same_format &&
      outcome.original_bytes == std::int64_t(bytes.size())) {
    write_file(options.output, [&](const ByteSink& sink) { sink(bytes); });
    return;
  }
  const Configuration& chosen = outcome.chosen().configuration;
  if (format == formats::Format::tflite) {
    return write_file(options.output, *evaluator.tflite_version(chosen).bytes);
  }
  const ir::Graph version = evaluator.version(chosen);
  if (format == formats::Format::onnx) {
    return formats::save_onnx(version, options.output, file_options(evaluator.file_info(chosen)));
  }
  formats::ModelInfo info = formats::model_info(options.model);
  runtime::SavedChoices choices = saved_choices(chosen);
  choices.machine = outcome.environment.cpu;
  runtime::save_choices(info.metadata, choices);
  formats::set_command(info, options.command);
  formats::save_container(version, options.output, info);
}

void write_reports(const OptimizeOptions& options, const OptimizeOutcome& outcome) {
  if (!options.front.empty()) {
    const nlohmann::json document = front_document(options, outcome);
    write_file(options.front,
               document.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  }
  if (!options.report.empty()) {
    write_file(options.report, report::render_optimize_report(optimize_document(options, outcome)));
  }
}

void check(const OptimizeOptions& options) {
  if (!(options.max_drop >= 0 && options.max_drop <= 1)) {
    fail(ErrorCode::usage, "most drop of accuracy: {} given, a fraction from 0 to 1 expected",
         options.max_drop);
  }
  if (!(options.search_share > 0 && options.search_share < 1)) {
    fail(ErrorCode::usage,
         "share of the records for the search: {} given, more than 0 and less than 1 expected",
         options.search_share);
  }
}

class Stopwatch {
 public:
  double seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// The main job, part by part.
class Job {
 public:
  Job(const OptimizeOptions& options, const data::Dataset& dataset,
      const std::function<bool()>& interrupted, const OptimizeObserver& observer)
      : options_(options), dataset_(dataset), interrupted_(interrupted), observer_(observer) {}

  OptimizeOutcome run(ir::Graph graph) {
    const MappedFile file = MappedFile::open(options_.model);
    outcome_.original_bytes = size_of_model(graph, file.bytes().size());
    outcome_.original_hash =
        hash_text({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});
    split();
    ModelEvaluatorOptions evaluator_options;
    evaluator_options.race_s = options_.race_s;
    evaluator_options.memory_budget = options_.memory_budget;
    evaluator_options.format = format_of(options_.output);
    ModelEvaluator evaluator(std::move(graph), outcome_.original_bytes, dataset_, split_.search,
                             evaluator_options);
    expect_form(evaluator);
    outcome_.measure = evaluator.measure_of_quality().name();
    outcome_.environment = this_environment(evaluator_options.target.isa);
    take_records(evaluator);
    search(evaluator);
    if (outcome_.delivered()) {
      judge(evaluator);
      outcome_.interrupted = is_interrupted();
      tell_stage("timing the layers of the chosen version");
      outcome_.layers = describe_layers(evaluator, outcome_.search, layer_seconds());
      tell_slow_integers();
      tell_unsaid();
      write_model(options_, outcome_, evaluator, file);
      write_reports(options_, outcome_);
    }
    outcome_.interrupted |= outcome_.search.ended == Ended::interrupted;
    return std::move(outcome_);
  }

 private:
  bool is_interrupted() const { return interrupted_ && interrupted_(); }
  void tell_stage(std::string_view what) const {
    if (observer_.search.stage) observer_.search.stage(what);
  }
  bool is_late() const {
    return is_interrupted() || (options_.time_s && watch_.seconds() > *options_.time_s);
  }
  double layer_seconds() const {
    if (is_interrupted()) return hasty_layer_times_s;
    if (!options_.time_s) return layer_times_s;
    return std::clamp(*options_.time_s - watch_.seconds(), hasty_layer_times_s, layer_times_s);
  }
  void warn(const eval::Warning& warning) {
    outcome_.warnings.push_back(warning);
    if (observer_.warned) observer_.warned(warning);
  }

  /// Before the search: a model that the format has no form for has no version either.
  void expect_form(const ModelEvaluator& evaluator) const {
    if (format_of(options_.output) != formats::Format::tflite) return;
    with_context([&] { return fmt::format("writing {}", options_.output.string()); },
                 [&] { evaluator.tflite_version({}); });
  }

  void split() {
    split_ = data::split_dataset(dataset_, options_.search_share, options_.seed);
    if (split_.search.empty() || split_.verdict.empty()) {
      fail(ErrorCode::usage,
           "{} records make {} to search with and {} for the verdict; both need some",
           dataset_.size(), split_.search.size(), split_.verdict.size());
    }
  }

  /// So many that the time suffices; says what to expect of them.
  void take_records(ModelEvaluator& evaluator) {
    if (options_.time_s) {
      const double limit = *options_.time_s;
      tell_stage("finding out how many records fit the time");
      const double per_record = evaluator.seconds_per_record(interrupted_);
      evaluator.keep_records(
          affordable_records(candidate_share * limit, per_record, least_search_records));
      split_.verdict =
          spread(split_.verdict,
                 affordable_records(verdict_share * limit / 2, per_record, least_verdict_records));
      const double verdict_s = 2 * per_record * double(split_.verdict.size());
      rest_s_ = std::clamp(1.25 * verdict_s, least_rest * limit, most_rest * limit);
    }
    outcome_.records = {evaluator.layers().size(), evaluator.records(), split_.verdict.size(),
                        std::size_t(dataset_.size()) - evaluator.records() - split_.verdict.size()};
    if (observer_.started) observer_.started(outcome_.records);
    for (const eval::Warning& warning : eval::data_warnings(dataset_)) warn(warning);
    if (const auto warning =
            eval::count_warning(std::int64_t(split_.verdict.size()), options_.max_drop)) {
      warn(*warning);
    }
  }

  void search(ModelEvaluator& evaluator) {
    SearchOptions search;
    search.limits.max_drop = options_.max_drop;
    if (options_.time_s) {
      search.time_s = std::max(0.0, *options_.time_s - rest_s_ - watch_.seconds());
    }
    search.strategy = options_.strategy;
    search.interrupted = interrupted_;
    SearchObserver observer = observer_.search;
    observer.measured = [&](const Candidate& candidate, bool on_front) {
      if (observer_.search.measured) observer_.search.measured(candidate, on_front);
      if (candidate.id != 0 || !evaluator.measure_of_quality().by_labels()) return;
      const data::Accuracy accuracy{candidate.measured.correct, candidate.measured.count};
      if (const auto warning = eval::chance_warning(accuracy, evaluator.classes())) warn(*warning);
    };
    outcome_.search =
        search_versions(evaluator.space(options_.threads), evaluator, search, observer);
    if (!outcome_.delivered()) return;
    if (const auto warning = noise_warning(outcome_.chosen().measured.ratio)) warn(*warning);
  }

  /// Integers need not be faster than floats: then the smaller file is all that speaks for them.
  void tell_slow_integers() {
    std::string layers;
    for (const LayerInfo& layer : outcome_.layers) {
      if (!layer.integers_lose) continue;
      layers += fmt::format("{}{} ({:.2f} times)", layers.empty() ? "" : ", ", layer.name,
                            layer.seconds / layer.float_seconds);
    }
    if (layers.empty()) return;
    warn({"slow_integers", "on this machine integers take longer than floats would in: " + layers +
                               "; the version is chosen for its size and time as a whole"});
  }

  void tell_unsaid() {
    const runtime::SavedChoices choices = saved_choices(outcome_.chosen().configuration);
    if (auto warning = unsaid_warning(choices, format_of(options_.output))) {
      warning->text += "; the latency stated is with them";
      warn(*warning);
    }
  }

  void judge(ModelEvaluator& evaluator) {
    if (observer_.judging) observer_.judging(split_.verdict.size());
    const Stopwatch here;
    outcome_.verdict = evaluator.judge(outcome_.chosen().configuration, split_.verdict, [&] {
      return here.seconds() > verdict_grace_s && is_late();
    });
    outcome_.holds = within_drop(outcome_.verdict.drop.drop, options_.max_drop);
  }

  const OptimizeOptions& options_;
  const data::Dataset& dataset_;
  const std::function<bool()>& interrupted_;
  const OptimizeObserver& observer_;
  Stopwatch watch_;
  data::Split split_;
  double rest_s_ = 0;  // of the time limit, for what comes after the search
  OptimizeOutcome outcome_;
};

}  // namespace

OptimizeOutcome optimize_model(const OptimizeOptions& options, ir::Graph graph,
                               const data::Dataset& dataset,
                               const std::function<bool()>& interrupted,
                               const OptimizeObserver& observer) {
  check(options);
  return Job(options, dataset, interrupted, observer).run(std::move(graph));
}

}  // namespace strata::study
