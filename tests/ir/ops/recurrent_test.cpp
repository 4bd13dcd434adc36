#include "tests/ir/ops/single_op.hpp"

namespace strata::ir {
namespace {

using testing::expect_floats;
using testing::expect_refused;
using testing::run_op;

using Words = std::vector<std::string>;
using Reals = std::vector<float>;

Tensor floats(const Shape& shape, const Reals& values) {
  return Tensor::from<float>(shape, values);
}

/// The function that passes its argument through.
const Attributes linear{{"activations", Words{"Affine"}}};

// h = 2 x + h / 2
const Tensor x123 = floats({3, 1, 1}, {1, 2, 3});
const Tensor w2 = floats({1, 1, 1}, {2});
const Tensor r_half = floats({1, 1, 1}, {0.5f});

TEST(Recurrent, RnnCarriesItsState) {
  const auto y = run_op("RNN", {x123, w2, r_half}, linear, 2);
  expect_floats(y[0], {3, 1, 1, 1}, {2, 5, 8.5f});
  expect_floats(y[1], {1, 1, 1}, {8.5f});
}

TEST(Recurrent, ReverseBeginsAtTheEnd) {
  Attributes attributes = linear;
  attributes.set("direction", std::string("reverse"));
  const auto y = run_op("RNN", {x123, w2, r_half}, attributes, 2);
  expect_floats(y[0], {3, 1, 1, 1}, {5.5f, 7, 6});
  expect_floats(y[1], {1, 1, 1}, {5.5f});
}

TEST(Recurrent, SequencesEndWhereTheirLengthSays) {
  Attributes attributes = linear;
  attributes.set("direction", std::string("bidirectional"));
  const Tensor x = floats({3, 2, 1}, {1, 1, 2, 2, 3, 3});
  const Tensor lengths = Tensor::from<std::int32_t>({2}, {3, 2});
  const Tensor start = floats({2, 2, 1}, {0, 4, 0, 4});
  const auto y = run_op(
      "RNN", {x, floats({2, 1, 1}, {2, 2}), floats({2, 1, 1}, {0.5f, 0.5f}), {}, lengths, start},
      attributes, 2);
  expect_floats(y[0], {3, 2, 2, 1}, {2, 4, 5.5f, 5, 5, 6, 7, 6, 8.5f, 0, 6, 0});
  expect_floats(y[1], {2, 2, 1}, {8.5f, 6, 5.5f, 5});
}

TEST(Recurrent, ClipBoundsWhatFunctionsSee) {
  Attributes attributes = linear;
  attributes.set("clip", 3.0f);
  expect_floats(run_op("RNN", {x123, w2, r_half}, attributes)[0], {3, 1, 1, 1}, {2, 3, 3});
}

// Both gates are 1/2, whatever they see.
TEST(Recurrent, GruResetsBeforeOrAfterTheProduct) {
  Attributes attributes{{"activations", Words{"Affine", "Affine"}},
                        {"activation_alpha", Reals{0, 1}},
                        {"activation_beta", Reals{0.5f, 0}}};
  const Tensor x = floats({2, 1, 1}, {1, 1});
  const Tensor ones = floats({1, 3, 1}, {1, 1, 1});
  const Tensor bias = floats({1, 6}, {0, 0, 0, 0, 0, 1});
  expect_floats(run_op("GRU", {x, ones, ones}, attributes)[0], {2, 1, 1, 1}, {0.5f, 0.875f});
  expect_floats(run_op("GRU", {x, ones, ones, bias}, attributes)[0], {2, 1, 1, 1}, {1, 1.75f});
  attributes.set("linear_before_reset", std::int64_t(1));
  expect_floats(run_op("GRU", {x, ones, ones, bias}, attributes)[0], {2, 1, 1, 1},
                {0.75f, 1.3125f});
}

// All gates are 1, so that the cell adds up.
TEST(Recurrent, LstmAddsToItsCellOrReplacesItWhereGatesAreCoupled) {
  Attributes attributes{{"activations", Words{"Affine", "Affine", "Affine"}},
                        {"activation_alpha", Reals{0, 1, 1}},
                        {"activation_beta", Reals{1, 0, 0}}};
  const Tensor ones = floats({1, 4, 1}, {1, 1, 1, 1});
  const Tensor zeros = floats({1, 4, 1}, {0, 0, 0, 0});
  const auto y = run_op("LSTM", {x123, ones, zeros}, attributes, 3);
  expect_floats(y[0], {3, 1, 1, 1}, {1, 3, 6});
  expect_floats(y[2], {1, 1, 1}, {6});
  attributes.set("input_forget", std::int64_t(1));
  expect_floats(run_op("LSTM", {x123, ones, zeros}, attributes)[0], {3, 1, 1, 1}, {1, 2, 3});
}

// i = 1 * c before, f = 2 * c before, o = 3 * c after: c = 2 c c + c x
TEST(Recurrent, PeepholesShowTheCell) {
  const Attributes attributes{{"activations", Words{"Affine", "Affine", "Affine"}}};
  const Tensor w = floats({1, 4, 1}, {0, 0, 0, 1});
  const Tensor r = floats({1, 4, 1}, {0, 0, 0, 0});
  const Tensor p = floats({1, 3}, {1, 3, 2});
  const Tensor start = floats({1, 1, 1}, {2});
  const auto y =
      run_op("LSTM", {floats({1, 1, 1}, {5}), w, r, {}, {}, {}, start, p}, attributes, 3);
  expect_floats(y[2], {1, 1, 1}, {18});
  expect_floats(y[1], {1, 1, 1}, {54 * 18});
}

TEST(Recurrent, WhatIsWrongIsSaid) {
  expect_refused("RNN", {x123, w2, r_half}, {{"activations", Words{"Swoosh"}}},
                 "activation 'Swoosh'; accepted: Affine");
  expect_refused("LSTM", {x123, floats({1, 4, 1}, {0, 0, 0, 0}), floats({1, 4, 1}, {0, 0, 0, 0})},
                 {{"activations", Words{"Tanh"}}}, "activations has 1 entries, expected 3, or 6");
  expect_refused("RNN", {x123, w2, r_half}, {{"direction", std::string("sideways")}},
                 "accepted: forward, reverse, bidirectional");
  expect_refused("GRU", {x123, w2, r_half}, {}, "extent 1 of W is 1, expected 3");
  expect_refused("RNN", {x123, w2, r_half}, {{"hidden_size", std::int64_t(7)}},
                 "extent 2 of R is 1, expected 7");
  expect_refused("RNN", {x123, w2, r_half}, {{"layout", std::int64_t(2)}}, "layout is 2");
  expect_refused("RNN", {x123, w2, r_half, {}, Tensor::from<std::int32_t>({1}, {4})}, {},
                 "a length beyond the sequence");
  expect_refused("RNN", {x123, w2, r_half, {}, Tensor::from<std::int32_t>({1}, {-1})}, {},
                 "a length beyond the sequence");
  expect_refused("RNN", {x123, w2, r_half, {}, {}, floats({1, 2, 1}, {0, 0})}, {},
                 "extent 1 of initial_h is 2, expected 1");
}

}  // namespace
}  // namespace strata::ir
