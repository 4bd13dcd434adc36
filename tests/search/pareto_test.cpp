#include "strata/search/pareto.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/base/random.hpp"

namespace strata::search {
namespace {

using Values = std::vector<double>;

const std::vector<Objective> accuracy_and_latency = {{"accuracy", Direction::maximise},
                                                     {"latency", Direction::minimise}};

std::vector<Objective> alternating(std::size_t count) {
  std::vector<Objective> objectives;
  for (std::size_t i = 0; i < count; ++i) {
    objectives.push_back(
        {"o" + std::to_string(i), i % 2 == 0 ? Direction::minimise : Direction::maximise});
  }
  return objectives;
}

/// Whole numbers, few enough of them that equal values and ties occur.
std::vector<Values> random_points(Random& random, std::size_t count, std::size_t dims) {
  std::vector<Values> points(count, Values(dims));
  for (Values& point : points) {
    for (double& value : point) value = static_cast<double>(random.below(7));
  }
  return points;
}

TEST(pareto, dominance_respects_directions) {
  EXPECT_TRUE(dominates(Values{0.9, 3}, Values{0.8, 4}, accuracy_and_latency));
  EXPECT_TRUE(dominates(Values{0.9, 3}, Values{0.9, 4}, accuracy_and_latency));
  EXPECT_FALSE(dominates(Values{0.9, 3}, Values{0.9, 3}, accuracy_and_latency));
  EXPECT_FALSE(dominates(Values{0.9, 5}, Values{0.8, 4}, accuracy_and_latency));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_FALSE(dominates(Values{nan, 1}, Values{0.8, 4}, accuracy_and_latency));
}

TEST(pareto, insertion_reports_changes) {
  ParetoFront front(accuracy_and_latency);
  EXPECT_TRUE(front.insert(1, {0.90, 4}));
  EXPECT_FALSE(front.insert(2, {0.90, 4})) << "the first of equals stays";
  EXPECT_FALSE(front.insert(3, {0.89, 5}));
  EXPECT_TRUE(front.insert(4, {0.88, 2}));
  EXPECT_TRUE(front.insert(5, {0.91, 3}));
  ASSERT_EQ(front.points().size(), 2u);
  EXPECT_EQ(front.points()[0].id, 5u) << "best in the first objective comes first";
  EXPECT_EQ(front.points()[1].id, 4u);
  EXPECT_TRUE(front.contains(4));
  EXPECT_FALSE(front.contains(1));
}

TEST(pareto, front_equals_brute_force) {
  const std::uint64_t seed = 20240611;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (std::size_t dims = 1; dims <= 4; ++dims) {
    const std::vector<Objective> objectives = alternating(dims);
    for (int round = 0; round < 50; ++round) {
      const std::vector<Values> points = random_points(random, 40, dims);
      ParetoFront front(objectives);
      for (std::size_t i = 0; i < points.size(); ++i) front.insert(i, points[i]);
      for (std::size_t i = 0; i < points.size(); ++i) {
        const bool first = std::find(points.begin(), points.end(), points[i]) ==
                           points.begin() + static_cast<std::ptrdiff_t>(i);
        const bool dominated = std::any_of(points.begin(), points.end(), [&](const Values& other) {
          return dominates(other, points[i], objectives);
        });
        EXPECT_EQ(front.contains(i), first && !dominated) << "dims " << dims << " point " << i;
      }
    }
  }
}

/// Counts the unit cells of [0,7)^dims that some point dominates; all objectives minimised.
double cells_dominated(const std::vector<Values>& points, std::size_t dims) {
  const auto cells = static_cast<std::size_t>(std::pow(7, dims));
  double count = 0;
  for (std::size_t cell = 0; cell < cells; ++cell) {
    count += std::any_of(points.begin(), points.end(), [&](const Values& point) {
      std::size_t rest = cell;
      for (std::size_t i = 0; i < dims; ++i, rest /= 7) {
        if (point[i] > static_cast<double>(rest % 7)) return false;
      }
      return true;
    });
  }
  return count;
}

TEST(pareto, hypervolume_equals_counted_cells) {
  const std::uint64_t seed = 77;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  for (std::size_t dims = 1; dims <= 4; ++dims) {
    const std::vector<Objective> minimised(dims, Objective{"o", Direction::minimise});
    const std::vector<Objective> maximised(dims, Objective{"o", Direction::maximise});
    for (int round = 0; round < 20; ++round) {
      const std::vector<Values> points = random_points(random, 1 + random.below(12), dims);
      std::vector<Values> negated = points;
      for (Values& point : negated) {
        for (double& value : point) value = -value;
      }
      // Whole numbers: sums and products are exact.
      const double expected = cells_dominated(points, dims);
      EXPECT_EQ(hypervolume(points, Values(dims, 7), minimised), expected) << "dims " << dims;
      EXPECT_EQ(hypervolume(negated, Values(dims, -7), maximised), expected) << "dims " << dims;
    }
  }
}

TEST(pareto, hypervolume_of_a_front) {
  ParetoFront front(accuracy_and_latency);
  EXPECT_EQ(front.hypervolume(Values{0, 10}), 0);
  front.insert(0, {4, 6});
  front.insert(1, {2, 3});
  front.insert(2, {5, 12});
  EXPECT_EQ(front.hypervolume(Values{0, 10}), 4 * 4 + 2 * 3);
}

TEST(pareto, rejects_what_cannot_be_compared) {
  ParetoFront front(accuracy_and_latency);
  const auto text = [](auto&& body) -> std::string {
    try {
      body();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(text([&] { front.insert(0, {1}); }),
            "candidate has 1 values, expected 2 (one for each objective)");
  EXPECT_EQ(text([&] {
              front.insert(0, {1, std::nan("")});
            }),
            "candidate: value of objective latency is not a number");
  EXPECT_EQ(text([] { ParetoFront{{}}; }), "a Pareto front needs at least one objective");
}

}  // namespace
}  // namespace strata::search
