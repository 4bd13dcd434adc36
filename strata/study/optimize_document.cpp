#include "strata/study/optimize_document.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "strata/study/static_versions.hpp"
#include "strata/tensor/encoding.hpp"

namespace strata::study {
namespace {

using nlohmann::json;

json estimate(double value, double low, double high) {
  return {{"value", value}, {"low", low}, {"high", high}};
}
json estimate(const data::Accuracy& accuracy) {
  const data::Interval interval = accuracy.interval();
  return estimate(accuracy.value(), interval.low, interval.high);
}
json estimate(const tune::Timing& timing) {
  return estimate(timing.median, timing.low, timing.high);
}

std::string_view to_string(Ended ended) {
  switch (ended) {
    case Ended::complete:
      return "complete";
    case Ended::time:
      return "time";
    case Ended::interrupted:
      break;
  }
  return "interrupted";
}

std::string_view status_of(const Candidate& candidate) {
  if (candidate.measured.failed()) return "failed";
  return candidate.rejected.empty() ? "kept" : "rejected";
}

json candidate_document(const Candidate& candidate, const SearchResult& result) {
  json document = {{"id", candidate.id},
                   {"name", candidate.name},
                   {"phase", candidate.phase},
                   {"changes", changes(candidate.configuration)},
                   {"status", status_of(candidate)},
                   {"at_s", candidate.at_s},
                   {"threads", saved_choices(candidate.configuration).threads},
                   {"confirmed", candidate.confirmed},
                   {"front", std::ranges::count(result.front, candidate.id) != 0}};
  if (!candidate.rejected.empty()) document["note"] = candidate.rejected;
  const Measured& measured = candidate.measured;
  if (measured.failed()) return document;
  document["accuracy"] = estimate(data::Accuracy{measured.correct, measured.count});
  document["lost"] = measured.lost;
  document["gained"] = measured.gained;
  document["latency_s"] = estimate(measured.latency);
  document["latency_ratio"] = estimate(measured.ratio);
  document["file_bytes"] = measured.file_bytes;
  document["peak_bytes"] = measured.peak_bytes;
  return document;
}

json layer_document(const LayerInfo& layer) {
  json document = {{"name", layer.name},       {"op", layer.op},          {"source", layer.sources},
                   {"variant", layer.row},     {"time_s", layer.seconds}, {"macs", layer.macs},
                   {"rejected", json::array()}};
  if (!layer.output.empty()) document["output"] = layer.output;
  if (!layer.encoding.empty()) document["encoding"] = layer.encoding;
  if (layer.float_seconds > 0) document["float_time_s"] = layer.float_seconds;
  if (layer.weight_bytes) document["weight_bytes"] = layer.weight_bytes;
  for (const OtherRow& other : layer.others) {
    document["rejected"].push_back({{"variant", other.row}, {"reason", other.reason}});
  }
  return document;
}

json environment_document(const Environment& environment, int threads) {
  return {{"device", device_document(environment)},
          {"threads", threads},
          {"versions", {{"strata", environment.strata}, {"compiler", environment.compiler}}}};
}

json options_document(const OptimizeOptions& options, const OptimizeOutcome& outcome) {
  json encodings = json::array();
  for (const Encoding* encoding : all_encodings()) {
    if (encoding->searched) encodings.push_back(encoding->name);
  }
  for (const StaticScheme& scheme : static_schemes()) encodings.push_back(scheme.name);
  return {{"max_drop", options.max_drop},
          {"time_s", options.time_s ? json(*options.time_s) : json()},
          {"memory_budget", options.memory_budget ? json(*options.memory_budget) : json()},
          {"strategy", outcome.search.strategy},
          {"most_threads", options.threads},
          {"seed", options.seed},
          {"search_share", options.search_share},
          {"latency_tolerance", Limits().latency_tolerance},
          {"race_s", options.race_s},
          {"encodings", std::move(encodings)}};
}

json verdict_document(const OptimizeOutcome& outcome) {
  const Verdict& verdict = outcome.verdict;
  std::string reason = outcome.search.reason;
  if (!outcome.holds) {
    reason += " The held-out records do not confirm it: there the accuracy falls by more.";
  }
  if (!verdict.complete) {
    reason += fmt::format(" The verdict had to end early and stands on {} of {} records.",
                          verdict.drop.count, outcome.records.verdict_records);
  }
  return {
      {"baseline", 0},
      {"chosen", outcome.search.chosen},
      {"reason", std::move(reason)},
      {"accuracy_baseline", estimate(verdict.original)},
      {"accuracy_chosen", estimate(verdict.chosen)},
      {"drop", estimate(verdict.drop.drop, verdict.drop.interval.low, verdict.drop.interval.high)},
      {"lost", verdict.drop.lost},
      {"gained", verdict.drop.gained},
      {"agreement", verdict.agreement},
      {"complete", verdict.complete},
      {"confirmed", outcome.chosen().confirmed},
      {"holds", outcome.holds}};
}

json warnings_document(const OptimizeOutcome& outcome) {
  json warnings = json::array();
  for (const eval::Warning& warning : outcome.warnings) {
    warnings.push_back({{"kind", warning.kind}, {"text", warning.text}});
  }
  return warnings;
}

json clocks_document() {
  return {{"accuracy", "exact"},   {"latency", "wall"},     {"layer_time", "wall"},
          {"file_bytes", "exact"}, {"peak_bytes", "exact"}, {"macs", "exact"}};
}

json model_document(const OptimizeOptions& options, const OptimizeOutcome& outcome) {
  return {{"name", options.model.filename().string()},
          {"bytes", outcome.original_bytes},
          {"hash", outcome.original_hash}};
}

}  // namespace

json optimize_document(const OptimizeOptions& options, const OptimizeOutcome& outcome) {
  json candidates = json::array();
  for (const Candidate& candidate : outcome.search.candidates) {
    candidates.push_back(candidate_document(candidate, outcome.search));
  }
  json layers = json::array();
  for (const LayerInfo& layer : outcome.layers) layers.push_back(layer_document(layer));
  return {
      {"schema", "strata.optimize/1"},
      {"created", utc_now()},
      {"command", options.command},
      {"model", model_document(options, outcome)},
      {"output", {{"path", options.output.string()}}},
      {"data",
       {{"name", options.data_name},
        {"metric", outcome.measure},
        {"search_count", outcome.records.search_records},
        {"verdict_count", outcome.verdict.drop.count}}},
      {"limits",
       {{"max_drop", options.max_drop},
        {"time_s", options.time_s ? json(*options.time_s) : json()},
        {"memory_bytes", options.memory_budget ? json(*options.memory_budget) : json()}}},
      {"ended", to_string(outcome.search.ended)},
      {"interrupted", outcome.interrupted},
      {"warnings", warnings_document(outcome)},
      {"elapsed_s", outcome.search.elapsed_s},
      {"verdict", verdict_document(outcome)},
      {"candidates", std::move(candidates)},
      {"layers", std::move(layers)},
      {"environment", environment_document(outcome.environment,
                                           saved_choices(outcome.chosen().configuration).threads)},
      {"options", options_document(options, outcome)},
      {"clocks", clocks_document()}};
}

json front_document(const OptimizeOptions& options, const OptimizeOutcome& outcome) {
  json members = json::array();
  const auto add = [&](const Candidate& candidate) {
    json document = candidate_document(candidate, outcome.search);
    const Configuration& configuration = candidate.configuration;
    const runtime::SavedChoices choices = saved_choices(configuration);
    document["configuration"] = {{"encodings", configuration.encodings},
                                 {"kernels", configuration.kernels},
                                 {"threads", choices.threads},
                                 {"precision", to_string(choices.precision)},
                                 {"off", choices.off}};
    members.push_back(std::move(document));
  };
  for (const int id : outcome.search.front) add(outcome.search.candidates[std::size_t(id)]);
  // The default and the chosen one are always there, to compare with.
  for (const int id : {0, outcome.search.chosen}) {
    const bool listed =
        std::ranges::any_of(members, [&](const json& member) { return member.at("id") == id; });
    if (!listed) add(outcome.search.candidates[std::size_t(id)]);
  }
  return {{"schema", "strata.front/1"},
          {"created", utc_now()},
          {"command", options.command},
          {"model", model_document(options, outcome)},
          {"output", options.output.string()},
          {"objectives", {"accuracy", "latency_ratio", "file_bytes"}},
          {"verdict", verdict_document(outcome)},
          {"ended", to_string(outcome.search.ended)},
          {"interrupted", outcome.interrupted},
          {"warnings", warnings_document(outcome)},
          {"clocks", clocks_document()},
          {"device", outcome.environment.fingerprint},
          {"candidates", std::move(members)}};
}

}  // namespace strata::study
