#include "strata/compress/quantize/moments.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "strata/compress/quantize/flatten.hpp"
#include "strata/ir/builder.hpp"

namespace strata::compress {
namespace {

constexpr std::int64_t channels = 3, side = 4;

/// The first unit of a graph on batches of so many items, all numbers of an item being its index.
/// `read` and `made`: the extents of an item there; items follow one another along the first.
LayerInputs inputs(const ir::Graph& graph, const Shape& read, const Shape& made,
                   std::span<const std::int64_t> items) {
  std::vector<Tensor> in, out;
  float item = 0;
  for (const std::int64_t count : items) {
    const auto batch_of = [count](const Shape& shape) {
      std::vector<std::int64_t> extents(shape.begin(), shape.end());
      extents[0] *= count;
      return Tensor::zeros(DType::f32, Shape(extents));
    };
    in.push_back(batch_of(read));
    out.push_back(batch_of(made));
    auto to = in.back().mutable_data<float>().begin();
    for (std::int64_t i = 0; i < count; ++i) to = std::fill_n(to, read.elements(), item++);
  }
  MomentProducts products(1);
  const LayerData data{.before = in, .quantized = in, .made = out, .items = items};
  const std::vector<Unit> units = find_units(graph);
  const auto unit = std::ranges::find_if(units, &Unit::weighted);
  return layer_inputs(graph, *unit, data, true, products, [] { return false; });
}

/// A pointwise convolution and Relu, one unit.
LayerInputs conv_inputs(std::span<const std::int64_t> items) {
  ir::Graph graph;
  ir::Builder builder(graph, {});
  const ir::ValueId x =
      graph.add_input("x", {DType::f32, {Dim::symbol("N"), Dim(channels), Dim(side), Dim(side)}});
  const Tensor weight = Tensor::zeros(DType::f32, Shape{2, channels, 1, 1});
  const ir::ValueId y = builder.op("Conv", {x, builder.constant(weight, "w")});
  graph.outputs = {builder.op("Relu", {y})};
  return inputs(graph, {1, channels, side, side}, {1, 2, side, side}, items);
}

/// 0, 2, ..., 18 and 1, 3, ..., 19: sorted data are in both.
void expect_every_other(const GroupInputs& group) {
  for (std::size_t k = 0; k < std::size_t(channels); ++k) {
    EXPECT_EQ(group.halves[0].quantized_mean[k], 9);
    EXPECT_EQ(group.halves[1].quantized_mean[k], 10);
    EXPECT_EQ(group.all.mean[k], 9.5);
  }
}

TEST(Moments, HalvesHaveEveryOtherItem) {
  const std::int64_t items[] = {4, 4, 4, 4, 4};
  const LayerInputs layer = conv_inputs(items);
  expect_every_other(layer.groups.at(0));
  const SampledLayer& samples = layer.samples;
  EXPECT_EQ(samples.positions, 20 * side * side);
  EXPECT_EQ(samples.first, samples.positions / 2);
  for (std::int64_t at = 0; at < samples.positions; ++at) {
    EXPECT_EQ(int(samples.read[std::size_t(at)]) % 2, at < samples.first ? 0 : 1) << at;
  }
}

TEST(Moments, HalvesOfFlattenedLayersHaveEveryOtherItem) {
  constexpr std::int64_t tokens = 5;
  ir::Graph graph;
  ir::Builder builder(graph, {});
  const ir::ValueId x =
      graph.add_input("x", {DType::f32, {Dim::symbol("N"), Dim(tokens), Dim(channels)}});
  const Tensor weight = Tensor::zeros(DType::f32, Shape{channels, 2});
  graph.outputs = {builder.op("MatMul", {x, builder.constant(weight, "w")})};
  flatten_products(graph);
  // Rows are of items and tokens together; batches differ, and one begins with an odd item.
  const std::int64_t items[] = {7, 7, 6};
  expect_every_other(inputs(graph, {tokens, channels}, {tokens, 2}, items).groups.at(0));
}

TEST(Moments, OneItemIsHalvedByItsPositions) {
  const std::int64_t items[] = {1};
  const LayerInputs layer = conv_inputs(items);
  EXPECT_EQ(layer.samples.positions, side * side);
  EXPECT_EQ(layer.samples.first, side * side / 2);
}

}  // namespace
}  // namespace strata::compress
