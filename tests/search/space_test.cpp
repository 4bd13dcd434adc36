#include "strata/search/space.hpp"

#include <gtest/gtest.h>

#include "strata/base/error.hpp"

namespace strata::search {
namespace {

Space example() {
  return Space({categorical("conv1.encoding", {"f32", "f16", "int8"}), boolean("fusion", true),
                integers("threads", {1, 2, 4}, 1)});
}

std::string error_of(const Parameter& parameter) {
  Space space({boolean("taken", false)});
  try {
    space.add(parameter);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return "";
}

TEST(space, counts_and_defaults) {
  const Space space = example();
  EXPECT_EQ(space.count(), 18u);
  EXPECT_EQ(space.defaults(), (Point{0, 1, 1}));
  EXPECT_EQ(Space().count(), 1u);
  Space large;
  for (int i = 0; i < 64; ++i) large.add(boolean("p" + std::to_string(i), false));
  EXPECT_EQ(large.count(), std::nullopt);
}

TEST(space, choices_have_values) {
  const Space space = example();
  const Point point = {2, 0, 2};
  EXPECT_EQ(space.choice(point, "conv1.encoding").name, "int8");
  EXPECT_EQ(space.choice(point, "fusion").value, 0);
  EXPECT_EQ(space.choice(point, "threads").value, 4);
  EXPECT_THROW(space.choice(point, "unroll"), Error);
}

TEST(space, text) {
  const Space space = example();
  EXPECT_EQ(space.text({2, 0, 2}), "conv1.encoding=int8 fusion=off threads=4");
  EXPECT_EQ(space.differences({2, 1, 1}, space.defaults()), "conv1.encoding=int8");
  EXPECT_EQ(space.differences(space.defaults(), space.defaults()), "");
}

TEST(space, contains) {
  const Space space = example();
  EXPECT_TRUE(space.contains({2, 1, 2}));
  EXPECT_FALSE(space.contains({3, 1, 2}));
  EXPECT_FALSE(space.contains({2, 1}));
}

TEST(space, rejects_malformed_parameters) {
  EXPECT_EQ(error_of(boolean("taken", true)), "search space: parameter taken exists already");
  EXPECT_EQ(error_of(categorical("p", {})),
            "search space: parameter p: default choice 0 of 0 choices");
  EXPECT_EQ(error_of(integers("p", {1, 2}, 2)),
            "search space: parameter p: default choice 2 of 2 choices");
  EXPECT_EQ(error_of(categorical("p", {"a", "b", "a"})),
            "search space: parameter p: choice a is listed twice");
}

}  // namespace
}  // namespace strata::search
