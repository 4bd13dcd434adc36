#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace strata::search {

enum class Direction { minimise, maximise };

/// One thing that is measured of every candidate, and which way is better.
struct Objective {
  std::string name;
  Direction direction = Direction::minimise;
};

/// True when `a` is nowhere worse than `b` and somewhere better. A NaN dominates nothing.
bool dominates(std::span<const double> a, std::span<const double> b,
               std::span<const Objective> objectives);

/// One member of a front: `id` is the caller's, `values` match the objectives.
struct FrontPoint {
  std::size_t id = 0;
  std::vector<double> values;
};

/// The candidates that no other dominates, kept up to date while candidates arrive.
class ParetoFront {
 public:
  explicit ParetoFront(std::vector<Objective> objectives);

  /// Returns whether the front changed. Of candidates with equal values the first stays.
  /// Throws usage when the number of values is wrong or one is NaN.
  bool insert(std::size_t id, std::vector<double> values);

  /// Ordered from best to worst in the first objective.
  std::span<const FrontPoint> points() const { return points_; }
  bool contains(std::size_t id) const;
  std::span<const Objective> objectives() const { return objectives_; }

  /// See the free function.
  double hypervolume(std::span<const double> reference) const;

 private:
  std::vector<Objective> objectives_;
  std::vector<FrontPoint> points_;
};

/// The volume between `reference` and the points: of all outcomes better than the reference, how
/// much is dominated. Exact, by slicing (HSO: While et al., "A faster algorithm for calculating
/// hypervolume", 2006). Points that do not beat the reference everywhere count for nothing.
double hypervolume(std::span<const std::vector<double>> points, std::span<const double> reference,
                   std::span<const Objective> objectives);

}  // namespace strata::search
