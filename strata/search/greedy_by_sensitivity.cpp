#include <algorithm>
#include <limits>

#include "strata/search/strategy.hpp"

namespace strata::search {
namespace {

/// One parameter set to one choice, and what that alone did to the base point.
struct Change {
  std::size_t parameter = 0;
  std::uint32_t choice = 0;
  double gain = 0;  ///< improvement of the target
  double loss = 0;  ///< deterioration of the guarded objective, at least 0
};

/// First measures each single change of the base point. Then applies the changes that paid, most
/// gain per loss first, to one growing point, keeping each only while the result is acceptable.
class GreedyBySensitivity final : public Strategy {
 public:
  GreedyBySensitivity(const Space& space, const StrategyOptions& options)
      : Strategy(space, options), current_(this->options().base) {
    for (std::size_t parameter = 0; parameter < space.size(); ++parameter) {
      for (std::uint32_t choice = 0; choice < space[parameter].choices.size(); ++choice) {
        if (choice != current_[parameter]) changes_.push_back({parameter, choice});
      }
    }
  }

  std::uint64_t total() const override {
    // The first step of the walk equals a single change and is not measured again.
    return walking_ ? walk_total_ : 1 + 2 * changes_.size() - (changes_.empty() ? 0 : 1);
  }
  std::string_view phase() const override { return phase_; }

 private:
  std::optional<Point> propose() override {
    if (!walking_) {
      if (std::optional<Point> single = next_single()) return single;
      if (!all_told()) return std::nullopt;
      rank();
      walking_ = true;
    }
    return next_step();
  }

  Point with(const Point& point, const Change& change) const {
    Point changed = point;
    changed[change.parameter] = change.choice;
    return changed;
  }

  std::optional<Point> next_single() {
    const Point& base = options().base;
    phase_ = "base";
    if (!is_known(base)) return base;
    phase_ = "sensitivity";
    for (; upcoming_ < changes_.size(); ++upcoming_) {
      const Point point = with(base, changes_[upcoming_]);
      if (!is_known(point)) return point;
    }
    return std::nullopt;
  }

  bool all_told() const {
    const Point& base = options().base;
    return measured(base) && std::all_of(changes_.begin(), changes_.end(), [&](const Change& c) {
             return measured(with(base, c)) != nullptr;
           });
  }

  /// Leaves the changes that are worth trying, in the order of the walk.
  void rank() {
    const Point& base = options().base;
    const Measurement& reference = *measured(base);
    const std::size_t singles = changes_.size();
    std::vector<Change> worthwhile;
    for (Change change : changes_) {
      const Measurement& single = *measured(with(base, change));
      if (reference.failed() || !is_acceptable(single)) continue;
      change.gain = improvement(options().target, single, reference);
      change.loss = std::max(0.0, -improvement(options().guarded, single, reference));
      if (change.gain > 0) worthwhile.push_back(change);
    }
    std::stable_sort(worthwhile.begin(), worthwhile.end(), [](const Change& a, const Change& b) {
      const auto rate = [](const Change& c) {
        return c.loss > 0 ? c.gain / c.loss : std::numeric_limits<double>::infinity();
      };
      return rate(a) != rate(b) ? rate(a) > rate(b) : a.gain > b.gain;
    });
    changes_ = std::move(worthwhile);
    applied_gain_.assign(space().size(), 0);
    upcoming_ = 0;
    walk_total_ = 1 + singles + (changes_.empty() ? 0 : changes_.size() - 1);
  }

  std::optional<Point> next_step() {
    phase_ = "walk";
    for (; upcoming_ < changes_.size(); ++upcoming_) {
      const Change& change = changes_[upcoming_];
      // A parameter changed already is changed again only for more.
      if (change.gain <= applied_gain_[change.parameter]) continue;
      const Point point = with(current_, change);
      if (!is_known(point)) return point;
      const Measurement* measurement = measured(point);
      if (!measurement) return std::nullopt;
      const bool better = is_acceptable(*measurement) &&
                          improvement(options().target, *measurement, *measured(current_)) > 0;
      if (better) {
        current_ = point;
        applied_gain_[change.parameter] = change.gain;
      }
    }
    return std::nullopt;
  }

  std::vector<Change> changes_;
  std::vector<double> applied_gain_;  // (parameter), of the change that is part of current_
  Point current_;
  std::size_t upcoming_ = 0;
  std::uint64_t walk_total_ = 0;
  bool walking_ = false;
  std::string_view phase_ = "base";
};

}  // namespace

extern const StrategyDef greedy_by_sensitivity_strategy;
constinit const StrategyDef greedy_by_sensitivity_strategy = {
    .name = "greedy_by_sensitivity",
    .summary = "measures each single change, then combines those that gain most per loss",
    .make = [](const Space& space, const StrategyOptions& options) -> std::unique_ptr<Strategy> {
      return std::make_unique<GreedyBySensitivity>(space, options);
    }};

}  // namespace strata::search
