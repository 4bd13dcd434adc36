#include "tests/ir/ops/single_op.hpp"

namespace strata::ir {
namespace {

using testing::counting;
using testing::expect_floats;
using testing::expect_refused;
using testing::i64;
using testing::run_op;

const std::int64_t one = 1, two = 2;

/// Queries that like all keys alike, so that what is seen is averaged.
Tensor zeros(const Shape& shape) { return Tensor::zeros(DType::f32, shape); }

TEST(Attention, CausalQueriesSeeWhatCameBefore) {
  const Tensor q = zeros({1, 1, 2, 1});
  expect_floats(run_op("Attention", {q, q, counting({1, 1, 2, 1})}, {{"is_causal", one}})[0],
                {1, 1, 2, 1}, {1, 1.5f});
}

TEST(Attention, PastComesFirst) {
  const Tensor q = zeros({1, 1, 1, 1});
  const Tensor past = counting({1, 1, 3, 1});
  const auto y =
      run_op("Attention", {q, q, counting({1, 1, 1, 1}), {}, past, past}, {{"is_causal", one}}, 3);
  expect_floats(y[0], {1, 1, 1, 1}, {7.0f / 4});
  expect_floats(y[1], {1, 1, 4, 1}, {1, 2, 3, 0});
  expect_floats(y[2], {1, 1, 4, 1}, {1, 2, 3, 1});
}

TEST(Attention, QueryHeadsShareKeyHeads) {
  const Attributes heads{{"q_num_heads", std::int64_t(4)}, {"kv_num_heads", two}};
  const auto y =
      run_op("Attention", {zeros({1, 1, 4}), zeros({1, 1, 2}), counting({1, 1, 2})}, heads);
  expect_floats(y[0], {1, 1, 4}, {1, 1, 2, 2});
}

TEST(Attention, RowsWithoutKeysAreZero) {
  const Tensor q = zeros({1, 1, 2, 1});
  const Tensor mask = Tensor::from<bool>({2, 2}, {false, false, false, true});
  expect_floats(run_op("Attention", {q, q, counting({1, 1, 2, 1}), mask})[0], {1, 1, 2, 1}, {0, 2});
}

TEST(Attention, WindowsAndPaddingHideKeys) {
  const Tensor q = zeros({1, 1, 4, 1});
  const Tensor v = counting({1, 1, 4, 1});
  expect_floats(run_op("Attention", {q, q, v},
                       {{"left_window_size", one}, {"right_window_size", std::int64_t(0)}})[0],
                {1, 1, 4, 1}, {1, 1.5f, 2.5f, 3.5f});
  expect_floats(run_op("Attention", {q, q, v, {}, {}, {}, i64({3})})[0], {1, 1, 4, 1},
                {2, 2, 2, 2});
}

TEST(Attention, ScoresAreGivenWhereTheModeSays) {
  const Tensor q = counting({1, 1, 1, 1});
  const Tensor k = counting({1, 1, 2, 1});
  const Tensor mask = Tensor::from<float>({1, 2}, {10, 20});
  const auto scores = [&](std::int64_t mode) {
    return run_op("Attention", {q, k, k, mask}, {{"qk_matmul_output_mode", mode}, {"scale", 3.0f}},
                  4)[3];
  };
  expect_floats(scores(0), {1, 1, 1, 2}, {3, 6});
  expect_floats(scores(2), {1, 1, 1, 2}, {13, 26});
}

TEST(Attention, WhatIsWrongIsSaid) {
  const Tensor q = zeros({1, 2, 3, 4});
  expect_refused("Attention", {zeros({1, 3, 8}), zeros({1, 3, 8}), zeros({1, 3, 8})}, {},
                 "operands of rank 3 need attribute q_num_heads");
  expect_refused("Attention", {zeros({1, 3, 3, 4}), q, q}, {},
                 "Q has 3 heads; accepted: a multiple of the 2 of K");
  expect_refused("Attention", {q, q, q, {}, q}, {},
                 "past_key and past_value must be given together");
  expect_refused("Attention", {q, q, q, {}, q, q, i64({3})}, {},
                 "nonpad_kv_seqlen and past_key exclude each other");
  expect_refused("Attention", {q, q, q, zeros({5, 3})}, {},
                 "extent 0 of attn_mask is 5, expected 3");
  expect_refused("Attention", {q, zeros({1, 2, 3, 5}), q}, {}, "head size of K is 5, expected 4");
  expect_refused("Attention", {q, q, q}, {{"softmax_precision", DType::i32}},
                 "softmax_precision is i32");
  expect_refused("Attention", {zeros({1, 3, 8}), zeros({1, 3, 8}), zeros({1, 3, 8})},
                 {{"q_num_heads", std::int64_t(0)}, {"kv_num_heads", one}}, "q_num_heads is 0");
}

TEST(RotaryEmbedding, TurnsPairs) {
  const Tensor cosine = Tensor::from<float>({1, 1, 2}, {0, 1});
  const Tensor sine = Tensor::from<float>({1, 1, 2}, {1, 0});
  const Tensor x = counting({1, 1, 1, 4});
  expect_floats(run_op("RotaryEmbedding", {x, cosine, sine})[0], {1, 1, 1, 4}, {-3, 2, 1, 4});
  expect_floats(run_op("RotaryEmbedding", {x, cosine, sine}, {{"interleaved", one}})[0],
                {1, 1, 1, 4}, {-2, 1, 3, 4});
  expect_refused("RotaryEmbedding", {x, cosine, sine}, {{"rotary_embedding_dim", std::int64_t(3)}},
                 "3 elements are to be rotated; accepted: an even number");
  expect_refused("RotaryEmbedding", {counting({1, 1, 4}), cosine, sine}, {}, "num_heads is 0");
}

TEST(LinearAttention, CorrectsWhatItsStateKnows) {
  const Attributes delta{{"kv_num_heads", one},
                         {"q_num_heads", one},
                         {"scale", 1.0f},
                         {"update_rule", std::string("delta")}};
  const Tensor k = Tensor::from<float>({1, 2, 1}, {1, 1});
  const Tensor v = Tensor::from<float>({1, 2, 1}, {4, 8});
  const Tensor rate = Tensor::from<float>({1, 2, 1}, {1, 0.5f});
  const auto y = run_op("LinearAttention", {k, k, v, {}, {}, rate}, delta, 2);
  expect_floats(y[0], {1, 2, 1}, {4, 6});
  expect_floats(y[1], {1, 1, 1, 1}, {6});
  expect_refused("LinearAttention", {k, k, v}, delta,
                 "beta is omitted; update_rule 'delta' needs it");
}

}  // namespace
}  // namespace strata::ir
