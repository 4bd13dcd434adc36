#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "strata/search/pareto.hpp"
#include "strata/search/space.hpp"

namespace strata::search {

/// What was measured of a point: a value for each declared objective, or none at all when the
/// candidate could not be built or run.
struct Measurement {
  std::vector<double> values;

  bool failed() const { return values.empty(); }
};

/// What every strategy is told before it starts.
struct StrategyOptions {
  std::vector<Objective> objectives;  ///< what the values of a Measurement are
  std::size_t target = 0;             ///< the objective to improve (latency, bytes)
  std::size_t guarded = 0;            ///< the objective that must not suffer (accuracy)
  /// Whether a measured candidate may be chosen, say: its accuracy is within the limit. Empty: any.
  std::function<bool(const Measurement&)> acceptable;
  Point base;  ///< where to start; empty: the defaults of the space
};

/// Decides what to measure next. A state machine without clock or chance: the same tells give the
/// same asks, so a search resumes by telling recorded measurements to a new strategy as it asks.
class Strategy {
 public:
  virtual ~Strategy() = default;
  Strategy(const Strategy&) = delete;
  Strategy& operator=(const Strategy&) = delete;

  /// A point to measure, never the same twice. Nothing: tell first what is still outstanding; if
  /// nothing is, the search is over. Several points may be outstanding at a time.
  std::optional<Point> next();
  /// Throws usage when `point` is not outstanding or the number of values is wrong.
  void tell(const Point& point, const Measurement& measurement);

  /// The acceptable point that is best in the target so far; of equals the first told.
  const std::optional<Point>& best() const { return best_; }
  /// An upper bound on the number of points that will be asked, exact where the strategy says so.
  virtual std::uint64_t total() const = 0;
  /// What the point that `next` gave last is for: "base", "sensitivity", "walk".
  virtual std::string_view phase() const = 0;

 protected:
  Strategy(const Space& space, StrategyOptions options);

  /// The next point that is neither measured nor outstanding, or nothing.
  virtual std::optional<Point> propose() = 0;

  bool is_known(const Point& point) const;
  /// Null while `point` is not told.
  const Measurement* measured(const Point& point) const;
  bool is_acceptable(const Measurement& measurement) const;
  /// By how much `candidate` improves on `reference` in an objective; positive is better.
  double improvement(std::size_t objective, const Measurement& candidate,
                     const Measurement& reference) const;
  const Space& space() const { return space_; }
  const StrategyOptions& options() const { return options_; }

 private:
  Space space_;
  StrategyOptions options_;
  std::map<Point, Measurement> measured_;
  std::set<Point> outstanding_;
  std::optional<Point> best_;
};

/// A row of the list in strategies.cpp.
struct StrategyDef {
  std::string_view name;
  std::string_view summary;  ///< one line for `--help`
  std::unique_ptr<Strategy> (*make)(const Space& space, const StrategyOptions& options) = nullptr;
};

/// All strategies.
std::span<const StrategyDef* const> strategies();

/// Throws usage: unknown name, no objectives, indices or base point that do not fit.
std::unique_ptr<Strategy> make_strategy(std::string_view name, const Space& space,
                                        const StrategyOptions& options);

}  // namespace strata::search
