#include "strata/study/optimizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>

#include "strata/base/error.hpp"
#include "strata/search/strategy.hpp"
#include "strata/study/knobs.hpp"

namespace strata::study {
namespace {

constexpr std::size_t accuracy_index = 0, latency_index = 1, bytes_index = 2;

// Shares of the time limit: when the search for encodings ends, and when all searching ends. What
// is left confirms the outcome.
constexpr double encodings_until = 0.6;
constexpr double search_until = 0.85;
// An exhaustive search that is expected to take longer than this share is not begun.
constexpr double affordable = 0.5;
// Without a time limit, that many candidates are affordable.
constexpr std::uint64_t affordable_count = 1000;
/// How much longer the chosen candidate is measured once more.
constexpr double confirm_effort = 5;
constexpr int most_confirmations = 5;

/// A run of one strategy over some of the knobs.
struct Stage {
  std::string phase;  ///< empty: what the strategy says
  std::string strategy;
  std::vector<Knob> knobs;
  Configuration base;
  std::size_t target = bytes_index;
  double until = search_until;  ///< share of the time limit
};

class Search {
 public:
  Search(const SearchSpace& space, Evaluator& evaluator, const SearchOptions& options,
         const SearchObserver& observer)
      : space_(space),
        evaluator_(evaluator),
        options_(options),
        observer_(observer),
        front_(objectives()) {}

  SearchResult run() {
    measure_default();
    plan();
    if (result_.strategy == "exhaustive") {
      search_everything();
    } else {
      search_in_stages();
    }
    confirm();
    finish();
    return std::move(result_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  double elapsed() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  bool interrupted() const { return options_.interrupted && options_.interrupted(); }
  bool out_of_time(double share) const {
    return options_.time_s && elapsed() > share * *options_.time_s;
  }
  const Candidate& default_candidate() const { return result_.candidates.front(); }
  const Candidate& best() const {
    const Candidate* chosen = choose(result_.candidates);
    return chosen ? *chosen : default_candidate();
  }

  void measure_default() {
    const auto measured = evaluator_.measure({}, 1, {});
    STRATA_ASSERT(measured.has_value());
    if (measured->failed()) fail(ErrorCode::unsupported, "{}", measured->failure);
    cost_s_ = elapsed();
    add({}, *measured, "base");
    result_.candidates.front().rejected.clear();  // the default is what the limits refer to
  }

  const Candidate& add(const Configuration& configuration, const Measured& measured,
                       std::string_view phase) {
    Candidate candidate;
    candidate.id = int(result_.candidates.size());
    candidate.name = candidate.id == 0 ? "float" : short_name(configuration, space_.layers.size());
    candidate.phase = phase;
    candidate.configuration = configuration;
    candidate.measured = measured;
    candidate.rejected = reason_against(measured, options_.limits);
    candidate.at_s = elapsed();
    by_configuration_[configuration] = result_.candidates.size();
    result_.candidates.push_back(std::move(candidate));
    const Candidate& added = result_.candidates.back();
    bool on_front = false;
    if (!measured.failed()) {
      front_.insert(std::size_t(added.id), objective_values(measured, options_.limits));
      on_front = front_.contains(std::size_t(added.id));
    }
    if (observer_.measured) observer_.measured(added, on_front);
    return added;
  }

  std::vector<Knob> all_knobs(bool kernels) {
    std::vector<Knob> knobs = encoding_knobs(space_);
    std::ranges::move(execution_knobs(space_, {}), std::back_inserter(knobs));
    if (kernels) std::ranges::move(kernel_knobs(kernel_rows({})), std::back_inserter(knobs));
    return knobs;
  }

  const std::vector<tune::NodeRows>& kernel_rows(const Configuration& configuration) {
    if (!kernel_rows_ || kernels_of_ != configuration) {
      kernel_rows_ = evaluator_.kernels(configuration);
      kernels_of_ = configuration;
    }
    return *kernel_rows_;
  }

  void plan() {
    const std::optional<std::uint64_t> all = space_of(all_knobs(true)).count();
    const bool exhaustive = options_.strategy == "exhaustive" ||
                            (options_.strategy == "auto" && all && is_affordable(*all));
    if (options_.strategy != "auto" && options_.strategy != "exhaustive" &&
        options_.strategy != "staged") {
      fail(ErrorCode::usage, "search strategy '{}', expected auto, staged or exhaustive",
           options_.strategy);
    }
    result_.strategy = exhaustive ? "exhaustive" : "staged";
    const std::uint64_t count =
        exhaustive ? all.value_or(std::numeric_limits<std::uint64_t>::max()) : staged_count();
    if (observer_.planned) observer_.planned({count, double(count) * cost_s_, result_.strategy});
  }

  bool is_affordable(std::uint64_t count) const {
    return options_.time_s ? double(count) * cost_s_ <= affordable * *options_.time_s
                           : count <= affordable_count;
  }

  std::uint64_t staged_count() {
    const auto total = [&](std::string_view strategy, const std::vector<Knob>& knobs) {
      return search::make_strategy(strategy, space_of(knobs), strategy_options(bytes_index))
                 ->total() -
             1;
    };
    return 1 + total("exhaustive", uniform_encoding_knob(space_)) +
           total("greedy_by_sensitivity", encoding_knobs(space_)) +
           total("exhaustive_per_parameter", execution_knobs(space_, {})) +
           total("exhaustive_per_parameter", kernel_knobs(kernel_rows({})));
  }

  void search_everything() {
    run_stage({"", "exhaustive", all_knobs(true), {}, bytes_index, search_until});
  }

  void search_in_stages() {
    run_stage(
        {"uniform", "exhaustive", uniform_encoding_knob(space_), {}, bytes_index, encodings_until});
    run_stage(
        {"", "greedy_by_sensitivity", encoding_knobs(space_), {}, bytes_index, encodings_until});
    Configuration base = best().configuration;
    run_stage({"execution", "exhaustive_per_parameter", execution_knobs(space_, base), base,
               latency_index, search_until});
    base = best().configuration;
    if (stopped(search_until)) return;
    run_stage({"kernels", "exhaustive_per_parameter", kernel_knobs(kernel_rows(base)), base,
               latency_index, search_until});
  }

  /// The limits as a fourth objective, so that strategies need not know how drops are judged.
  static search::StrategyOptions strategy_options(std::size_t target) {
    search::StrategyOptions options;
    options.objectives = objectives();
    options.objectives.push_back({"within limits", search::Direction::maximise});
    options.target = target;
    options.guarded = accuracy_index;
    options.acceptable = [](const search::Measurement& m) { return m.values.back() == 1; };
    return options;
  }

  /// Whether to stop at this share of the time limit; notes why.
  bool stopped(double until) {
    if (interrupted()) {
      result_.ended = Ended::interrupted;
      return true;
    }
    if (!out_of_time(until)) return false;
    if (result_.ended == Ended::complete) result_.ended = Ended::time;
    return true;
  }

  void run_stage(const Stage& stage) {
    if (stage.knobs.empty()) return;
    const auto strategy = search::make_strategy(stage.strategy, space_of(stage.knobs),
                                                strategy_options(stage.target));
    std::optional<std::size_t> fastest;  // candidate
    while (!stopped(stage.until)) {
      const auto point = strategy->next();
      if (!point) return;
      const auto index = measure(apply(stage.knobs, *point, stage.base),
                                 stage.phase.empty() ? strategy->phase() : stage.phase);
      if (!index) continue;  // interrupted meanwhile
      strategy->tell(*point, told(*index, fastest));
    }
  }

  /// Index of the candidate, measured now unless it was before; nothing if interrupted.
  std::optional<std::size_t> measure(const Configuration& configuration, std::string_view phase) {
    if (const auto known = by_configuration_.find(configuration);
        known != by_configuration_.end()) {
      return known->second;
    }
    const auto measured = evaluator_.measure(configuration, 1, options_.interrupted);
    if (!measured) return std::nullopt;
    add(configuration, *measured, phase);
    return result_.candidates.size() - 1;
  }

  /// What a strategy hears of a candidate. Only what is clearly faster than the fastest so far
  /// counts as faster, or the luckiest of many equal measurements would win.
  search::Measurement told(std::size_t index, std::optional<std::size_t>& fastest) const {
    const Candidate& candidate = result_.candidates[index];
    if (candidate.measured.failed()) return {};
    std::vector<double> values = objective_values(candidate.measured, options_.limits);
    values[latency_index] = candidate.measured.ratio.median;
    const bool within = candidate.rejected.empty();
    if (!fastest) {
      fastest = index;
    } else {
      const Measured& best_yet = result_.candidates[*fastest].measured;
      if (within && clearly_faster(candidate.measured, best_yet)) {
        fastest = index;
      } else {
        values[latency_index] = std::max(values[latency_index], best_yet.ratio.median);
      }
    }
    values.push_back(within ? 1 : 0);
    return {std::move(values)};
  }

  /// The winner of many noisy measurements owes a part to luck: it is measured once more, longer,
  /// and the next one takes its place if it does not hold. Pinned kernels must win against the
  /// runtime's own choice in such a measurement too.
  void confirm() {
    for (int i = 0; i < most_confirmations && !interrupted(); ++i) {
      const std::size_t chosen = std::size_t(best().id);
      if (chosen == 0 || confirmed_.contains(chosen)) return;
      Configuration unpinned = result_.candidates[chosen].configuration;
      unpinned.kernels.clear();
      const auto rival = by_configuration_.find(unpinned);
      if (rival != by_configuration_.end() && rival->second != 0) confirm(rival->second);
      confirm(chosen);
    }
  }

  void confirm(std::size_t index) {
    if (!confirmed_.insert(index).second) return;
    Candidate& candidate = result_.candidates[index];
    const auto again =
        evaluator_.measure(candidate.configuration, confirm_effort, options_.interrupted);
    if (!again) return;
    candidate.measured = *again;
    candidate.rejected = reason_against(*again, options_.limits);
    if (!candidate.rejected.empty()) candidate.rejected += " (measured again)";
  }

  void finish() {
    result_.chosen = best().id;
    result_.reason = explain(best());
    // Anew, as confirmed values replaced earlier ones.
    search::ParetoFront front(objectives());
    for (const Candidate& candidate : result_.candidates) {
      if (candidate.measured.failed()) continue;
      front.insert(std::size_t(candidate.id),
                   objective_values(candidate.measured, options_.limits));
    }
    for (const search::FrontPoint& point : front.points()) result_.front.push_back(int(point.id));
    if (interrupted()) result_.ended = Ended::interrupted;
    result_.elapsed_s = elapsed();
  }

  std::string explain(const Candidate& chosen) const {
    const auto eligible = std::ranges::count_if(
        result_.candidates, [](const Candidate& c) { return c.rejected.empty(); });
    const std::string limits = fmt::format(
        "accuracy within {:.2f} points of the float default on the search records and "
        "not slower",
        100 * options_.limits.max_drop);
    if (chosen.id == 0) {
      return fmt::format(
          "None of {} candidates is smaller or faster and within the limits ({}): "
          "the model stays as it is.",
          result_.candidates.size() - 1, limits);
    }
    const Measured& measured = chosen.measured;
    const Measured& original = default_candidate().measured;
    return fmt::format(
        "{} of {} candidates are within the limits ({}). Of these, this one has the smallest file: "
        "{:.3f} of the original's bytes, at {:.3f} of its latency.",
        eligible, result_.candidates.size(), limits,
        double(measured.file_bytes) / double(original.file_bytes), measured.ratio.median);
  }

  const SearchSpace& space_;
  Evaluator& evaluator_;
  const SearchOptions& options_;
  const SearchObserver& observer_;
  Clock::time_point start_ = Clock::now();
  double cost_s_ = 0;  // of one candidate, measured on the default
  SearchResult result_;
  search::ParetoFront front_;
  std::map<Configuration, std::size_t> by_configuration_;
  std::set<std::size_t> confirmed_;
  std::optional<std::vector<tune::NodeRows>> kernel_rows_;
  Configuration kernels_of_;
};

}  // namespace

SearchResult search_versions(const SearchSpace& space, Evaluator& evaluator,
                             const SearchOptions& options, const SearchObserver& observer) {
  return Search(space, evaluator, options, observer).run();
}

}  // namespace strata::study
