#include "tests/ir/ops/single_op.hpp"

namespace strata::ir {
namespace {

using testing::counting;
using testing::expect_floats;
using testing::expect_integers;
using testing::expect_refused;
using testing::i64;
using testing::run_op;

TEST(ScatterElements, LaterUpdatesOfOneElementWin) {
  const auto y =
      run_op("ScatterElements", {Tensor::zeros(DType::f32, {3}), i64({1, 1, -1}), counting({3})});
  expect_floats(y[0], {3}, {0, 2, 3});
}

TEST(ScatterElements, ReductionsMeetAllUpdatesAndTheOldElement) {
  const Tensor data = Tensor::from<float>({2}, {2, 5});
  const Tensor updates = Tensor::from<float>({3}, {3, 7, 1});
  const auto reduce = [&](const char* how) {
    return run_op("ScatterElements", {data, i64({0, 0, 1}), updates}, {{"reduction", how}})[0];
  };
  expect_floats(reduce("add"), {2}, {12, 6});
  expect_floats(reduce("mul"), {2}, {42, 5});
  expect_floats(reduce("max"), {2}, {7, 5});
  expect_floats(reduce("min"), {2}, {2, 1});
}

TEST(ScatterElements, BooleansAddAsOr) {
  const Tensor data = Tensor::from<bool>({3}, {false, true, false});
  const Tensor updates = Tensor::from<bool>({2}, {true, false});
  const auto y = run_op("ScatterElements", {data, i64({0, 1}), updates}, {{"reduction", "add"}});
  EXPECT_TRUE(identical(y[0], Tensor::from<bool>({3}, {true, true, false})));
}

TEST(ScatterElements, RefusesWhatDoesNotFit) {
  const Tensor data = Tensor::zeros(DType::f32, {3});
  expect_refused("ScatterElements", {data, i64({3}), counting({1})}, {}, "index out of range");
  expect_refused("ScatterElements", {data, i64({-4}), counting({1})}, {}, "index out of range");
  expect_refused("ScatterElements", {data, i64({1, 2}), counting({1})}, {},
                 "extent 0 of updates is 1, expected 2");
  expect_refused("ScatterElements", {data, i64({1}), counting({1})}, {{"reduction", "mean"}},
                 "attribute reduction is 'mean'");
  expect_refused("ScatterElements", {data, i64({1}), Tensor::zeros(DType::f64, {1})}, {}, "f64");
}

TEST(ScatterND, WritesSlices) {
  const Tensor indices = Tensor::from<std::int64_t>({2, 1}, {2, -3});
  const auto y =
      run_op("ScatterND", {Tensor::zeros(DType::f32, {3, 2}), indices, counting({2, 2})});
  expect_floats(y[0], {3, 2}, {3, 4, 0, 0, 1, 2});
}

TEST(ScatterND, RefusesWhatDoesNotFit) {
  const Tensor data = Tensor::zeros(DType::f32, {3, 2});
  const auto indices = [](std::int64_t i) { return Tensor::from<std::int64_t>({1, 1}, {i}); };
  expect_refused("ScatterND", {data, indices(3), counting({1, 2})}, {}, "index out of range");
  expect_refused("ScatterND", {data, indices(0), counting({1, 3})}, {},
                 "extent 1 of updates is 3, expected 2");
  expect_refused("ScatterND", {data, Tensor::from<std::int64_t>({1, 3}, {0, 0, 0}), counting({1})},
                 {}, "last extent of indices is 3; accepted: [0, 2]");
  expect_refused("ScatterND", {data, Tensor::scalar<std::int64_t>(0), counting({1})}, {},
                 "indices is a scalar");
}

TEST(GatherND, BatchAxesPairUp) {
  const auto y = run_op("GatherND", {counting({2, 3}), Tensor::from<std::int64_t>({2, 1}, {2, -3})},
                        {{"batch_dims", std::int64_t(1)}});
  expect_floats(y[0], {2}, {3, 4});
}

TEST(GatherND, RefusesWhatDoesNotFit) {
  const Tensor data = counting({2, 3});
  expect_refused("GatherND", {data, Tensor::from<std::int64_t>({1, 2}, {0, 3})}, {},
                 "index out of range");
  expect_refused("GatherND", {data, Tensor::from<std::int64_t>({1, 3}, {0, 0, 0})}, {},
                 "last extent of indices is 3");
  expect_refused("GatherND", {data, Tensor::from<std::int64_t>({2, 1}, {0, 0})},
                 {{"batch_dims", std::int64_t(2)}}, "batch_dims is 2");
}

TEST(TensorScatter, CircularIndicesWrap) {
  const Attributes circular{{"mode", "circular"}, {"axis", std::int64_t(1)}};
  const Tensor cache = Tensor::zeros(DType::f32, {2, 3});
  const auto y = run_op("TensorScatter", {cache, counting({2, 2}), i64({2, -1})}, circular);
  expect_floats(y[0], {2, 3}, {2, 0, 1, 4, 0, 3});
}

TEST(TensorScatter, RefusesToWriteBeyondTheCache) {
  const Attributes last{{"axis", std::int64_t(1)}};
  const Tensor cache = Tensor::zeros(DType::f32, {1, 3});
  for (const std::int64_t start : {std::int64_t(2), std::int64_t(-1), INT64_MAX, INT64_MIN}) {
    expect_refused("TensorScatter", {cache, counting({1, 2}), i64({start})}, last,
                   "does not fit into the cache");
  }
  expect_refused("TensorScatter", {cache, counting({1, 4})}, last,
                 "sequence length of update is 4");
  expect_refused("TensorScatter", {cache, counting({1, 3})}, {}, "axis names axis 0");
}

TEST(ReverseSequence, RefusesLengthsBeyondTheSequence) {
  expect_refused("ReverseSequence", {counting({2, 3}), i64({1, 2, 3})}, {}, "out of range");
  expect_refused("ReverseSequence", {counting({2, 3}), i64({1, -1, 2})}, {}, "out of range");
  expect_refused("ReverseSequence", {counting({2, 3}), i64({1, 2})}, {},
                 "length of sequence_lens is 2, expected 3");
  expect_refused("ReverseSequence", {counting({2, 3}), i64({1, 2})},
                 {{"batch_axis", std::int64_t(0)}}, "both 0");
}

TEST(MaxUnpool, PlacesByIndicesOfThePooledTensor) {
  const Tensor indices = Tensor::from<std::int64_t>({1, 1, 2, 2}, {5, 7, 13, 15});
  const Attributes twos{{"kernel_shape", std::vector<std::int64_t>{2, 2}},
                        {"strides", std::vector<std::int64_t>{2, 2}}};
  const auto y = run_op("MaxUnpool", {counting({1, 1, 2, 2}), indices, i64({1, 1, 5, 5})}, twos);
  expect_floats(y[0], {1, 1, 5, 5},
                {0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0});
  const Tensor wrong = Tensor::from<std::int64_t>({1, 1, 2, 2}, {5, 7, 16, 15});
  expect_refused("MaxUnpool", {counting({1, 1, 2, 2}), wrong}, twos, "index out of range");
  expect_refused("MaxUnpool", {counting({1, 1, 2, 2}), indices, i64({1, 1, 3, 5})}, twos,
                 "output_shape entry is 3");
}

TEST(MaxPool, ColumnMajorIndicesCountTheFirstSpatialAxisFastest) {
  const Attributes columns{{"kernel_shape", std::vector<std::int64_t>{2, 2}},
                           {"strides", std::vector<std::int64_t>{2, 2}},
                           {"storage_order", std::int64_t(1)}};
  const auto y = run_op("MaxPool", {counting({1, 2, 5, 4})}, columns, 2);
  expect_integers(y[1], {1, 2, 2, 2}, {6, 16, 8, 18, 26, 36, 28, 38});
}

TEST(Col2Im, AddsWhereBlocksOverlap) {
  const auto y =
      run_op("Col2Im", {Tensor::from<float>({1, 2, 2}, {1, 2, 3, 4}), i64({3}), i64({2})});
  expect_floats(y[0], {1, 1, 3}, {1, 5, 4});
  expect_refused("Col2Im", {counting({1, 2, 2}), i64({4}), i64({2})}, {},
                 "number of blocks (axis 2 of input) is 2, expected 3");
  expect_refused("Col2Im", {counting({1, 3, 2}), i64({3}), i64({2})}, {}, "do not divide");
  expect_refused("Col2Im", {counting({1, 2, 2}), i64({3}), i64({0})}, {}, "block_shape entry is 0");
}

TEST(CenterCropPad, RoundsTowardsTheStart) {
  const auto y = run_op("CenterCropPad", {counting({4, 2}), i64({1, 5})});
  expect_floats(y[0], {1, 5}, {0, 3, 4, 0, 0});
}

TEST(OneHot, IndicesBeyondTheDepthLightNothing) {
  const auto y = run_op("OneHot", {i64({2, -3, 3, -4}), Tensor::scalar(3.0f),
                                   Tensor::from<std::int32_t>({2}, {7, 9})});
  expect_integers(y[0], {4, 3}, {7, 7, 9, 9, 7, 7, 7, 7, 7, 7, 7, 7});
  expect_refused("OneHot", {i64({2}), i64({-1}), counting({2})}, {}, "depth is -1");
  expect_refused("OneHot", {i64({2}), i64({3}), counting({3})}, {}, "length of values is 3");
}

TEST(Trilu, TakesTheDiagonalFromData) {
  const auto y = run_op("Trilu", {counting({2, 3}), Tensor::scalar(std::int64_t(INT64_MAX))});
  expect_floats(y[0], {2, 3}, {0, 0, 0, 0, 0, 0});
  const auto all = run_op("Trilu", {counting({2, 3}), Tensor::scalar(std::int64_t(INT64_MIN))});
  expect_floats(all[0], {2, 3}, {1, 2, 3, 4, 5, 6});
}

TEST(Cumulative, ProductsWrapAndExcludeTheirOwnElement) {
  const auto y = run_op("CumProd", {i64({3, 1LL << 62, 4}), Tensor::scalar<std::int64_t>(0)});
  expect_integers(y[0], {3}, {3, -(1LL << 62), 0});
  const Attributes both{{"exclusive", std::int64_t(1)}, {"reverse", std::int64_t(1)}};
  const auto z = run_op("CumProd", {i64({1, 2, 3}), Tensor::scalar<std::int64_t>(-1)}, both);
  expect_integers(z[0], {3}, {6, 3, 1});
  expect_refused("CumSum", {counting({2}), Tensor::scalar<std::int64_t>(1)}, {},
                 "axis 1 is out of");
}

/// The graph's inputs, not constants: what only data get wrong is found while running.
TEST(Cumulative, AxesFromDataAreCheckedWhileRunning) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DType::f32, {Dim(2)}});
  const ValueId axis = graph.add_input("axis", {DType::i64, {}});
  Builder builder(graph);
  graph.outputs = {builder.op("CumSum", {x, axis})};
  const std::vector<Tensor> good{counting({2}), Tensor::scalar<std::int64_t>(-1)};
  expect_floats(interpret(graph, good)[0], {2}, {1, 3});
  const std::vector<Tensor> bad{counting({2}), Tensor::scalar<std::int64_t>(1)};
  EXPECT_THROW(interpret(graph, bad), Error);
}

}  // namespace
}  // namespace strata::ir
