#include <cmath>

#include "tests/ir/ops/single_op.hpp"

namespace strata::ir {
namespace {

using testing::counting;
using testing::expect_floats;
using testing::expect_refused;
using testing::i64;
using testing::run_op;

Tensor floats(const Shape& shape, std::initializer_list<float> values) {
  return Tensor::from<float>(shape, values);
}

/// [[1, 2], [3, 4]] at one point (x, y), corners being -1 and 1.
float sampled(float x, float y, std::string_view mode, std::string_view padding) {
  const Attributes attributes{{"align_corners", std::int64_t(1)},
                              {"mode", std::string(mode)},
                              {"padding_mode", std::string(padding)}};
  const Tensor grid = floats({1, 1, 1, 2}, {x, y});
  return run_op("GridSample", {counting({1, 1, 2, 2}), grid}, attributes)[0].data<float>()[0];
}

TEST(GridSample, CornersAndMiddle) {
  EXPECT_EQ(sampled(-1, -1, "linear", "zeros"), 1);
  EXPECT_EQ(sampled(1, -1, "linear", "zeros"), 2);
  EXPECT_EQ(sampled(0, 0, "linear", "zeros"), 2.5f);
  EXPECT_EQ(sampled(0.2f, 1, "nearest", "zeros"), 4);
}

TEST(GridSample, PaddingModesDifferOutside) {
  EXPECT_EQ(sampled(3, -1, "linear", "zeros"), 0);
  EXPECT_EQ(sampled(3, -1, "linear", "border"), 2);
  EXPECT_EQ(sampled(3, -1, "linear", "reflection"), 1);
  EXPECT_EQ(sampled(-5, 1, "nearest", "reflection"), 3);
}

TEST(GridSample, PointsThatAreNoNumbersLieOutside) {
  for (const float far : {NAN, INFINITY, -INFINITY, 1e38f}) {
    EXPECT_EQ(sampled(far, 0, "linear", "zeros"), 0);
    EXPECT_EQ(sampled(0, far, "nearest", "zeros"), 0);
    EXPECT_TRUE(std::isfinite(sampled(far, far, "cubic", "border")));
    EXPECT_TRUE(std::isfinite(sampled(far, far, "cubic", "reflection")));
  }
}

TEST(GridSample, RefusesWhatDoesNotFit) {
  const Tensor x = counting({1, 1, 2, 2});
  expect_refused("GridSample", {x, counting({1, 1, 1, 3})}, {}, "last extent of grid is 3");
  expect_refused("GridSample", {x, counting({2, 1, 1, 2})}, {}, "batch of grid is 2");
  expect_refused("GridSample", {x, counting({1, 1, 2})}, {}, "grid");
  expect_refused("GridSample", {x, counting({1, 1, 1, 2})}, {{"mode", "bilinear"}},
                 "mode is 'bilinear'");
  expect_refused("GridSample", {Tensor::zeros(DType::f32, {1, 1, 0, 2}), counting({1, 1, 1, 2})},
                 {}, "no elements");
}

TEST(AffineGrid, IdentityGivesPixelCentres) {
  const Tensor identity = floats({1, 2, 3}, {1, 0, 0, 0, 1, 0});
  const auto y = run_op("AffineGrid", {identity, i64({1, 1, 1, 2})});
  expect_floats(y[0], {1, 1, 2, 2}, {-0.5f, 0, 0.5f, 0});
  const auto corners =
      run_op("AffineGrid", {identity, i64({1, 1, 1, 2})}, {{"align_corners", std::int64_t(1)}});
  expect_floats(corners[0], {1, 1, 2, 2}, {-1, 0, 1, 0});
  expect_refused("AffineGrid", {identity, i64({1, 1, 2})}, {}, "length of size is 3");
  expect_refused("AffineGrid", {identity, i64({1, 1, -1, 2})}, {}, "size entry is -1");
  expect_refused("AffineGrid", {identity, i64({1, 1, 2, 2, 2})}, {}, "extent 1 of theta is 2");
}

TEST(RoiAlign, AveragesWhatItCovers) {
  const Tensor roi = floats({1, 4}, {0.5f, 0.5f, 2.5f, 2.5f});
  const auto y = run_op("RoiAlign", {counting({1, 1, 3, 3}), roi, i64({0})},
                        {{"sampling_ratio", std::int64_t(1)}});
  expect_floats(y[0], {1, 1, 1, 1}, {5});
}

TEST(RoiAlign, RefusesRegionsThatCannotBe) {
  const Tensor x = counting({1, 1, 3, 3});
  const Tensor roi = floats({1, 4}, {0, 0, 2, 2});
  expect_refused("RoiAlign", {x, roi, i64({1})}, {}, "batch index out of range");
  expect_refused("RoiAlign", {x, roi, i64({-1})}, {}, "batch index out of range");
  expect_refused("RoiAlign", {x, floats({1, 4}, {0, 0, NAN, 2}), i64({0})}, {}, "not finite");
  expect_refused("RoiAlign", {x, floats({1, 4}, {0, 0, 1e30f, 2}), i64({0})}, {}, "too large");
  expect_refused("RoiAlign", {x, roi, i64({0})}, {{"output_height", std::int64_t(0)}},
                 "height of the result is 0");
  expect_refused("RoiAlign", {x, roi, i64({0, 0})}, {}, "length of batch_indices is 2");
}

TEST(MaxRoiPool, TakesTheMaximumOfEachBin) {
  const Attributes two{{"pooled_shape", std::vector<std::int64_t>{2, 2}}};
  const auto y =
      run_op("MaxRoiPool", {counting({1, 1, 4, 4}), floats({1, 5}, {0, 0, 0, 3, 3})}, two);
  expect_floats(y[0], {1, 1, 2, 2}, {6, 8, 14, 16});
  const auto beyond =
      run_op("MaxRoiPool", {counting({1, 1, 4, 4}), floats({1, 5}, {0, 9, 9, 12, 12})}, two);
  expect_floats(beyond[0], {1, 1, 2, 2}, {0, 0, 0, 0});
  expect_refused("MaxRoiPool", {counting({1, 1, 4, 4}), floats({1, 5}, {1, 0, 0, 3, 3})}, two,
                 "batch index out of range");
  expect_refused("MaxRoiPool", {counting({1, 1, 4, 4}), floats({1, 5}, {0, NAN, 0, 3, 3})}, two,
                 "not finite");
}

TEST(DeformConv, IsAConvolutionWithoutOffsets) {
  const Tensor x = counting({2, 2, 4, 5});
  const Tensor w = counting({3, 2, 2, 3});
  const Attributes attributes{{"pads", std::vector<std::int64_t>{1, 0, 0, 1}}};
  const Tensor expected = run_op("Conv", {x, w}, attributes)[0];
  const Tensor offsets = Tensor::zeros(DType::f32, {2, 12, 4, 4});
  EXPECT_TRUE(identical(run_op("DeformConv", {x, w, offsets}, attributes)[0], expected));
}

TEST(DeformConv, OffsetsMoveTapsAndNanReadsZero) {
  const Tensor x = counting({1, 1, 2, 2});
  const Tensor w = floats({1, 1, 1, 1}, {2});
  const Tensor offsets =
      floats({1, 2, 2, 2}, {0.5f, 0, -2, NAN, 0, 0.5f, 0, 0});  // (dy, dx) of each output
  expect_floats(run_op("DeformConv", {x, w, offsets})[0], {1, 1, 2, 2}, {4, 2, 0, 0});
  expect_refused("DeformConv", {x, w, Tensor::zeros(DType::f32, {1, 1, 2, 2})}, {},
                 "extent 1 of offset is 1, expected 2");
  expect_refused("DeformConv", {x, w, offsets}, {{"offset_group", std::int64_t(2)}},
                 "offset_group is 2");
}

TEST(Det, FollowsRowSwaps) {
  expect_floats(run_op("Det", {floats({2, 2}, {0, 2, 3, 4})})[0], {}, {-6});
  expect_floats(run_op("Det", {floats({2, 1, 1}, {7, -2})})[0], {2}, {7, -2});
  expect_floats(run_op("Det", {Tensor::zeros(DType::f32, {1, 0, 0})})[0], {1}, {1});
  expect_refused("Det", {counting({2, 3})}, {}, "number of rows of X is 2, expected 3");
}

TEST(Resize, AntialiasAveragesWhatLiesBetween) {
  const Tensor scales = floats({1}, {0.5f});
  const auto y = run_op("Resize", {floats({4}, {1, 1, 5, 5}), Tensor(), scales},
                        {{"mode", "linear"}, {"antialias", std::int64_t(1)}});
  // Weights 1/4, 3/4, 3/4, 1/4 around each output; beyond the edge the edge repeats.
  expect_floats(y[0], {2}, {1.5f, 4.5f});
}

TEST(Resize, RegionsThatAreNoNumbersAreExtrapolated) {
  for (const float edge : {NAN, INFINITY, -INFINITY, 1e38f}) {
    const auto y = run_op("Resize", {counting({4}), floats({2}, {edge, edge}), Tensor(), i64({3})},
                          {{"mode", "linear"},
                           {"coordinate_transformation_mode", "tf_crop_and_resize"},
                           {"extrapolation_value", 9.0f}});
    expect_floats(y[0], {3}, {9, 9, 9});
  }
}

}  // namespace
}  // namespace strata::ir
