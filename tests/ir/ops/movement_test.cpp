#include "tests/ir/ops/single_op.hpp"

namespace strata::ir::testing {
namespace {

TEST(Slice, NegativeStepsWalkBackwards) {
  const Tensor x = counting({5});
  const auto slice = [&](std::int64_t start, std::int64_t end, std::int64_t step) {
    return run_op("Slice", {x, i64({start}), i64({end}), i64({0}), i64({step})})[0];
  };
  expect_floats(slice(-1, INT64_MIN, -1), {5}, {5, 4, 3, 2, 1});
  expect_floats(slice(3, 0, -2), {2}, {4, 2});
  expect_floats(slice(100, -100, -3), {2}, {5, 2});
  expect_floats(slice(1, 4, 2), {2}, {2, 4});
  expect_floats(slice(-2, INT64_MAX, 1), {2}, {4, 5});
  expect_floats(slice(4, 1, 1), {0}, {});
  expect_floats(slice(0, -1, -1), {0}, {});
}

TEST(Slice, RefusesBadBounds) {
  const Tensor x = counting({5, 2});
  expect_refused("Slice", {x, i64({0}), i64({1}), i64({0}), i64({0})}, {}, "steps has a 0");
  expect_refused("Slice", {x, i64({0}), i64({1}), i64({2})}, {},
                 "axis 2 is out of range for rank 2");
  expect_refused("Slice", {x, i64({0, 0}), i64({1, 1}), i64({0, -2})}, {}, "axis 0 is named twice");
  expect_refused("Slice", {x, i64({0}), i64({1, 2})}, {}, "ends has 2 entries, expected 1");
}

TEST(Pad, ReflectEdgeAndWrap) {
  const Tensor x = Tensor::from<float>({4}, {1, 2, 3, 4});
  const auto pad = [&](std::string_view mode, std::int64_t before, std::int64_t after) {
    return run_op("Pad", {x, i64({before, after})}, {{"mode", std::string(mode)}})[0];
  };
  expect_floats(pad("reflect", 2, 3), {9}, {3, 2, 1, 2, 3, 4, 3, 2, 1});
  expect_floats(pad("reflect", 7, 0), {11}, {2, 1, 2, 3, 4, 3, 2, 1, 2, 3, 4});
  expect_floats(pad("edge", 1, 2), {7}, {1, 1, 2, 3, 4, 4, 4});
  expect_floats(pad("wrap", 2, 1), {7}, {3, 4, 1, 2, 3, 4, 1});
  expect_floats(pad("constant", 1, -2), {3}, {0, 1, 2});
}

TEST(Pad, RefusesBadPads) {
  const Tensor x = counting({2, 3});
  expect_refused("Pad", {x, i64({1, 1})}, {}, "pads has 2 entries, expected 4");
  expect_refused("Pad", {x, i64({0, -2, 0, -2})}, {}, "with a negative extent");
  expect_refused("Pad", {x, i64({0, 0, 0, 0})}, {{"mode", "mirror"}},
                 "mode is 'mirror'; accepted: constant, reflect, edge, wrap");
}

TEST(Reshape, ZeroCopiesAndMinusOneInfers) {
  const Tensor x = counting({2, 3, 4});
  EXPECT_EQ(run_op("Reshape", {x, i64({0, -1})})[0].shape(), Shape({2, 12}));
  EXPECT_EQ(run_op("Reshape", {x, i64({-1, 0, 2})})[0].shape(), Shape({4, 3, 2}));
  EXPECT_EQ(
      run_op("Reshape", {counting({0, 3}), i64({7, 0})}, {{"allowzero", integer(1)}})[0].shape(),
      Shape({7, 0}));
}

TEST(Reshape, RefusesWhatCannotHold) {
  const Tensor x = counting({2, 3, 4});
  expect_refused("Reshape", {x, i64({5, 5})}, {},
                 "number of elements of the new shape is 25, expected 24");
  expect_refused("Reshape", {x, i64({5, -1})}, {}, "24 elements of [2,3,4] do not divide into");
  expect_refused("Reshape", {x, i64({-1, -1})}, {}, "shape has -1 at 0 and 1");
  expect_refused("Reshape", {x, i64({-2, 3})}, {}, "shape entry 0 is -2");
  expect_refused("Reshape", {x, i64({2, 3, 4, 0})}, {}, "shape entry 3 is 0");
  expect_refused("Reshape", {x, i64({0, -1})}, {{"allowzero", integer(1)}}, "both 0 and -1");
}

TEST(Gather, NegativeIndicesCountFromTheEnd) {
  expect_floats(run_op("Gather", {counting({3, 2}), i64({-1, 0})})[0], {2, 2}, {5, 6, 1, 2});
  expect_refused("Gather", {counting({3, 2}), i64({3})}, {}, "index is 3; accepted: [-3, 2]");
}

TEST(Gather, IndexFromDataIsCheckedWhenRun) {
  Graph graph;
  const ValueId data = graph.add_constant("data", EncodedTensor(counting({3})));
  const ValueId index = graph.add_input("index", {DType::i64, {1}});
  Builder builder(graph);
  graph.outputs = {builder.op("Gather", {data, index}, {}, "pick")};
  EXPECT_EQ(interpret(graph, std::vector{i64({-3})})[0].data<float>()[0], 1);
  for (const std::int64_t outside : {std::int64_t(3), std::int64_t(-4)}) {
    try {
      interpret(graph, std::vector{i64({outside})});
      ADD_FAILURE() << "index " << outside << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::model);
      EXPECT_STREQ(error.what(), "node pick (Gather): index out of range");
    }
  }
}

TEST(Split, LastPartIsSmaller) {
  const auto parts = run_op("Split", {counting({7})}, {{"num_outputs", integer(3)}}, 3);
  expect_floats(parts[0], {3}, {1, 2, 3});
  expect_floats(parts[2], {1}, {7});
  expect_refused("Split", {counting({7}), i64({3, 3})}, {}, "sum of split is 6, expected 7", 2);
  expect_refused("Split", {counting({7}), i64({8, -1})}, {}, "negative entry -1", 2);
}

TEST(DepthToSpace, DepthFirstAndColumnFirst) {
  const Tensor x = counting({1, 8, 1, 1});
  const Attributes dcr{{"blocksize", integer(2)}};
  expect_floats(run_op("DepthToSpace", {x}, dcr)[0], {1, 2, 2, 2}, {1, 3, 5, 7, 2, 4, 6, 8});
  const Attributes crd{{"blocksize", integer(2)}, {"mode", "CRD"}};
  expect_floats(run_op("DepthToSpace", {x}, crd)[0], {1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  expect_refused("DepthToSpace", {counting({1, 6, 1, 1})}, dcr,
                 "number of channels is 6, which 4 does not divide");
}

TEST(Concat, RefusesWhatDoesNotAlign) {
  const Attributes axis{{"axis", integer(1)}};
  expect_refused("Concat", {counting({2, 3}), counting({3, 3})}, axis,
                 "extent 0 of input 1 is 3, expected 2");
  expect_refused("Concat", {counting({2, 3}), counting({2})}, axis, "expected rank 2");
  expect_refused("Concat", {counting({2, 3})}, {}, "attribute 'axis' is missing");
}

TEST(Transpose, RefusesWhatIsNoPermutation) {
  expect_refused("Transpose", {counting({2, 3})}, {{"perm", Ints{0, 0}}},
                 "perm names axis 0 twice");
  expect_refused("Transpose", {counting({2, 3})}, {{"perm", Ints{0, 2}}}, "perm entry is 2");
  expect_refused("Transpose", {counting({2, 3})}, {{"perm", Ints{0}}}, "perm has 1 entries");
}

}  // namespace
}  // namespace strata::ir::testing
