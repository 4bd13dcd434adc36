#include "strata/tensor/shape.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/tensor/expect_error.hpp"

namespace strata {
namespace {

constexpr std::int64_t huge = std::int64_t(1) << 62;

TEST(Shape, KnowsItsExtents) {
  Shape shape{2, 3, 5};
  EXPECT_EQ(shape.rank(), 3);
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[-1], 5);
  EXPECT_EQ(shape.elements(), 30);
  EXPECT_EQ(shape.elements(1, 3), 15);
  EXPECT_EQ(shape.elements(2, 2), 1);
  EXPECT_EQ(Shape{}.elements(), 1);
  EXPECT_EQ(to_string(shape), "[2,3,5]");
  EXPECT_EQ(to_string(Shape{}), "[]");
  shape.set(-1, 7);
  EXPECT_EQ(shape, (Shape{2, 3, 7}));
  EXPECT_NE(shape, (Shape{2, 3}));
  EXPECT_NE((Shape{2, 3, 0}), (Shape{2, 3}));
}

TEST(Shape, RefusesWhatIsNone) {
  expect_error(ErrorCode::model, "[2,-1]: extent of axis 1", [] { Shape{2, -1}; });
  const std::vector<std::int64_t> nine(9, 1);
  expect_error(ErrorCode::unsupported, "9 axes", [&] { Shape(std::span(nine)); });
}

TEST(Shape, ElementsNeverWrap) {
  EXPECT_EQ((Shape{huge}).elements(), huge);
  expect_error(ErrorCode::model, "exceeds 63 bits", [] { Shape{huge, 2}.elements(); });
  expect_error(ErrorCode::model, "exceeds 63 bits", [] { Shape{huge, 4, huge}.elements(); });
  // An empty tensor whose strides would wrap is refused as well.
  EXPECT_EQ((Shape{0, huge}).elements(), 0);
  expect_error(ErrorCode::model, "exceeds 63 bits", [] { Shape{0, huge, huge}.elements(); });
}

TEST(Shape, BroadcastsAsNumpyDoes) {
  EXPECT_EQ(broadcast(Shape{2, 3}, Shape{3}), (Shape{2, 3}));
  EXPECT_EQ(broadcast(Shape{2, 1, 4}, Shape{3, 1}), (Shape{2, 3, 4}));
  EXPECT_EQ(broadcast(Shape{}, Shape{5}), (Shape{5}));
  EXPECT_EQ(broadcast(Shape{1}, Shape{0}), (Shape{0}));
  expect_error(ErrorCode::model, "[2,3] and [2] do not broadcast: 3 against 2", [] {
    broadcast(Shape{2, 3}, Shape{2});
  });
  expect_error(ErrorCode::model, "0 against 2", [] { broadcast(Shape{0}, Shape{2}); });
}

}  // namespace
}  // namespace strata
