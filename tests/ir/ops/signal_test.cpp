#include <cmath>

#include "tests/ir/ops/single_op.hpp"

namespace strata::ir {
namespace {

using testing::counting;
using testing::expect_floats;
using testing::expect_integers;
using testing::expect_refused;
using testing::i64;
using testing::run_op;

Tensor floats(const Shape& shape, std::initializer_list<float> values) {
  return Tensor::from<float>(shape, values);
}
Tensor number(std::int64_t value) { return Tensor::scalar(value); }

TEST(Dft, OfAPulseIsFlat) {
  const auto y = run_op("DFT", {floats({3, 1}, {2, 0, 0})});
  expect_floats(y[0], {3, 2}, {2, 0, 2, 0, 2, 0});
}

TEST(Dft, InverseRestoresTheSignal) {
  const Attributes onesided{{"onesided", std::int64_t(1)}};
  const Attributes back{{"onesided", std::int64_t(1)}, {"inverse", std::int64_t(1)}};
  for (const std::int64_t length : {std::int64_t(6), std::int64_t(7)}) {
    const Tensor x = counting({length, 1});
    const Tensor spectrum = run_op("DFT", {x}, onesided)[0];
    EXPECT_EQ(spectrum.shape(), Shape({length / 2 + 1, 2}));
    const Tensor y = run_op("DFT", {spectrum, number(length)}, back)[0];
    ASSERT_EQ(y.shape(), x.shape());
    for (std::size_t i = 0; i < std::size_t(length); ++i) {
      // Each of the sums of `length` terms rounds once when stored, and once when restored.
      const float tolerance = 0x1p-23f * float(length + 1) * float(length);
      EXPECT_NEAR(y.data<float>()[i], x.data<float>()[i], tolerance);
    }
  }
}

TEST(Dft, RefusesWhatItCannotTransform) {
  expect_refused("DFT", {counting({3, 1}), number(0)}, {}, "dft_length is 0");
  expect_refused("DFT", {counting({3, 3})}, {}, "last extent of input is 3");
  expect_refused("DFT", {counting({3, 1}), Tensor(), number(-1)}, {}, "that of complex numbers");
  expect_refused("DFT", {counting({3, 1}), Tensor(), number(2)}, {}, "axis 2 is out of range");
  expect_refused("DFT", {counting({3})}, {}, "input has rank 1");
}

TEST(Stft, RefusesFramesThatDoNotFit) {
  const Tensor x = counting({1, 8, 1});
  expect_refused("STFT", {x, number(2), counting({9})}, {}, "frames of 9 do not fit");
  expect_refused("STFT", {x, number(0), counting({4})}, {}, "frame_step is 0");
  expect_refused("STFT", {x, number(2), counting({4}), number(5)}, {},
                 "length of window is 4, expected 5");
}

TEST(Stft, FramesAreTransformsOfWindowedParts) {
  const Tensor x = counting({1, 4, 1});
  const Tensor y = run_op("STFT", {x, number(2), floats({2}, {1, 2})})[0];
  // Frames (1, 4) and (3, 8): sum and difference. The turn by pi is rounded, so the imaginary parts
  // are zero to within a unit of double for each magnitude.
  const float expected[] = {5, 0, -3, 0, 11, 0, -5, 0};
  ASSERT_EQ(y.shape(), Shape({1, 2, 2, 2}));
  for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(y.data<float>()[i], expected[i], 8 * 0x1p-52);
}

TEST(SignalWindow, SymmetricOnesEndWhereTheyStart) {
  const Attributes symmetric{{"periodic", std::int64_t(0)}};
  expect_floats(run_op("HannWindow", {number(5)}, symmetric)[0], {5}, {0, 0.5f, 1, 0.5f, 0});
  expect_floats(run_op("HannWindow", {number(2)})[0], {2}, {0, 1});
  expect_floats(run_op("HammingWindow", {number(1)}, symmetric)[0], {1}, {1});
  expect_refused("BlackmanWindow", {number(-1)}, {}, "size is -1");
}

TEST(MelWeightMatrix, RefusesBandsBeyondTheSpectrum) {
  const auto matrix = [](float upper, std::int64_t rate) {
    return std::vector<Tensor>{number(2), number(8), number(rate), Tensor::scalar(0.0f),
                               Tensor::scalar(upper)};
  };
  EXPECT_EQ(run_op("MelWeightMatrix", matrix(4000, 8000))[0].shape(), Shape({5, 2}));
  expect_refused("MelWeightMatrix", matrix(1e9f, 8000), {}, "outside the spectrum");
  expect_refused("MelWeightMatrix", matrix(NAN, 8000), {}, "outside the spectrum");
  expect_refused("MelWeightMatrix", matrix(4000, 0), {}, "sample_rate is not above 0");
}

TEST(TfIdfVectorizer, CountsUnigramsOnceAndPairsForEachSkip) {
  const Attributes attributes{{"mode", "TF"},
                              {"min_gram_length", std::int64_t(1)},
                              {"max_gram_length", std::int64_t(2)},
                              {"max_skip_count", std::int64_t(1)},
                              {"ngram_counts", std::vector<std::int64_t>{0, 1}},
                              {"ngram_indexes", std::vector<std::int64_t>{2, 0}},
                              {"pool_int64s", std::vector<std::int64_t>{5, 5, 6}}};
  const auto y = run_op("TfIdfVectorizer", {i64({5, 6, 6, 5})}, attributes);
  expect_floats(y[0], {3}, {2, 0, 2});
  Attributes wrong = attributes;
  wrong.set("ngram_counts", std::vector<std::int64_t>{0, 4});
  expect_refused("TfIdfVectorizer", {i64({5})}, wrong, "one length is 4; accepted: [0, 3]");
  wrong = attributes;
  wrong.set("ngram_indexes", std::vector<std::int64_t>{2});
  expect_refused("TfIdfVectorizer", {i64({5})}, wrong, "ngram_indexes has 1 entries, expected 2");
  wrong = attributes;
  wrong.set("weights", std::vector<float>{1});
  expect_refused("TfIdfVectorizer", {i64({5})}, wrong, "weights has 1 entries for 3 columns");
}

TEST(Random, NumbersDependOnTheSeedOrTheName) {
  const auto draw = [](std::string_view name, Attributes attributes) {
    attributes.set("shape", std::vector<std::int64_t>{100});
    Graph graph;
    Builder builder(graph);
    graph.outputs = {builder.op("RandomNormal", {}, attributes, name)};
    return interpret(graph, {})[0];
  };
  EXPECT_TRUE(identical(draw("a", {}), draw("a", {})));
  EXPECT_FALSE(identical(draw("a", {}), draw("b", {})));
  EXPECT_TRUE(identical(draw("a", {{"seed", 1.0f}}), draw("b", {{"seed", 1.0f}})));
  EXPECT_FALSE(identical(draw("a", {{"seed", 1.0f}}), draw("a", {{"seed", 2.0f}})));
}

TEST(Random, StaysWithinBounds) {
  const auto y =
      run_op("RandomUniform", {},
             {{"shape", std::vector<std::int64_t>{1000}}, {"low", -3.0f}, {"high", -2.0f}});
  for (const float x : y[0].data<float>()) {
    EXPECT_GE(x, -3);
    EXPECT_LE(x, -2);
  }
  const auto coins = run_op("Bernoulli", {floats({4}, {0, 1, 0, 1})});
  expect_floats(coins[0], {4}, {0, 1, 0, 1});
  const auto classes = run_op("Multinomial", {floats({1, 3}, {-INFINITY, 2, -INFINITY})},
                              {{"sample_size", std::int64_t(5)}});
  expect_integers(classes[0], {1, 5}, {1, 1, 1, 1, 1});
  expect_refused("Multinomial", {floats({1, 1}, {-INFINITY})}, {}, "not finite");
  expect_refused("RandomNormal", {}, {{"shape", std::vector<std::int64_t>{-1}}},
                 "shape entry is -1");
}

TEST(Dropout, TrainingScalesWhatItKeeps) {
  const auto y =
      run_op("Dropout", {counting({1000}), Tensor::scalar(0.75f), Tensor::scalar(true)}, {}, 2);
  std::int64_t kept = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    const bool stays = y[1].data<bool>()[i];
    EXPECT_EQ(y[0].data<float>()[i], stays ? 4 * float(i + 1) : 0);
    kept += stays;
  }
  // Six standard deviations around a quarter.
  EXPECT_NEAR(double(kept), 250, 6 * std::sqrt(1000 * 0.25 * 0.75));
  expect_refused("Dropout", {counting({2}), Tensor::scalar(1.0f), Tensor::scalar(true)}, {},
                 "ratio is not in [0, 1)");
}

TEST(Loss, MeansAreWeightedAndSkipTheIgnored) {
  const Tensor x = floats({2, 2}, {-1, -2, -3, -4});
  const auto loss = [&](const std::vector<Tensor>& more, Attributes attributes) {
    std::vector<Tensor> operands{x, i64({1, 0})};
    operands.insert(operands.end(), more.begin(), more.end());
    return run_op("NegativeLogLikelihoodLoss", operands, std::move(attributes))[0];
  };
  const Tensor weights = floats({2}, {1, 3});
  expect_floats(loss({}, {}), {}, {2.5f});
  expect_floats(loss({weights}, {}), {}, {2.25f});
  expect_floats(loss({weights}, {{"reduction", "none"}}), {2}, {6, 3});
  expect_floats(loss({weights}, {{"reduction", "sum"}}), {}, {9});
  expect_floats(loss({}, {{"ignore_index", std::int64_t(0)}}), {}, {2});
  expect_refused("NegativeLogLikelihoodLoss", {x, i64({2, 0})}, {}, "index out of range");
  expect_refused("NegativeLogLikelihoodLoss", {x, i64({0})}, {}, "extent 0 of target is 1");
}

TEST(Loss, IgnoredLabelsMayBeOutOfRange) {
  const auto y = run_op("SoftmaxCrossEntropyLoss", {floats({2, 1}, {3, 5}), i64({-100, 0})},
                        {{"ignore_index", std::int64_t(-100)}}, 2);
  expect_floats(y[0], {}, {0});
  expect_floats(y[1], {2, 1}, {0, 0});
}

TEST(BitShift, BeyondTheWidthOnlyTheSignRemains) {
  const auto shift = [](const Tensor& x, const Tensor& y, const char* direction) {
    return run_op("BitShift", {x, y}, {{"direction", direction}})[0].to_int64();
  };
  const Tensor x = Tensor::from<std::int8_t>({4}, {-3, -3, 3, -3});
  const Tensor y = Tensor::from<std::int8_t>({4}, {1, 8, 8, -1});
  EXPECT_EQ(shift(x, y, "RIGHT"), (std::vector<std::int64_t>{-2, -1, 0, -1}));
  EXPECT_EQ(shift(x, y, "LEFT"), (std::vector<std::int64_t>{-6, 0, 0, 0}));
  const Tensor wide = Tensor::from<std::uint64_t>({2}, {1ull << 62, 1});
  const Tensor by = Tensor::from<std::uint64_t>({2}, {61, ~0ull});
  EXPECT_EQ(shift(wide, by, "RIGHT"), (std::vector<std::int64_t>{2, 0}));
  expect_refused("BitShift", {x, y}, {{"direction", "UP"}}, "direction is 'UP'");
  expect_refused("BitwiseAnd", {counting({2}), counting({2})}, {}, "accepted: integers");
}

TEST(LpNormalization, ZerosStay) {
  const auto y = run_op("LpNormalization", {floats({2, 2}, {0, 0, 3, 4})});
  expect_floats(y[0], {2, 2}, {0, 0, 0.6f, 0.8f});
}

TEST(Hardmax, TheFirstMaximumWins) {
  expect_floats(run_op("Hardmax", {floats({4}, {1, 7, 7, -1})})[0], {4}, {0, 1, 0, 0});
}

TEST(BitCast, RefusesOtherSizes) {
  expect_refused("BitCast", {counting({2})}, {{"to", DType::f64}}, "accepted: types of 32 bits");
  const auto y = run_op("BitCast", {floats({1}, {1})}, {{"to", DType::i32}});
  expect_integers(y[0], {1}, {0x3f800000});
}

TEST(Shrink, IntegersTruncateTheLimits) {
  const Tensor x = Tensor::from<std::int8_t>({4}, {-2, -1, 2, 1});
  const auto y = run_op("Shrink", {x}, {{"lambd", 1.5f}, {"bias", 1.5f}});
  expect_integers(y[0], {4}, {-1, 0, 1, 0});
}

}  // namespace
}  // namespace strata::ir
