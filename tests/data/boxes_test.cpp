#include "strata/data/boxes.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "tests/data/fixtures.hpp"
#include "tests/tensor/expect_error.hpp"

namespace strata::data {
namespace {

constexpr double rounding = 1000 * std::numeric_limits<double>::epsilon();  // sums of 1010 terms

TEST(Boxes, OverlapIsIntersectionOverUnion) {
  EXPECT_EQ(overlap({0, 0, 2, 2}, {1, 1, 3, 3}), 1.0 / 7);
  EXPECT_EQ(overlap({0, 0, 1, 1}, {1, 0, 2, 1}), 0);
  EXPECT_EQ(overlap({0, 0, 1, 1}, {0, 0, 1, 1}), 1);
  EXPECT_EQ(overlap({2, 2, 1, 1}, {0, 0, 3, 3}), 0) << "turned around";
}

TEST(Boxes, RefuseNamingTheLine) {
  const std::string head = "item,class,left,top,right,bottom\n";
  const auto expect = [](std::string_view part, const std::string& csv) {
    expect_error(ErrorCode::model, part, [&] { BoxTable::parse(csv); });
  };
  expect("no header line", "");
  expect("line 1: no column 'bottom'", "item,class,left,top,right\n");
  expect("line 2: 5 fields, the header has 6", head + "a,1,2,3,4\n");
  expect("line 2: 'x', a finite number expected", head + "a,1,x,3,4,5\n");
  expect("line 2: 'nan', a finite number", head + "a,1,nan,3,4,5\n");
  expect("line 2: class '1.5'", head + "a,1.5,2,3,4,5\n");
  expect("line 3: a box from (4, 3) to (2, 5) has no area", head + "a,1,2,3,4,5\na,1,4,3,2,5\n");
}

DetectedItem item(std::vector<TrueBox> truth, std::vector<FoundBox> found) {
  return {std::move(truth), std::move(found)};
}

TEST(AveragePrecision, IsOneForAllFoundAndZeroForNone) {
  const TrueBox thing{{0, 0, 1, 1}, 3, false};
  const std::vector<DetectedItem> items = {item({thing}, {{thing.box, 3, 0.5f}}), item({}, {})};
  EXPECT_NEAR(average_precision(items).mean, 1, rounding);
  EXPECT_EQ(average_precision(items).things, 1);
  EXPECT_EQ(average_precision(items).classes, 1);
  EXPECT_EQ(average_precision(std::vector{item({thing}, {{thing.box, 2, 0.5f}})}).mean, 0);
  EXPECT_EQ(average_precision({}).mean, 0);
}

TEST(AveragePrecision, CountsWrongBoxesByTheirScores) {
  const TrueBox a{{0, 0, 1, 1}, 0, false}, b{{2, 0, 3, 1}, 0, false};
  const Box nowhere{5, 5, 6, 6};
  // Right, wrong, right: precision 1 up to recall 0.5, then 2/3. Of the 101 recalls, 51 are up to
  // 0.5.
  const auto result = average_precision(
      std::vector{item({a, b}, {{a.box, 0, 0.9f}, {nowhere, 0, 0.8f}, {b.box, 0, 0.7f}})});
  EXPECT_NEAR(result.at_50, (51 + 50 * 2.0 / 3) / 101, rounding);
  EXPECT_NEAR(result.mean, result.at_50, rounding);
  // A second box on what is already found is wrong.
  const auto twice = average_precision(
      std::vector{item({a, b}, {{a.box, 0, 0.9f}, {a.box, 0, 0.8f}, {b.box, 0, 0.7f}})});
  EXPECT_NEAR(twice.at_50, result.at_50, rounding);
}

TEST(AveragePrecision, AsksForMoreOverlapStepByStep) {
  const TrueBox thing{{0, 0, 10, 1}, 0, false};
  // An overlap of 0.72 is enough for 0.5, 0.55, 0.6, 0.65 and 0.7.
  const auto result = average_precision(std::vector{item({thing}, {{{0, 0, 7.2, 1}, 0, 1.0f}})});
  EXPECT_NEAR(result.at_50, 1, rounding);
  EXPECT_NEAR(result.mean, 0.5, rounding);
}

TEST(AveragePrecision, PassesOverCrowds) {
  const TrueBox thing{{0, 0, 1, 1}, 0, false}, crowd{{2, 0, 9, 9}, 0, true};
  const FoundBox found{thing.box, 0, 0.5f};
  const FoundBox inside{{3, 3, 4, 4}, 0, 0.9f}, beside{{3, 4, 4, 5}, 0, 0.8f};
  const auto result = average_precision(std::vector{item({thing, crowd}, {found, inside, beside})});
  EXPECT_NEAR(result.mean, 1, rounding);
  EXPECT_EQ(result.things, 1);
}

TEST(AveragePrecision, HasIntervalsByItems) {
  const TrueBox thing{{0, 0, 1, 1}, 0, false};
  std::vector<DetectedItem> items;
  for (int i = 0; i < 40; ++i) {
    items.push_back(item({thing}, {}));
    if (i % 2) items.back().found.push_back({thing.box, 0, 0.5f});
  }
  const auto result = average_precision(items);
  EXPECT_LT(result.interval.low, result.mean);
  EXPECT_GT(result.interval.high, result.mean);
  const auto again = average_precision(items);
  EXPECT_EQ(again.interval.low, result.interval.low);
}

}  // namespace
}  // namespace strata::data
