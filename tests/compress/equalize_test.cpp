#include "strata/compress/quantize/equalize.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "strata/ir/interpreter.hpp"
#include "tests/compress/net.hpp"

namespace strata::compress {
namespace {

/// conv, relu, depthwise, relu, conv, (flatten) and a Gemm that is not in the chain.
ir::Graph chain() {
  ir::Graph graph;
  ir::Builder builder(graph);
  const auto weight = [&](const Shape& shape, std::uint64_t seed, std::string_view name) {
    Tensor tensor = normal_tensor(shape, seed);
    // Channels of very different size.
    const std::int64_t inner = tensor.elements() / shape[0];
    for (std::int64_t i = 0; i < tensor.elements(); ++i) {
      tensor.mutable_data<float>()[std::size_t(i)] *= std::exp2(float(i / inner % 5) - 2);
    }
    return builder.constant(tensor, name);
  };
  ir::ValueId x = graph.add_input("x", {DType::f32, {Dim(2), Dim(3), Dim(6), Dim(6)}});
  x = builder.op("Conv", {x, weight({6, 3, 3, 3}, 1, "w1"), weight(Shape{6}, 2, "b1")});
  x = builder.op("Relu", {x});
  x = builder.op("Conv", {x, weight({6, 1, 3, 3}, 3, "w2"), weight(Shape{6}, 4, "b2")},
                 {{"group", std::int64_t(6)}});
  x = builder.op("Relu", {x});
  x = builder.op("Conv", {x, weight({4, 6, 1, 1}, 5, "w3")});
  x = builder.op("Clip", {x, builder.constant(Tensor::scalar(-1.0f))});
  x = builder.op("Conv", {x, weight({3, 4, 1, 1}, 6, "w4")});
  graph.outputs = {x};
  return graph;
}

std::vector<float> ranges(const Tensor& tensor, std::int64_t channels, std::int64_t inner) {
  std::vector<float> largest(static_cast<std::size_t>(channels));
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    float& of = largest[std::size_t(i / inner % channels)];
    of = std::max(of, std::abs(tensor.data<float>()[std::size_t(i)]));
  }
  return largest;
}

TEST(Equalize, KeepsWhatTheNetworkComputes) {
  const ir::Graph before = chain();
  ir::Graph after = before;
  EXPECT_EQ(equalize(after), 2u);  // a Clip is in the way of the third pair
  const Tensor x = normal_tensor({2, 3, 6, 6}, 9);
  const Tensor expected = ir::interpret(before, std::span(&x, 1))[0];
  const Tensor result = ir::interpret(after, std::span(&x, 1))[0];
  float largest = 0;
  for (const float y : expected.data<float>()) largest = std::max(largest, std::abs(y));
  // Three layers of sums of at most 27 products, each factor rounded once.
  const float tolerance = 3 * 28 * std::numeric_limits<float>::epsilon() * largest;
  for (std::int64_t i = 0; i < expected.elements(); ++i) {
    EXPECT_NEAR(expected.data<float>()[std::size_t(i)], result.data<float>()[std::size_t(i)],
                tolerance);
  }
}

TEST(Equalize, GivesNeighboursLikeRanges) {
  ir::Graph graph = chain();
  equalize(graph);
  const auto weight = [&](const char* name) {
    return graph.value(*graph.find_value(name)).constant->decode();
  };
  const auto first = ranges(weight("w1"), 6, 27), middle = ranges(weight("w2"), 6, 9);
  const auto last = ranges(weight("w3"), 6, 1);
  for (std::size_t c = 0; c < 6; ++c) {
    EXPECT_NEAR(first[c] / middle[c], 1, 0.01) << c;
    EXPECT_NEAR(middle[c] / last[c], 1, 0.01) << c;
  }
}

}  // namespace
}  // namespace strata::compress
