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

constexpr std::size_t accuracy_index = 0, latency_index = 1, bytes_index = 2, memory_index = 3;

// Shares of the time limit: when the search for encodings ends, and when all searching ends. What
// is left confirms the outcome; where that takes longer, searching ends earlier, but not before the
// last of these.
constexpr double encodings_until = 0.6;
constexpr double search_until = 0.92;
constexpr double earliest_confirmation = 0.5;
// An exhaustive search that is expected to take longer than this share is not begun.
constexpr double affordable = 0.5;
// Without a time limit, that many candidates are affordable.
constexpr std::uint64_t affordable_count = 1000;
/// How much longer the chosen candidate is measured once more, and the least where time is short.
constexpr double confirm_effort = 5, least_confirm_effort = 2;
/// Once interrupted, confirming the outcome may take this long, or as long as two candidates.
constexpr double grace_s = 3;

/// A run of one strategy over some of the knobs.
struct Stage {
  std::string phase;  ///< empty: what the strategy says
  std::string strategy;
  std::vector<Knob> knobs;
  Configuration base;
  std::size_t target = bytes_index;
  double until = search_until;  ///< share of the time limit
  bool limits = true;           ///< whether only versions within the limits count
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
    if (!measure_default()) {
      result_.ended = Ended::interrupted;
      result_.reason = "Interrupted before the model as given was measured.";
      return std::move(result_);
    }
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
  double now() const {
    if (options_.clock) return options_.clock();
    const auto time = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(time).count();
  }
  double elapsed() const { return now() - start_s_; }
  bool interrupted() const { return options_.interrupted && options_.interrupted(); }
  /// Whether searching has to end that is to end at this share of the time limit.
  bool out_of_time(double share) const {
    if (!options_.time_s) return false;
    const double limit = *options_.time_s;
    const double winner_and_rival = 2 * least_confirm_effort * cost_s_;
    const double latest =
        std::clamp(limit - winner_and_rival, earliest_confirmation * limit, search_until * limit);
    return elapsed() > std::min(share * limit, latest);
  }
  const Candidate& default_candidate() const { return result_.candidates.front(); }
  bool default_fits() const { return default_candidate().rejected.empty(); }
  const Candidate& best() const {
    const Candidate* chosen = choose(result_.candidates).best;
    return chosen ? *chosen : default_candidate();
  }

  void tell_stage(std::string_view what) const {
    if (observer_.stage) observer_.stage(what);
  }

  /// False if interrupted.
  bool measure_default() {
    tell_stage("measuring the model as given");
    const auto measured = evaluator_.measure({}, 1, options_.interrupted);
    if (!measured) return false;
    if (measured->failed()) fail(ErrorCode::unsupported, "{}", measured->failure);
    // The default is what the limits refer to; of these only the memory concerns itself.
    limits_.may_be_slower = !measured->over_budget.empty();
    add({}, *measured, "base");
    result_.candidates.front().rejected = measured->over_budget;
    result_.candidates.front().confirmed = true;
    return true;
  }

  const Candidate& add(const Configuration& configuration, const Measured& measured,
                       std::string_view phase) {
    Candidate candidate;
    candidate.id = int(result_.candidates.size());
    candidate.name =
        candidate.id == 0 ? "as given" : short_name(configuration, space_.layers.size());
    candidate.phase = phase;
    candidate.configuration = configuration;
    candidate.measured = measured;
    candidate.rejected = reason_against(measured, limits_);
    candidate.at_s = elapsed();
    const double count = double(result_.candidates.size());
    cost_s_ = (cost_s_ * count + candidate.at_s - last_at_s_) / (count + 1);
    last_at_s_ = candidate.at_s;
    by_configuration_[configuration] = result_.candidates.size();
    result_.candidates.push_back(std::move(candidate));
    const Candidate& added = result_.candidates.back();
    bool on_front = false;
    if (!measured.failed() && measured.over_budget.empty()) {
      front_.insert(std::size_t(added.id), objective_values(measured, limits_));
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
           (default_fits() ? 1 : 2) *
               total("exhaustive_per_parameter", kernel_knobs(kernel_rows({}))) +
           1;  // all kernels that win within the plan together
  }

  void search_everything() {
    run_stage({"", "exhaustive", all_knobs(true), {}, bytes_index, search_until});
    expect_fitting();
  }

  /// Versions that need less memory come first where the default does not fit.
  Configuration fitting_base() {
    if (default_fits()) return {};
    std::vector<Knob> knobs = execution_knobs(space_, {});
    std::ranges::move(kernel_knobs(kernel_rows({})), std::back_inserter(knobs));
    run_stage({"memory",
               "exhaustive_per_parameter",
               std::move(knobs),
               {},
               memory_index,
               encodings_until,
               false});
    return least_memory().configuration;
  }

  const Candidate& least_memory() const {
    const Candidate* least = &default_candidate();
    for (const Candidate& candidate : result_.candidates) {
      if (candidate.measured.failed() && candidate.measured.over_budget.empty()) continue;
      if (candidate.measured.peak_bytes < least->measured.peak_bytes) least = &candidate;
    }
    return *least;
  }

  void expect_fitting() const {
    if (best().rejected.empty()) return;
    const Candidate& least = least_memory();
    fail(ErrorCode::usage, "no version fits; of {} tried{}, {} needs least: {}",
         result_.candidates.size(), interrupted() ? " before the interrupt" : "", least.name,
         least.rejected);
  }

  void search_in_stages() {
    const Configuration start = fitting_base();
    run_stage({"uniform", "exhaustive", uniform_encoding_knob(space_), start, bytes_index,
               encodings_until});
    if (!default_fits()) expect_fitting();
    run_stage(
        {"", "greedy_by_sensitivity", encoding_knobs(space_), start, bytes_index, encodings_until});
    Configuration base = best().configuration;
    run_stage({"execution", "exhaustive_per_parameter", execution_knobs(space_, base), base,
               latency_index, search_until});
    base = best().configuration;
    if (stopped(search_until)) return;
    run_stage({"kernels", "exhaustive_per_parameter", timed_kernel_knobs(base), base, latency_index,
               search_until});
    base = best().configuration;
    if (stopped(search_until)) return;
    tell_stage("timing layers on integers against floats");
    const std::vector<std::string> slow = evaluator_.slow_integers(base, until(search_until));
    run_stage({"floats", "exhaustive_per_parameter", float_knobs(space_, slow), base, latency_index,
               search_until});
  }

  /// What measurements within the plan let expect something of: all of it together, then each
  /// alone.
  std::vector<Knob> timed_kernel_knobs(const Configuration& configuration) {
    tell_stage("timing the kernels that could run each node");
    const auto nodes = evaluator_.timed_kernels(configuration, until(search_until));
    std::vector<Knob> knobs = joint_kernel_knob(nodes);
    std::ranges::move(kernel_knobs(nodes), std::back_inserter(knobs));
    return knobs;
  }

  Evaluator::Stopped until(double share) const {
    return [this, share] { return interrupted() || out_of_time(share); };
  }

  /// The limits as a last objective, so that strategies need not know how drops are judged.
  static search::StrategyOptions strategy_options(std::size_t target, bool limits = true) {
    search::StrategyOptions options;
    options.objectives = objectives();
    options.objectives.push_back({"memory bytes", search::Direction::minimise});
    options.objectives.push_back({"within limits", search::Direction::maximise});
    options.target = target;
    options.guarded = accuracy_index;
    if (limits) {
      options.acceptable = [](const search::Measurement& m) { return m.values.back() == 1; };
    }
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
                                                strategy_options(stage.target, stage.limits));
    std::optional<std::size_t> fastest;  // candidate
    while (!stopped(stage.until)) {
      const auto point = strategy->next();
      if (!point) return;
      const auto index =
          measure(apply(stage.knobs, *point, stage.base),
                  stage.phase.empty() ? strategy->phase() : stage.phase, stage.until);
      if (!index) continue;  // stopped meanwhile
      strategy->tell(*point, told(*index, fastest));
    }
  }

  /// Index of the candidate, measured now unless it was before; nothing if it had to stop.
  std::optional<std::size_t> measure(const Configuration& configuration, std::string_view phase,
                                     double until) {
    if (const auto known = by_configuration_.find(configuration);
        known != by_configuration_.end()) {
      return known->second;
    }
    const auto measured = evaluator_.measure(configuration, 1, this->until(until));
    if (!measured) return std::nullopt;
    add(configuration, *measured, phase);
    return result_.candidates.size() - 1;
  }

  /// What a strategy hears of a candidate. Only what is clearly faster than the fastest so far
  /// counts as faster, or the luckiest of many equal measurements would win.
  search::Measurement told(std::size_t index, std::optional<std::size_t>& fastest) const {
    const Candidate& candidate = result_.candidates[index];
    const bool too_large = !candidate.measured.over_budget.empty();
    if (candidate.measured.failed() && !too_large) return {};
    std::vector<double> values = objective_values(candidate.measured, limits_);
    values[latency_index] = candidate.measured.ratio.median;
    const bool within = candidate.rejected.empty();
    if (too_large) {
      values[latency_index] = std::numeric_limits<double>::max();  // never measured
    } else if (!fastest) {
      fastest = index;
    } else {
      const Measured& best_yet = result_.candidates[*fastest].measured;
      if (within && clearly_faster(candidate.measured, best_yet)) {
        fastest = index;
      } else {
        values[latency_index] = std::max(values[latency_index], best_yet.ratio.median);
      }
    }
    values.push_back(double(candidate.measured.peak_bytes));
    values.push_back(within ? 1 : 0);
    return {std::move(values)};
  }

  /// The winner of many noisy measurements owes a part to luck: it is measured once more, longer,
  /// and the next one takes its place if it does not hold. Pinned kernels must win against the
  /// runtime's own choice in such a measurement too.
  void confirm() {
    while (!must_deliver()) {
      const std::size_t chosen = std::size_t(best().id);
      if (result_.candidates[chosen].confirmed) return;
      Configuration unpinned = result_.candidates[chosen].configuration;
      unpinned.kernels.clear();
      const auto rival = by_configuration_.find(unpinned);
      if (rival != by_configuration_.end() && !measured_again_.contains(rival->second)) {
        confirm(rival->second);
      }
      confirm(chosen);
    }
  }

  void confirm(std::size_t index) {
    Candidate& candidate = result_.candidates[index];
    if (candidate.confirmed || must_deliver()) return;
    if (observer_.confirming) observer_.confirming(candidate);
    const auto again = evaluator_.measure(candidate.configuration, affordable_effort(),
                                          [&] { return must_deliver(); });
    if (!again) return;
    measured_again_.insert(index);
    candidate.measured = *again;
    candidate.rejected = reason_against(*again, limits_);
    candidate.confirmed = candidate.rejected.empty();
    if (!candidate.confirmed) candidate.rejected += " (measured again)";
  }

  /// Seconds left for confirming; infinity without limit or interrupt.
  double left() {
    double until = options_.time_s.value_or(std::numeric_limits<double>::infinity());
    if (interrupted()) {
      if (!grace_ends_s_) grace_ends_s_ = elapsed() + std::max(grace_s, 2 * cost_s_);
      until = std::min(until, *grace_ends_s_);
    }
    return until - elapsed();
  }
  bool must_deliver() { return left() < 0; }

  /// So long that the winner and its rival can both be measured in the time that is left.
  double affordable_effort() {
    return std::clamp(left() / 2 / std::max(cost_s_, 1e-9), 1.0, confirm_effort);
  }

  void finish() {
    expect_fitting();
    // Memory and accuracy need no confirmation: where nothing else fits, better so than a model
    // that does not.
    const Candidate* confirmed = choose_confirmed(result_.candidates).best;
    const Candidate& chosen = best().confirmed || !confirmed ? best() : *confirmed;
    result_.chosen = chosen.id;
    result_.reason = explain(chosen);
    // Anew, as confirmed values replaced earlier ones.
    search::ParetoFront front(objectives());
    for (const Candidate& candidate : result_.candidates) {
      if (candidate.measured.failed() || !candidate.measured.over_budget.empty()) continue;
      front.insert(std::size_t(candidate.id), objective_values(candidate.measured, limits_));
    }
    for (const search::FrontPoint& point : front.points()) result_.front.push_back(int(point.id));
    if (interrupted()) result_.ended = Ended::interrupted;
    result_.elapsed_s = elapsed();
  }

  std::string limits_text() const {
    return fmt::format(
        "accuracy within {:.2f} points of the model as given on the search records, {}",
        100 * limits_.max_drop,
        limits_.may_be_slower ? "and fits the memory; the model as given does not"
                              : "and not found slower");
  }

  /// Why the chosen one, of those within the limits or of those that are confirmed too.
  std::string rule_text(bool of_all) const {
    const Choice choice =
        of_all ? choose(result_.candidates) : choose_confirmed(result_.candidates);
    const char* of = of_all ? "Of these" : "Of those that were measured a second time";
    if (choice.contenders == 1) {
      return fmt::format("{}, this one has the least bytes times time", of);
    }
    return fmt::format(
        "{}, {} may have the least bytes times time as far as measurements can tell, and this one "
        "is the smallest file among them",
        of, choice.contenders);
  }

  std::string explain(const Candidate& chosen) const {
    const double original_bytes = double(default_candidate().measured.file_bytes);
    const Candidate& wanted = best();
    std::string text;
    if (result_.candidates.size() == 1) {
      text = "Nothing but the model as given was measured.";
    } else if (chosen.id != 0) {
      const auto eligible = std::ranges::count_if(
          result_.candidates, [](const Candidate& c) { return c.rejected.empty(); });
      text = fmt::format(
          "{} of {} candidates are within the limits ({}). {}: {:.3f} of the original's bytes, at "
          "{} of its latency.",
          eligible, result_.candidates.size(), limits_text(), rule_text(&wanted == &chosen),
          double(chosen.measured.file_bytes) / original_bytes,
          describe_ratio(chosen.measured.ratio, limits_));
      if (!chosen.confirmed) text += " It was measured only once: its latency is not confirmed.";
    } else if (&wanted == &chosen) {
      text = fmt::format(
          "None of {} candidates is found smaller or faster and within the limits ({}).",
          result_.candidates.size() - 1, limits_text());
    }
    if (&wanted != &chosen) {
      text += fmt::format(
          "{}A better one by the rule ({}, {:.3f} of the original's bytes) is not taken: {} before "
          "it could "
          "be measured a second time.",
          text.empty() ? "" : " ", wanted.name, double(wanted.measured.file_bytes) / original_bytes,
          interrupted() ? "the search was interrupted" : "the time was over");
    }
    if (chosen.id == 0) text += " The model stays as it is.";
    return text;
  }

  const SearchSpace& space_;
  Evaluator& evaluator_;
  const SearchOptions& options_;
  const SearchObserver& observer_;
  double start_s_ = now();
  Limits limits_ = options_.limits;
  double cost_s_ = 0;                   // of one candidate, on average
  double last_at_s_ = 0;                // when the latest candidate was measured
  std::optional<double> grace_ends_s_;  // set once interrupted
  SearchResult result_;
  search::ParetoFront front_;
  std::map<Configuration, std::size_t> by_configuration_;
  std::set<std::size_t> measured_again_;
  std::optional<std::vector<tune::NodeRows>> kernel_rows_;
  Configuration kernels_of_;
};

}  // namespace

SearchResult search_versions(const SearchSpace& space, Evaluator& evaluator,
                             const SearchOptions& options, const SearchObserver& observer) {
  return Search(space, evaluator, options, observer).run();
}

}  // namespace strata::study
