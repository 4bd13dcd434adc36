#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "strata/data/dataset.hpp"
#include "strata/eval/warnings.hpp"
#include "strata/study/environment.hpp"
#include "strata/study/layers.hpp"

namespace strata::study {

/// The main job: a model and data in, the best version and its reports out. Without labels, what
/// counts is agreement with the model as given.
struct OptimizeOptions {
  std::filesystem::path model;
  std::string data_name;  ///< as the user named the data
  std::filesystem::path output;
  std::filesystem::path report;  ///< HTML; empty: none
  std::filesystem::path front;   ///< JSON; empty: none
  double max_drop = 0.01;
  std::optional<double> time_s;              ///< for everything, verdict included
  std::optional<std::size_t> memory_budget;  ///< most bytes of the arena of one inference
  int threads = 1;                           ///< most threads of one inference
  std::uint64_t seed = 1;                    ///< splits the data
  double search_share = 0.4;                 ///< of the records; the rest give the verdict
  std::string strategy = "auto";
  double race_s = 0.1;  ///< see ModelEvaluatorOptions
  std::string command;  ///< that repeats this, for the report
};

/// What the job starts with, for those who wait.
struct OptimizeStart {
  std::size_t layers = 0;
  std::size_t search_records = 0;
  std::size_t verdict_records = 0;
  std::size_t unused_records = 0;  ///< too many for the time limit
};

struct OptimizeObserver {
  std::function<void(const OptimizeStart&)> started;
  std::function<void(const eval::Warning&)> warned;  ///< as soon as it is known
  SearchObserver search;
  std::function<void(std::size_t records)> judging;  ///< before the verdict
};

/// All that is known in the end; what the report shows.
struct OptimizeOutcome {
  SearchResult search;
  Verdict verdict;
  std::vector<LayerInfo> layers;
  Environment environment;
  OptimizeStart records;
  std::string measure;  ///< "top-1", see eval::Measure
  std::int64_t original_bytes = 0;
  std::string original_hash;
  std::vector<eval::Warning> warnings;
  /// The held-out records confirm what the search records promised.
  bool holds = false;
  bool interrupted = false;

  /// False if it was interrupted before anything was measured: then nothing is written.
  bool delivered() const { return !search.candidates.empty(); }
  const Candidate& chosen() const { return search.candidates[std::size_t(search.chosen)]; }
  const Candidate& original() const { return search.candidates.front(); }
};

/// Searches, judges the outcome once on the records that the search never saw, and writes the
/// files, each atomically. `graph` is the model as loaded from options.model. `interrupted`, asked
/// by several threads but one at a time, ends it early, within seconds; what is known by then is
/// delivered all the same. Throws unsupported if no version fits the memory budget.
OptimizeOutcome optimize_model(const OptimizeOptions& options, ir::Graph graph,
                               const data::Dataset& dataset,
                               const std::function<bool()>& interrupted = {},
                               const OptimizeObserver& observer = {});

}  // namespace strata::study
