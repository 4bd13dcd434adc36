#include <cmath>

#include "tests/ir/ops/single_op.hpp"

namespace strata::ir::testing {
namespace {

TEST(Div, IntegersTruncateAndZeroIsAnError) {
  expect_integers(run_op("Div", {i64({7, -7, 7, -7, INT64_MIN}), i64({2, 2, -2, -2, -1})})[0], {5},
                  {3, -3, -3, 3, INT64_MIN});
  expect_refused("Div", {i64({1, 2}), i64({1, 0})}, {}, "integer division by zero");
}

TEST(Mod, TakesTheSignOfTheDivisorOrWithFmodOfTheDividend) {
  const Tensor a = i64({-4, 7, 5, 4, -7, 8});
  const Tensor b = i64({2, -3, 8, -2, 3, 5});
  expect_integers(run_op("Mod", {a, b})[0], {6}, {0, -2, 5, 0, 2, 3});
  expect_integers(run_op("Mod", {a, b}, {{"fmod", integer(1)}})[0], {6}, {0, 1, 5, 0, -1, 3});
  expect_refused("Mod", {i64({1}), i64({0})}, {}, "integer division by zero");
}

TEST(Add, IntegersWrapAndShapesMustBroadcast) {
  expect_integers(run_op("Add", {i64({INT64_MAX}), i64({1})})[0], {1}, {INT64_MIN});
  const Tensor u8 = Tensor::from<std::uint8_t>({1}, {200});
  expect_integers(run_op("Add", {u8, u8})[0], {1}, {144});
  expect_refused("Add", {counting({2, 3}), counting({2})}, {}, "[2]");
  expect_refused("Add", {counting({2}), i64({1, 2})}, {}, "expected the same element type");
}

TEST(Round, HalvesGoToTheEvenNeighbour) {
  const Tensor x = Tensor::from<float>({6}, {0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 2.4f});
  expect_floats(run_op("Round", {x})[0], {6}, {0, 2, 2, 0, -2, 2});
}

TEST(Relu, KeepsNaN) {
  const Tensor x = Tensor::from<float>({2}, {std::nanf(""), -1});
  EXPECT_TRUE(std::isnan(run_op("Relu", {x})[0].data<float>()[0]));
}

TEST(QuantizeLinear, RoundsHalvesToEvenAndSaturates) {
  const Tensor x = Tensor::from<float>({7}, {0.5f, 1.5f, 2.5f, -0.5f, 300, -300, 3});
  const Tensor one = Tensor::scalar(1.0f);
  const Tensor zero = Tensor::scalar<std::int8_t>(0);
  expect_integers(run_op("QuantizeLinear", {x, one, zero})[0], {7}, {0, 2, 2, 0, 127, -128, 3});
  expect_integers(run_op("QuantizeLinear", {x, one, Tensor::scalar<std::uint8_t>(128)})[0], {7},
                  {128, 130, 130, 128, 255, 0, 131});
}

TEST(DequantizeLinear, RefusesScalesThatDoNotFit) {
  const Tensor x = Tensor::from<std::int8_t>({2, 2}, {1, 2, 3, 4});
  expect_refused("DequantizeLinear", {x, Tensor::from<float>({3}, {1, 2, 3})}, {},
                 "length of x_scale is 3, expected 2");
  expect_refused("DequantizeLinear", {x, Tensor::scalar(1.0f), Tensor::scalar<std::uint8_t>(0)}, {},
                 "expected the same element type");
}

TEST(Softmax, LargeNumbersDoNotOverflow) {
  const Tensor x = Tensor::from<float>({1, 2}, {1000, 1000});
  expect_floats(run_op("Softmax", {x})[0], {1, 2}, {0.5f, 0.5f});
  expect_refused("Softmax", {x}, {{"axis", integer(2)}}, "axis 2 is out of range for rank 2");
}

TEST(ReduceMax, EmptySetsGiveTheLeastNumber) {
  const auto reduce = [](const Tensor& x) {
    return run_op("ReduceMax", {x, i64({0})}, {{"keepdims", integer(0)}})[0];
  };
  EXPECT_EQ(reduce(Tensor::zeros(DType::f32, {0, 1})).data<float>()[0], -INFINITY);
  EXPECT_EQ(reduce(Tensor::zeros(DType::i8, {0, 1})).data<std::int8_t>()[0], -128);
  EXPECT_EQ(reduce(Tensor::zeros(DType::boolean, {0, 1})).data<bool>()[0], false);
  EXPECT_EQ(reduce(Tensor::from<std::int8_t>({2, 1}, {-5, -7})).data<std::int8_t>()[0], -5);
}

TEST(ReduceMean, RefusesBadAxes) {
  expect_refused("ReduceMean", {counting({2, 3}), i64({0, -2})}, {}, "axis 0 is named twice");
  expect_refused("ReduceMean", {counting({2, 3}), i64({2})}, {}, "axis 2 is out of range");
}

TEST(BatchNormalization, RefusesTrainingAndOddChannels) {
  const Tensor x = counting({1, 3, 2});
  const Tensor c = counting({3});
  expect_refused("BatchNormalization", {x, c, c, c, c}, {{"training_mode", integer(1)}},
                 "training_mode is 1; accepted: 0");
  expect_refused("BatchNormalization", {x, c, c, c, counting({2})}, {},
                 "input_var is 2, expected 3");
}

TEST(Range, CountsWholeSteps) {
  const auto scalar = [](std::int64_t v) { return Tensor::scalar(v); };
  expect_integers(run_op("Range", {scalar(10), scalar(4), scalar(-2)})[0], {3}, {10, 8, 6});
  expect_refused("Range", {scalar(1), scalar(4), scalar(0)}, {}, "delta is 0");
}

TEST(TopK, EqualValuesKeepTheirOrder) {
  const auto y = run_op("TopK", {Tensor::from<float>({5}, {1, 3, 2, 3, 3}), i64({3})}, {}, 2);
  expect_floats(y[0], {3}, {3, 3, 3});
  expect_integers(y[1], {3}, {1, 3, 4});
  expect_refused("TopK", {counting({3}), i64({4})}, {}, "K is 4; accepted: [0, 3]", 2);
}

TEST(MatMul, RefusesWhatDoesNotFit) {
  expect_refused("MatMul", {counting({2, 3}), counting({2, 3})}, {},
                 "inner extent of B is 2, expected 3");
  expect_refused("MatMul", {counting({}), counting({2, 3})}, {}, "scalars are not accepted");
  expect_refused("Gemm", {counting({2, 3}), counting({3, 2}), counting({3})}, {}, "[3]");
  expect_refused("Gemm", {counting({2, 3}), counting({3})}, {}, "expected rank 2");
}

}  // namespace
}  // namespace strata::ir::testing
