#include "strata/search/strategy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "strata/base/error.hpp"
#include "strata/base/random.hpp"

namespace strata::search {
namespace {

using Log = std::vector<std::pair<Point, Measurement>>;
using Measure = std::function<Measurement(const Point&)>;

const std::vector<Objective> accuracy_and_bytes = {{"accuracy", Direction::maximise},
                                                   {"bytes", Direction::minimise}};

/// Four layers that can be stored as f32, f16, int8. int8 ruins layer "bad"; elsewhere it costs a
/// little accuracy, f16 costs nothing. Accuracies are in thousandths, so that sums are exact.
struct ToyNetwork {
  Space space;
  std::size_t bad = 2;

  ToyNetwork() {
    for (const char* name : {"a", "b", "c", "d"}) {
      space.add(categorical(name, {"f32", "f16", "int8"}));
    }
  }

  Measurement measure(const Point& point) const {
    double accuracy = 900;
    double bytes = 0;
    for (std::size_t i = 0; i < point.size(); ++i) {
      const double elements = 100.0 * static_cast<double>(i + 1);
      bytes += elements * (point[i] == 0 ? 4 : point[i] == 1 ? 2 : 1);
      if (point[i] == 2) accuracy -= i == bad ? 300 : 2;
    }
    return {{accuracy, bytes}};
  }

  StrategyOptions options() const {
    StrategyOptions options;
    options.objectives = accuracy_and_bytes;
    options.target = 1;
    options.guarded = 0;
    options.acceptable = [](const Measurement& m) { return m.values[0] >= 890; };
    return options;
  }
};

Log run(Strategy& strategy, const Measure& measure) {
  Log log;
  while (const std::optional<Point> point = strategy.next()) {
    log.emplace_back(*point, measure(*point));
    strategy.tell(log.back().first, log.back().second);
  }
  return log;
}

std::vector<Point> asked(const Log& log) {
  std::vector<Point> points;
  for (const auto& [point, measurement] : log) points.push_back(point);
  return points;
}

class EveryStrategy : public testing::TestWithParam<const StrategyDef*> {
 protected:
  ToyNetwork toy_;
  std::unique_ptr<Strategy> make() const { return GetParam()->make(toy_.space, toy_.options()); }
  Measure measure() const {
    return [this](const Point& point) { return toy_.measure(point); };
  }
};

TEST_P(EveryStrategy, asks_valid_points_once_and_ends) {
  const auto strategy = make();
  const std::uint64_t bound = strategy->total();
  std::vector<Point> points = asked(run(*strategy, measure()));
  EXPECT_LE(points.size(), bound);
  EXPECT_LE(points.size(), strategy->total());
  for (const Point& point : points) EXPECT_TRUE(toy_.space.contains(point));
  std::sort(points.begin(), points.end());
  EXPECT_EQ(std::adjacent_find(points.begin(), points.end()), points.end());
  EXPECT_EQ(strategy->next(), std::nullopt) << "the end is final";
}

TEST_P(EveryStrategy, finds_an_acceptable_best) {
  const auto strategy = make();
  const Log log = run(*strategy, measure());
  ASSERT_TRUE(strategy->best());
  const Measurement best = toy_.measure(*strategy->best());
  EXPECT_GE(best.values[0], 890);
  for (const auto& [point, measurement] : log) {
    if (measurement.values[0] < 890) continue;
    EXPECT_LE(best.values[1], measurement.values[1]);
  }
}

TEST_P(EveryStrategy, resumes_from_recorded_measurements) {
  const auto first = make();
  const Log log = run(*first, measure());
  for (std::size_t stop = 0; stop <= log.size(); ++stop) {
    const auto second = make();
    std::vector<Point> points;
    for (std::size_t i = 0; i < stop; ++i) {
      const std::optional<Point> point = second->next();
      ASSERT_EQ(point, log[i].first);
      second->tell(*point, log[i].second);
      points.push_back(*point);
    }
    for (const Point& point : asked(run(*second, measure()))) points.push_back(point);
    EXPECT_EQ(points, asked(log));
    EXPECT_EQ(second->best(), first->best());
  }
}

TEST_P(EveryStrategy, allows_many_outstanding_points) {
  const auto serial = make();
  std::vector<Point> expected = asked(run(*serial, measure()));
  const std::uint64_t seed = 5;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  Random random(seed);
  const auto parallel = make();
  std::vector<Point> points;
  std::vector<Point> outstanding;
  while (true) {
    const std::optional<Point> point = outstanding.size() < 5 ? parallel->next() : std::nullopt;
    if (point) {
      outstanding.push_back(*point);
      points.push_back(*point);
      continue;
    }
    if (outstanding.empty()) break;
    const auto pick = static_cast<std::ptrdiff_t>(random.below(outstanding.size()));
    const Point told = outstanding[static_cast<std::size_t>(pick)];
    outstanding.erase(outstanding.begin() + pick);
    parallel->tell(told, toy_.measure(told));
  }
  std::sort(points.begin(), points.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(points, expected) << "the toy has no ties, so the order of tells changes nothing";
}

TEST_P(EveryStrategy, survives_failed_candidates) {
  const auto strategy = make();
  run(*strategy,
      [this](const Point& point) { return point[0] == 2 ? Measurement{} : toy_.measure(point); });
  ASSERT_TRUE(strategy->best());
  EXPECT_NE((*strategy->best())[0], 2u);
  const auto hopeless = make();
  run(*hopeless, [](const Point&) { return Measurement{}; });
  EXPECT_EQ(hopeless->best(), std::nullopt);
}

TEST_P(EveryStrategy, refuses_tells_it_did_not_ask_for) {
  const auto strategy = make();
  EXPECT_THROW(strategy->tell(toy_.space.defaults(), {{1, 1}}), Error);
  const Point point = strategy->next().value();
  EXPECT_THROW(strategy->tell(point, {{1, 1, 1}}), Error);
  strategy->tell(point, toy_.measure(point));
  EXPECT_THROW(strategy->tell(point, toy_.measure(point)), Error);
}

TEST_P(EveryStrategy, takes_a_space_without_parameters) {
  StrategyOptions options = toy_.options();
  const auto strategy = GetParam()->make(Space(), options);
  const Log log = run(*strategy, [](const Point&) { return Measurement{{900, 10}}; });
  EXPECT_EQ(asked(log), std::vector<Point>{Point{}});
}

INSTANTIATE_TEST_SUITE_P(search, EveryStrategy,
                         testing::ValuesIn(strategies().begin(), strategies().end()),
                         [](const auto& row) { return std::string(row.param->name); });

TEST(exhaustive, front_equals_brute_force) {
  const Space space(
      {integers("x", {0, 1, 2, 3, 4}), integers("y", {0, 1, 2, 3}), boolean("z", false)});
  const auto measure = [](const Point& p) {
    const double x = p[0], y = p[1], z = p[2];
    return Measurement{{3 * x - y * y + z, x * x + 2 * y + 3 * z}};
  };
  StrategyOptions options;
  options.objectives = accuracy_and_bytes;
  options.target = 1;
  const auto strategy = make_strategy("exhaustive", space, options);
  EXPECT_EQ(strategy->total(), 40u);
  const Log log = run(*strategy, measure);
  ASSERT_EQ(log.size(), 40u);
  EXPECT_TRUE(std::is_sorted(log.begin(), log.end(),
                             [](const auto& a, const auto& b) { return a.first < b.first; }));
  ParetoFront front(accuracy_and_bytes);
  for (std::size_t i = 0; i < log.size(); ++i) front.insert(i, log[i].second.values);

  std::vector<std::vector<double>> expected;
  for (std::uint32_t i = 0; i < 40; ++i) {
    const std::vector<double> values = measure({i / 8, i / 2 % 4, i % 2}).values;
    bool keep = std::find(expected.begin(), expected.end(), values) == expected.end();
    for (std::uint32_t j = 0; j < 40 && keep; ++j) {
      keep = !dominates(measure({j / 8, j / 2 % 4, j % 2}).values, values, accuracy_and_bytes);
    }
    if (keep) expected.push_back(values);
  }
  std::sort(expected.rbegin(), expected.rend());
  ASSERT_EQ(front.points().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(front.points()[i].values, expected[i]);
  }
}

TEST(exhaustive_per_parameter, builds_each_parameter_on_the_best_before) {
  const Space space({integers("x", {0, 1, 2}), integers("y", {0, 1, 2})});
  StrategyOptions options;
  options.objectives = {{"time", Direction::minimise}};
  const auto strategy = make_strategy("exhaustive_per_parameter", space, options);
  EXPECT_EQ(strategy->total(), 5u);
  // The best x at y = 0 is 1; the best y for x = 1 is 2.
  const Log log = run(*strategy, [](const Point& p) {
    return Measurement{{std::abs(double(p[0]) - 1) + std::abs(double(p[1]) - 2)}};
  });
  EXPECT_EQ(asked(log), (std::vector<Point>{{0, 0}, {1, 0}, {2, 0}, {1, 1}, {1, 2}}));
  EXPECT_EQ(strategy->best(), (Point{1, 2}));
}

TEST(greedy_by_sensitivity, leaves_exactly_the_planted_layer_wider) {
  for (std::size_t bad = 0; bad < 4; ++bad) {
    ToyNetwork toy;
    toy.bad = bad;
    const auto strategy = make_strategy("greedy_by_sensitivity", toy.space, toy.options());
    const Log log = run(*strategy, [&](const Point& point) { return toy.measure(point); });
    Point expected(4, 2);
    expected[bad] = 1;  // f16 costs no accuracy
    EXPECT_EQ(strategy->best(), expected);
    EXPECT_EQ(log.front().first, toy.space.defaults());
    for (std::size_t i = 1; i <= 8; ++i) {
      EXPECT_EQ(4 - std::count(log[i].first.begin(), log[i].first.end(), 0u), 1)
          << "the base is followed by the single changes";
    }
  }
}

TEST(greedy_by_sensitivity, stops_at_the_limit_when_losses_add_up) {
  ToyNetwork toy;
  toy.bad = 4;  // none
  StrategyOptions options = toy.options();
  // Each int8 layer costs 2; only two of them are affordable, the larger ones save more.
  options.acceptable = [](const Measurement& m) { return m.values[0] >= 896; };
  const auto strategy = make_strategy("greedy_by_sensitivity", toy.space, options);
  run(*strategy, [&](const Point& point) { return toy.measure(point); });
  EXPECT_EQ(strategy->best(), (Point{1, 1, 2, 2}));
}

TEST(strategy, errors_say_what_is_accepted) {
  ToyNetwork toy;
  const auto text = [&](std::string_view name, const StrategyOptions& options) -> std::string {
    try {
      make_strategy(name, toy.space, options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(text("random", toy.options()),
            "unknown search strategy 'random', expected one of: exhaustive, "
            "exhaustive_per_parameter, greedy_by_sensitivity");
  StrategyOptions options = toy.options();
  options.target = 2;
  EXPECT_EQ(text("exhaustive", options), "search strategy: target 2 and guarded 0 of 2 objectives");
  options = toy.options();
  options.base = {9};
  EXPECT_EQ(text("exhaustive", options),
            "search strategy: the base point is not in the space (4 parameters)");
}

}  // namespace
}  // namespace strata::search
