#include "strata/tensor/integer_arithmetic.hpp"
#include "tests/ir/ops/single_op.hpp"

namespace strata::ir::testing {
namespace {

Tensor f32(float value) { return Tensor::scalar(value); }
Tensor i8(int value) { return Tensor::scalar(std::int8_t(value)); }
Tensor bytes(const Shape& shape, int value) {
  Tensor tensor = Tensor::zeros(DType::i8, shape);
  for (std::int8_t& v : tensor.mutable_data<std::int8_t>()) v = std::int8_t(value);
  return tensor;
}
Attributes mode(std::string_view name) { return {{"arithmetic", std::string(name)}}; }

std::vector<Tensor> layer(std::int64_t depth, int weight, std::int32_t bias) {
  return {bytes({1, depth}, 1),
          f32(0.5f),
          i8(-128),
          bytes({2, depth}, weight),
          f32(0.5f),
          i8(0),
          f32(1),
          i8(0),
          Tensor::from<std::int32_t>({2}, {0, bias})};
}

TEST(IntegerOps, RefuseUnknownArithmetic) {
  expect_refused("strata.QLinearGemm", layer(4, 1, 0), mode("tflite"),
                 "arithmetic is tflite; accepted: onnx, tflite_reference, tflite_optimized, "
                 "tflite_xnnpack");
  expect_refused("strata.QLinearResize", {bytes({1, 1, 2, 2}, 0)},
                 {{"sizes", std::vector<std::int64_t>{4, 4}}, {"arithmetic", std::string("onnx")}},
                 "accepted: tflite_reference");
}

TEST(IntegerOps, RefuseScalesThatAreNoNumbers) {
  for (const float scale : {0.0f, -1.0f, std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity()}) {
    for (const std::size_t operand : {1, 4, 6}) {
      std::vector<Tensor> operands = layer(4, 1, 0);
      operands[operand] = f32(scale);
      expect_refused("strata.QLinearGemm", operands, mode("tflite_xnnpack"),
                     "accepted: positive and finite");
    }
  }
}

// 255 * 127 * 66310 is just above what 32 bits hold; the second channel's bias counts, too.
TEST(IntegerOps, ProveThatSumsFit) {
  EXPECT_EQ(
      run_op("strata.QLinearGemm", layer(66309, 127, 0), mode("tflite_reference"))[0].shape()[1],
      2);
  expect_refused("strata.QLinearGemm", layer(66312, 127, 0), mode("tflite_reference"),
                 "sums of output channel 0 may reach 2147514120");
  expect_refused("strata.QLinearGemm", layer(66309, 127, 1 << 20), mode("tflite_reference"),
                 "sums of output channel 1 may reach");
  // The bound is that of the weights at hand, not of the worst ones.
  EXPECT_EQ(
      run_op("strata.QLinearGemm", layer(80000, 1, 0), mode("tflite_reference"))[0].shape()[1], 2);
}

TEST(IntegerOps, ProveSumsOfEachChannelOfConvolutions) {
  const auto operands = [](int second) {
    Tensor w = bytes({2, 70000, 1, 1}, 1);
    std::fill_n(w.mutable_data<std::int8_t>().begin() + 70000, 70000, std::int8_t(second));
    return std::vector<Tensor>{
        bytes({1, 70000, 1, 1}, 1), f32(0.5f), i8(-128), w, f32(0.5f), i8(0), f32(1), i8(0)};
  };
  const Attributes tflite = mode("tflite_reference");
  EXPECT_EQ(run_op("QLinearConv", operands(100), tflite)[0].shape()[1], 2);
  expect_refused("QLinearConv", operands(127), tflite, "output channel 1");
  EXPECT_EQ(run_op("QLinearConv", operands(127))[0].shape()[1], 2);  // ONNX's wrap
}

TEST(IntegerOps, AveragePoolsOfTfliteKeepTheGrid) {
  const Attributes window{{"arithmetic", std::string("tflite_reference")},
                          {"kernel_shape", std::vector<std::int64_t>{2, 2}}};
  const std::vector<Tensor> operands{bytes({1, 1, 2, 2}, -3), f32(0.5f), i8(1), f32(0.5f), i8(1)};
  expect_integers(run_op("strata.QLinearAveragePool", operands, window)[0], {1, 1, 1, 1}, {-3});
  std::vector<Tensor> other = operands;
  other[3] = f32(0.25f);
  expect_refused("strata.QLinearAveragePool", other, window, "scale of x is 0.5, of y 0.25");
}

TEST(IntegerOps, SixteenBitsNeedAModeOfTflite) {
  std::vector<Tensor> operands;
  for (int i = 0; i < 2; ++i) {
    operands.insert(operands.end(),
                    {Tensor::zeros(DType::i16, {2}), f32(1), Tensor::scalar<std::int16_t>(0)});
  }
  operands.insert(operands.end(), {f32(1), Tensor::scalar<std::int16_t>(0)});
  expect_refused("strata.QLinearAdd", operands, {}, "a has element type i16; accepted: i8, u8");
  EXPECT_EQ(run_op("strata.QLinearAdd", operands, mode("tflite_reference"))[0].dtype(), DType::i16);
}

TEST(IntegerOps, SubtractionIsAdditionOfTheOpposite) {
  const std::vector<Tensor> operands{Tensor::from<std::int8_t>({3}, {10, -20, 127}),
                                     f32(0.5f),
                                     i8(0),
                                     Tensor::from<std::int8_t>({3}, {4, 4, -128}),
                                     f32(1),
                                     i8(2),
                                     f32(0.5f),
                                     i8(1)};
  for (const std::string_view name : {"onnx", "tflite_reference", "tflite_xnnpack"}) {
    expect_integers(run_op("strata.QLinearSub", operands, mode(name))[0], {3}, {7, -23, 127});
  }
}

TEST(IntegerOps, CellsOfLstmsAreScaledByPowersOfTwo) {
  std::vector<Tensor> operands{
      bytes({1, 2, 3}, 1),
      f32(0.5f),
      i8(0),
      bytes({8, 3}, 1),
      Tensor::from<float>({4}, {1, 1, 1, 1}),
      bytes({8, 2}, 1),
      Tensor::from<float>({4}, {1, 1, 1, 1}),
      Tensor::zeros(DType::i32, {8}),
      bytes({1, 2}, 0),
      f32(0.0078125f),
      i8(0),
      Tensor::zeros(DType::i16, {1, 2}),
      f32(0x1p-11f),
      f32(0.0078125f),
      i8(0),
  };
  EXPECT_EQ(run_op("strata.QLinearLSTM", operands, mode("tflite_xnnpack"), 3)[2].dtype(),
            DType::i16);
  operands[12] = f32(0.001f);
  expect_refused("strata.QLinearLSTM", operands, mode("tflite_xnnpack"), "powers of two", 3);
}

TEST(DetectionPostProcess, KeepsTheBestOfBoxesThatOverlap) {
  const Tensor boxes = Tensor::zeros(DType::f32, {1, 3, 4});
  const Tensor scores = Tensor::from<float>({1, 3, 2}, {0, 0.8f, 0, 0.9f, 0, 0.4f});
  const Tensor anchors =
      Tensor::from<float>({3, 4}, {0.5f, 0.5f, 1, 1, 0.5f, 0.5f, 1, 1, 3, 3, 1, 1});
  const auto results = run_op("strata.DetectionPostProcess", {boxes, scores, anchors},
                              {{"num_classes", std::int64_t(1)},
                               {"max_detections", std::int64_t(3)},
                               {"score_threshold", 0.1f}},
                              4);
  expect_floats(results[0], {1, 3, 4}, {0, 0, 1, 1, 2.5f, 2.5f, 3.5f, 3.5f, 0, 0, 0, 0});
  expect_floats(results[1], {1, 3}, {0, 0, 0});
  expect_floats(results[2], {1, 3}, {0.9f, 0.4f, 0});
  expect_floats(results[3], {1}, {2});
  expect_refused("strata.DetectionPostProcess", {boxes, scores, anchors},
                 {{"num_classes", std::int64_t(5)}}, "classes of scores", 4);
}

}  // namespace
}  // namespace strata::ir::testing
