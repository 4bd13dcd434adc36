#include "strata/search/pareto.hpp"

#include <algorithm>
#include <cmath>

#include "strata/base/error.hpp"

namespace strata::search {
namespace {

using Values = std::vector<double>;

bool better(double a, double b, Direction direction) {
  return direction == Direction::minimise ? a < b : a > b;
}

void check_values(std::span<const double> values, std::span<const Objective> objectives) {
  if (values.size() != objectives.size()) {
    fail(ErrorCode::usage, "candidate has {} values, expected {} (one for each objective)",
         values.size(), objectives.size());
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i])) {
      fail(ErrorCode::usage, "candidate: value of objective {} is not a number",
           objectives[i].name);
    }
  }
}

/// Volume dominated in the first `dims` coordinates; coordinates are distances to the reference,
/// so larger is better and the reference is the origin.
double volume(std::vector<const Values*> points, std::size_t dims) {
  if (points.empty()) return 0;
  const std::size_t last = dims - 1;
  std::sort(points.begin(), points.end(),
            [last](const Values* a, const Values* b) { return (*a)[last] > (*b)[last]; });
  if (dims == 1) return (*points.front())[0];
  double sum = 0;
  if (dims == 2) {
    double widest = 0;
    for (const Values* point : points) {
      if ((*point)[0] <= widest) continue;
      sum += ((*point)[0] - widest) * (*point)[1];
      widest = (*point)[0];
    }
    return sum;
  }
  // Between two neighbouring heights the cross-section does not change.
  std::vector<const Values*> above;
  for (std::size_t i = 0; i < points.size(); ++i) {
    above.push_back(points[i]);
    const double lower = i + 1 < points.size() ? (*points[i + 1])[last] : 0;
    const double height = (*points[i])[last] - lower;
    if (height > 0) sum += height * volume(above, last);
  }
  return sum;
}

}  // namespace

bool dominates(std::span<const double> a, std::span<const double> b,
               std::span<const Objective> objectives) {
  STRATA_ASSERT(a.size() == objectives.size() && b.size() == objectives.size());
  bool somewhere_better = false;
  for (std::size_t i = 0; i < objectives.size(); ++i) {
    if (better(a[i], b[i], objectives[i].direction)) {
      somewhere_better = true;
    } else if (a[i] != b[i]) {
      return false;
    }
  }
  return somewhere_better;
}

ParetoFront::ParetoFront(std::vector<Objective> objectives) : objectives_(std::move(objectives)) {
  if (objectives_.empty()) fail(ErrorCode::usage, "a Pareto front needs at least one objective");
}

bool ParetoFront::insert(std::size_t id, std::vector<double> values) {
  check_values(values, objectives_);
  for (const FrontPoint& point : points_) {
    if (point.values == values || dominates(point.values, values, objectives_)) return false;
  }
  std::erase_if(points_, [&](const FrontPoint& point) {
    return dominates(values, point.values, objectives_);
  });
  const auto place = std::find_if(points_.begin(), points_.end(), [&](const FrontPoint& point) {
    return better(values[0], point.values[0], objectives_[0].direction);
  });
  points_.insert(place, FrontPoint{id, std::move(values)});
  return true;
}

bool ParetoFront::contains(std::size_t id) const {
  return std::any_of(points_.begin(), points_.end(),
                     [id](const FrontPoint& point) { return point.id == id; });
}

double ParetoFront::hypervolume(std::span<const double> reference) const {
  std::vector<Values> values;
  for (const FrontPoint& point : points_) values.push_back(point.values);
  return search::hypervolume(values, reference, objectives_);
}

double hypervolume(std::span<const std::vector<double>> points, std::span<const double> reference,
                   std::span<const Objective> objectives) {
  check_values(reference, objectives);
  std::vector<Values> distances;
  for (const Values& point : points) {
    check_values(point, objectives);
    Values distance(point.size());
    for (std::size_t i = 0; i < point.size(); ++i) {
      const double gap = reference[i] - point[i];
      distance[i] = objectives[i].direction == Direction::minimise ? gap : -gap;
    }
    const bool inside =
        std::all_of(distance.begin(), distance.end(), [](double gap) { return gap > 0; });
    if (inside) distances.push_back(std::move(distance));
  }
  std::vector<const Values*> pointers;
  for (const Values& distance : distances) pointers.push_back(&distance);
  return volume(std::move(pointers), objectives.size());
}

}  // namespace strata::search
