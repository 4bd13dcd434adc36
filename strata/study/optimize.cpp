#include "strata/study/optimize.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/data/split.hpp"
#include "strata/formats/save.hpp"
#include "strata/report/html.hpp"
#include "strata/study/optimize_document.hpp"

namespace strata::study {
namespace {

// With a time limit: the share of it that judging one candidate may take, and that the verdict
// may; but never fewer records than these, as far as there are.
constexpr double candidate_share = 0.02;
constexpr double verdict_share = 0.05;
constexpr std::size_t least_search_records = 100;
constexpr std::size_t least_verdict_records = 200;

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

/// The default version is the user's file, byte for byte, where that is one ONNX file.
void write_model(const OptimizeOptions& options, const OptimizeOutcome& outcome,
                 const ModelEvaluator& evaluator, const MappedFile& original) {
  const auto bytes = original.bytes();
  if (outcome.search.chosen == 0 && options.model.extension() == ".onnx" &&
      outcome.original_bytes == std::int64_t(bytes.size())) {
    write_file(options.output, [&](const ByteSink& sink) { sink(bytes); });
  } else {
    formats::save_onnx(evaluator.version(outcome.chosen().configuration), options.output);
  }
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

}  // namespace

OptimizeOutcome optimize_model(const OptimizeOptions& options, ir::Graph graph,
                               const data::Dataset& dataset,
                               const std::function<bool()>& interrupted,
                               const OptimizeObserver& observer) {
  check(options);
  const MappedFile file = MappedFile::open(options.model);
  OptimizeOutcome outcome;
  outcome.original_bytes = size_of_model(graph, file.bytes().size());
  outcome.original_hash =
      hash_text({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()});

  data::Split split = data::split_dataset(dataset, options.search_share, options.seed);
  if (split.search.empty() || split.verdict.empty()) {
    fail(ErrorCode::usage,
         "{} records make {} to search with and {} for the verdict; both need some", dataset.size(),
         split.search.size(), split.verdict.size());
  }
  ModelEvaluatorOptions evaluator_options;
  evaluator_options.race_s = options.race_s;
  ModelEvaluator evaluator(std::move(graph), outcome.original_bytes, dataset, split.search,
                           evaluator_options);
  outcome.environment = this_environment(evaluator_options.target.isa);
  if (options.time_s) {
    const double per_record = evaluator.seconds_per_record();
    evaluator.keep_records(
        affordable_records(candidate_share * *options.time_s, per_record, least_search_records));
    split.verdict = spread(split.verdict, affordable_records(verdict_share * *options.time_s,
                                                             per_record, least_verdict_records));
  }
  outcome.records = {evaluator.layers().size(), evaluator.records(), split.verdict.size(),
                     std::size_t(dataset.size()) - evaluator.records() - split.verdict.size()};
  if (observer.started) observer.started(outcome.records);

  SearchOptions search;
  search.limits.max_drop = options.max_drop;
  search.time_s = options.time_s;
  search.strategy = options.strategy;
  search.interrupted = interrupted;
  outcome.search =
      search_versions(evaluator.space(options.threads), evaluator, search, observer.search);
  // An interrupted search still gets its verdict; that takes two passes over the held-out records.
  outcome.verdict = evaluator.judge(outcome.chosen().configuration, split.verdict, {});
  outcome.holds = outcome.verdict.drop.drop <= options.max_drop + 1e-9;
  outcome.layers = describe_layers(evaluator, outcome.search);
  write_model(options, outcome, evaluator, file);
  write_reports(options, outcome);
  return outcome;
}

}  // namespace strata::study
