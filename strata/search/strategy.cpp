#include "strata/search/strategy.hpp"

#include "strata/base/error.hpp"

namespace strata::search {

Strategy::Strategy(const Space& space, StrategyOptions options)
    : space_(space), options_(std::move(options)) {
  const std::size_t count = options_.objectives.size();
  if (options_.target >= count || options_.guarded >= count) {
    fail(ErrorCode::usage, "search strategy: target {} and guarded {} of {} objectives",
         options_.target, options_.guarded, count);
  }
  if (options_.base.empty()) options_.base = space_.defaults();
  if (!space_.contains(options_.base)) {
    fail(ErrorCode::usage, "search strategy: the base point is not in the space ({} parameters)",
         space_.size());
  }
}

std::optional<Point> Strategy::next() {
  std::optional<Point> point = propose();
  if (point) {
    STRATA_ASSERT(space_.contains(*point) && !is_known(*point));
    outstanding_.insert(*point);
  }
  return point;
}

void Strategy::tell(const Point& point, const Measurement& measurement) {
  if (!outstanding_.contains(point)) {
    fail(ErrorCode::usage, "search strategy: told of a point that it has not asked for");
  }
  if (!measurement.failed() && measurement.values.size() != options_.objectives.size()) {
    fail(ErrorCode::usage, "search strategy: measurement has {} values, expected {} or none",
         measurement.values.size(), options_.objectives.size());
  }
  outstanding_.erase(point);
  measured_.emplace(point, measurement);
  if (!is_acceptable(measurement)) return;
  if (!best_ || improvement(options_.target, measurement, measured_.at(*best_)) > 0) {
    best_ = point;
  }
}

bool Strategy::is_known(const Point& point) const {
  return outstanding_.contains(point) || measured_.contains(point);
}

const Measurement* Strategy::measured(const Point& point) const {
  const auto found = measured_.find(point);
  return found == measured_.end() ? nullptr : &found->second;
}

bool Strategy::is_acceptable(const Measurement& measurement) const {
  if (measurement.failed()) return false;
  return !options_.acceptable || options_.acceptable(measurement);
}

double Strategy::improvement(std::size_t objective, const Measurement& candidate,
                             const Measurement& reference) const {
  const double rise = candidate.values[objective] - reference.values[objective];
  return options_.objectives[objective].direction == Direction::maximise ? rise : -rise;
}

}  // namespace strata::search
