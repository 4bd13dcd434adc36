#include "tests/ir/ops/single_op.hpp"

namespace strata::ir::testing {
namespace {

const Tensor ones3x3 = Tensor::from<float>({1, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 1});

/// 0, 1, 2, ... 24 as an image.
Tensor image5x5() {
  Tensor x = counting({1, 1, 5, 5});
  for (float& value : x.mutable_data<float>()) value -= 1;
  return x;
}

// The vectors of ONNX's own examples for Conv.
TEST(Conv, WithAndWithoutPadding) {
  expect_floats(run_op("Conv", {image5x5(), ones3x3}, {{"pads", Ints{1, 1, 1, 1}}})[0],
                {1, 1, 5, 5}, {12,  21, 27, 33,  24,  33,  54,  63, 72,  51,  63,  99, 108,
                               117, 81, 93, 144, 153, 162, 111, 72, 111, 117, 123, 84});
  expect_floats(run_op("Conv", {image5x5(), ones3x3})[0], {1, 1, 3, 3},
                {54, 63, 72, 99, 108, 117, 144, 153, 162});
}

TEST(Conv, SameLowerPutsTheOddPaddingInFront) {
  const Tensor x = Tensor::from<float>({1, 1, 4}, {1, 2, 3, 4});
  const Tensor w = Tensor::from<float>({1, 1, 2}, {1, 10});
  expect_floats(run_op("Conv", {x, w}, {{"auto_pad", "SAME_LOWER"}})[0], {1, 1, 4},
                {10, 21, 32, 43});
  expect_floats(run_op("Conv", {x, w}, {{"auto_pad", "SAME_UPPER"}})[0], {1, 1, 4},
                {21, 32, 43, 4});
}

TEST(Conv, GroupsKeepChannelsApart) {
  const Tensor x = Tensor::from<float>({1, 2, 2}, {1, 2, 30, 40});
  const Tensor w = Tensor::from<float>({2, 1, 1}, {5, 7});
  const Tensor b = Tensor::from<float>({2}, {0.5f, -0.5f});
  expect_floats(run_op("Conv", {x, w, b}, {{"group", integer(2)}})[0], {1, 2, 2},
                {5.5f, 10.5f, 209.5f, 279.5f});
}

TEST(Conv, RefusesWhatDoesNotFit) {
  const Tensor x = counting({1, 4, 5, 5});
  const auto weights = [](const Shape& shape) { return Tensor::zeros(DType::f32, shape); };
  expect_refused("Conv", {x, weights({2, 3, 3, 3})}, {},
                 "number of channels of X is 4, expected 3");
  expect_refused("Conv", {x, weights({3, 2, 3, 3})}, {{"group", integer(2)}},
                 "W has 3 filters, which group 2 does not divide");
  expect_refused("Conv", {x, weights({2, 4, 3, 3})}, {{"group", integer(0)}}, "group is 0");
  expect_refused("Conv", {x, weights({2, 4, 3, 3}), weights({3})}, {},
                 "length of bias B is 3, expected 2");
  expect_refused("Conv", {x, weights({2, 4, 3})}, {}, "expected rank 4");
  expect_refused("Conv", {x, weights({2, 4, 3, 3})}, {{"strides", Ints{0, 1}}},
                 "strides is 0; accepted: [1, ");
  expect_refused("Conv", {x, weights({2, 4, 3, 3})}, {{"dilations", Ints{1}}},
                 "dilations has 1 entries, expected 2");
  expect_refused("Conv", {x, weights({2, 4, 3, 3})}, {{"pads", Ints{0, -1, 0, 0}}},
                 "pads is -1; accepted: [0, ");
  expect_refused("Conv", {x, weights({2, 4, 3, 3})}, {{"kernel_shape", Ints{3, 2}}},
                 "kernel_shape entry is 2, expected 3");
  expect_refused("Conv", {x, weights({2, 4, 3, 3})}, {{"dilations", Ints{3, 1}}},
                 "a window of 7 (kernel 3, dilation 3) does not fit extent 5");
  expect_refused("Conv", {x, weights({2, 4, 3, 3})}, {{"auto_pad", "SAME"}},
                 "auto_pad is 'SAME'; accepted: NOTSET, SAME_UPPER, SAME_LOWER, VALID");
  expect_refused("Conv", {x, weights({2, 4, 0, 3})}, {}, "kernel extent is 0");
  expect_refused("Conv", {counting({4, 5}), weights({2, 4})}, {}, "X has rank 2; accepted: 3 to 5");
}

TEST(MaxPool, CeilModeLeavesOutWindowsThatStartInTheEndPadding) {
  const Tensor x = counting({1, 1, 4, 4});
  const Attributes ceil{
      {"kernel_shape", Ints{3, 3}}, {"strides", Ints{2, 2}}, {"ceil_mode", integer(1)}};
  expect_floats(run_op("MaxPool", {x}, ceil)[0], {1, 1, 2, 2}, {11, 12, 15, 16});
  const Attributes starts_beyond{{"kernel_shape", Ints{1, 1}},
                                 {"strides", Ints{2, 2}},
                                 {"pads", Ints{0, 0, 1, 1}},
                                 {"ceil_mode", integer(1)}};
  expect_floats(run_op("MaxPool", {x}, starts_beyond)[0], {1, 1, 2, 2}, {1, 3, 9, 11});
}

TEST(MaxPool, IndicesPointIntoTheWholeInput) {
  const Tensor x = Tensor::from<float>({1, 2, 1, 4}, {1, 5, 5, 2, 9, 0, 0, 8});
  const auto y = run_op("MaxPool", {x}, {{"kernel_shape", Ints{1, 3}}}, 2);
  expect_floats(y[0], {1, 2, 1, 2}, {5, 5, 9, 8});
  expect_integers(y[1], {1, 2, 1, 2}, {1, 1, 4, 7});
}

TEST(AveragePool, CountsPaddingOnlyWhenAsked) {
  const Tensor x = Tensor::from<float>({1, 1, 3}, {2, 4, 6});
  const Attributes without{{"kernel_shape", Ints{3}}, {"pads", Ints{1, 1}}};
  expect_floats(run_op("AveragePool", {x}, without)[0], {1, 1, 3}, {3, 4, 5});
  Attributes with = without;
  with.set("count_include_pad", integer(1));
  expect_floats(run_op("AveragePool", {x}, with)[0], {1, 1, 3}, {2, 4, 10.0f / 3});
}

TEST(AveragePool, WhatCeilModeAddsIsNoPadding) {
  const Tensor x = Tensor::from<float>({1, 1, 4}, {1, 2, 3, 5});
  const Attributes attributes{{"kernel_shape", Ints{3}},
                              {"strides", Ints{2}},
                              {"ceil_mode", integer(1)},
                              {"count_include_pad", integer(1)}};
  expect_floats(run_op("AveragePool", {x}, attributes)[0], {1, 1, 2}, {2, 4});
}

TEST(Pool, RefusesWhatDoesNotFit) {
  const Tensor x = counting({1, 1, 4, 4});
  expect_refused("MaxPool", {x}, {}, "attribute 'kernel_shape' is missing");
  expect_refused("MaxPool", {x}, {{"kernel_shape", Ints{2}}}, "kernel has 1 entries, expected 2");
  expect_refused("AveragePool", {x}, {{"kernel_shape", Ints{5, 1}}}, "does not fit extent 4");
  expect_refused("AveragePool", {x}, {{"kernel_shape", Ints{2, 2}}, {"ceil_mode", integer(2)}},
                 "ceil_mode is 2; accepted: [0, 1]");
  expect_refused("AveragePool", {i64({1})}, {{"kernel_shape", Ints{2, 2}}}, "element type i64");
}

// The vector of ONNX's first example for ConvTranspose.
TEST(ConvTranspose, SpreadsEachInput) {
  Tensor x = counting({1, 1, 3, 3});
  for (float& value : x.mutable_data<float>()) value -= 1;
  const Tensor w = Tensor::from<float>({1, 1, 3, 3}, {1, 1, 1, 1, 1, 1, 1, 1, 1});
  expect_floats(
      run_op("ConvTranspose", {x, w})[0], {1, 1, 5, 5},
      {0, 1, 3, 3, 2, 3, 8, 15, 12, 7, 9, 21, 36, 27, 15, 9, 20, 33, 24, 13, 6, 13, 21, 15, 8});
}

}  // namespace
}  // namespace strata::ir::testing
