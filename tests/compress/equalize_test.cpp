#include "strata/compress/quantize/equalize.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/compress/quantize/factors.hpp"
#include "strata/ir/interpreter.hpp"
#include "tests/compress/net.hpp"

namespace strata::compress {
namespace {

/// conv, relu, depthwise, relu (or a bound), conv, and one behind a bound that is in the way.
ir::Graph chain(float bound = 0) {
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
  ir::ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), Dim(3), Dim(6), Dim(6)}});
  x = builder.op("Conv", {x, weight({6, 3, 3, 3}, 1, "w1"), weight(Shape{6}, 2, "b1")});
  x = builder.op("Relu", {x});
  graph.rename(x, "a");
  x = builder.op("Conv", {x, weight({6, 1, 3, 3}, 3, "w2"), weight(Shape{6}, 4, "b2")},
                 {{"group", std::int64_t(6)}});
  x = bound > 0 ? builder.op("Clip", {x, builder.constant(Tensor::scalar(0.0f)),
                                      builder.constant(Tensor::scalar(bound))})
                : builder.op("Relu", {x});
  graph.rename(x, "b");
  x = builder.op("Conv", {x, weight({4, 6, 1, 1}, 5, "w3")});
  x = builder.op("Clip", {x, builder.constant(Tensor::scalar(-1.0f))});
  x = builder.op("Conv", {x, weight({3, 4, 1, 1}, 6, "w4")});
  graph.outputs = {x};
  return graph;
}

const NormalData& items() {
  static const NormalData data(12, {3, 6, 6});
  return data;
}

std::size_t equalize_on_data(ir::Graph& graph) {
  return equalize(graph, Batches(graph, items(), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}));
}

/// Largest magnitude of each channel of a value (N, C, ...) over the data.
std::vector<float> reaches(ir::Graph graph, std::string_view name) {
  graph.outputs = {*graph.find_value(name)};
  std::vector<float> largest;
  const Batches batches(graph, items(), {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const Tensor x = batches.read(i);
    const Tensor y = ir::interpret(graph, std::span(&x, 1))[0];
    const auto channels = std::size_t(y.shape()[1]);
    largest.resize(channels);
    const std::int64_t inner = y.shape().elements(2, y.shape().rank());
    for (std::int64_t at = 0; at < y.elements(); ++at) {
      float& of = largest[std::size_t(at / inner) % channels];
      of = std::max(of, std::abs(y.data<float>()[std::size_t(at)]));
    }
  }
  return largest;
}

float ratio(const std::vector<float>& reach) {
  float least = std::numeric_limits<float>::infinity(), most = 0;
  for (const float x : reach) {
    if (x > 0) least = std::min(least, x);
    most = std::max(most, x);
  }
  return most / least;
}

TEST(Equalize, KeepsWhatTheNetworkComputes) {
  const ir::Graph before = chain();
  ir::Graph after = before;
  EXPECT_GT(equalize_on_data(after), 0u);
  const Tensor x = normal_tensor({2, 3, 6, 6}, 1000);
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

TEST(Equalize, ChannelsOfSmallNumbersFillTheGrid) {
  ir::Graph graph = chain();
  const float before = ratio(reaches(graph, "a"));
  equalize_on_data(graph);
  // What a depthwise layer reads may be scaled for nothing: its weights have a scale each.
  EXPECT_LT(ratio(reaches(graph, "a")), before / 2);
}

TEST(Equalize, ChannelsThatReachTheBoundMoveLittle) {
  const ir::Graph before = chain(6);
  ir::Graph after = before;
  equalize_on_data(after);
  const std::vector<float> old = reaches(before, "b"), now = reaches(after, "b");
  const auto least = float(6 * factor_of(-largest_bounded_exponent));
  bool reached = false;
  for (std::size_t c = 0; c < old.size(); ++c) {
    EXPECT_LE(now[c], 6.0f);
    if (old[c] < 6) continue;
    EXPECT_GE(now[c], least) << c;
    reached = true;
  }
  EXPECT_TRUE(reached);
}

}  // namespace
}  // namespace strata::compress
