#include "tests/ir/ops/single_op.hpp"

namespace strata::ir::testing {
namespace {

Tensor factors(std::vector<float> values) {
  return Tensor::from<float>({std::int64_t(values.size())}, values);
}

const Tensor two_by_two = Tensor::from<float>({1, 1, 2, 2}, {1, 2, 3, 4});

// Vectors from ONNX's examples for Resize.
TEST(Resize, LinearHalfPixel) {
  expect_floats(
      run_op("Resize", {two_by_two, {}, factors({1, 1, 2, 2})}, {{"mode", "linear"}})[0],
      {1, 1, 4, 4},
      {1, 1.25f, 1.75f, 2, 1.5f, 1.75f, 2.25f, 2.5f, 2.5f, 2.75f, 3.25f, 3.5f, 3, 3.25f, 3.75f, 4});
}

TEST(Resize, LinearAlignCorners) {
  const Attributes attributes{{"mode", "linear"},
                              {"coordinate_transformation_mode", "align_corners"}};
  expect_floats(run_op("Resize", {two_by_two, {}, factors({1, 1, 2, 2})}, attributes)[0],
                {1, 1, 4, 4},
                {1, 4.0f / 3, 5.0f / 3, 2, 5.0f / 3, 2, 7.0f / 3, 8.0f / 3, 7.0f / 3, 8.0f / 3, 3,
                 10.0f / 3, 3, 10.0f / 3, 11.0f / 3, 4});
}

// ONNX's data: 4 * 0.6 = 2.4 is rounded to 2 columns, but corners are aligned by the 2.4.
TEST(Resize, AlignsCornersByTheExtentBeforeRounding) {
  const Attributes attributes{{"mode", "linear"},
                              {"coordinate_transformation_mode", "align_corners"}};
  const Tensor x = Tensor::from<float>({1, 1, 2, 4}, {1, 2, 3, 4, 5, 6, 7, 8});
  const double position = 3 / (4 * double(0.6f) - 1);
  expect_floats(run_op("Resize", {x, {}, factors({1, 1, 0.6f, 0.6f})}, attributes)[0], {1, 1, 1, 2},
                {1, float(1 + position)});
}

// 3 * (4 / 3) exceeds 4 in float: that is no reason to fall short of the last element.
TEST(Resize, TakesScalesThatAreRoundedForTheExtentTheyMean) {
  const Attributes attributes{{"coordinate_transformation_mode", "align_corners"},
                              {"nearest_mode", "floor"}};
  expect_floats(run_op("Resize", {counting({3}), {}, factors({4.0f / 3})}, attributes)[0], {4},
                {1, 1, 2, 3});
}

TEST(Resize, NearestRepeatsEachElement) {
  expect_floats(run_op("Resize", {two_by_two, {}, factors({1, 1, 2, 3})})[0], {1, 1, 4, 6},
                {1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4});
}

TEST(Resize, SizesThatAreNoMultiplesFindTheExactRow) {
  // 5 * 6 / 10 is exactly 3; in rounded arithmetic it may fall below.
  const Attributes attributes{{"coordinate_transformation_mode", "asymmetric"},
                              {"nearest_mode", "floor"}};
  expect_floats(run_op("Resize", {counting({6}), {}, {}, i64({10})}, attributes)[0], {10},
                {1, 1, 2, 2, 3, 4, 4, 5, 5, 6});
}

TEST(Resize, Refusals) {
  expect_refused("Resize", {two_by_two}, {}, "none of scales and sizes are given");
  expect_refused("Resize", {two_by_two, {}, factors({1, 1, 2, 2}), i64({1, 1, 4, 4})}, {},
                 "both of scales and sizes are given");
  expect_refused("Resize", {two_by_two, {}, factors({1, 1, -2, 2})}, {}, "scales entry 2 is -2");
  expect_refused("Resize", {two_by_two, {}, factors({1, 2})}, {},
                 "scales has 2 entries, expected 4");
  expect_refused("Resize", {two_by_two, {}, {}, i64({1, 1, 0, 2})}, {}, "sizes entry is 0");
  expect_refused("Resize", {two_by_two, {}, factors({1, 1, 2, 2})}, {{"mode", "area"}},
                 "mode is 'area'; accepted: nearest, linear, cubic");
}

}  // namespace
}  // namespace strata::ir::testing
