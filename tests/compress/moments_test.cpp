#include "strata/compress/quantize/moments.hpp"

#include <gtest/gtest.h>

#include "strata/base/random.hpp"
#include "strata/ir/builder.hpp"

namespace strata::compress {
namespace {

constexpr std::int64_t channels = 3, side = 4;

/// A pointwise convolution behind Relu's unit, and items (1, channels, side, side) that go in.
struct Layer {
  ir::Graph graph;
  std::vector<Unit> units;

  Layer() {
    ir::Builder builder(graph, {});
    const ir::ValueId x =
        graph.add_input("x", {DType::f32, {Dim::symbol("N"), Dim(channels), Dim(side), Dim(side)}});
    const Tensor weight = Tensor::zeros(DType::f32, Shape{2, channels, 1, 1});
    const ir::ValueId y = builder.op("Conv", {x, builder.constant(weight, "w")});
    graph.outputs = {builder.op("Relu", {y})};
    units = find_units(graph);
  }

  /// Batches of so many items each, all numbers of an item being its index.
  LayerInputs inputs(std::int64_t batches, std::int64_t batch) const {
    std::vector<Tensor> read, made;
    for (std::int64_t b = 0; b < batches; ++b) {
      read.push_back(Tensor::zeros(DType::f32, Shape{batch, channels, side, side}));
      made.push_back(Tensor::zeros(DType::f32, Shape{batch, 2, side, side}));
      for (std::int64_t i = 0; i < batch * channels * side * side; ++i) {
        read.back().mutable_data<float>()[std::size_t(i)] =
            float(b * batch + i / (channels * side * side));
      }
    }
    MomentProducts products(1);
    return layer_inputs(graph, units.at(0), read, read, made, true, products, [] { return false; });
  }
};

TEST(Moments, HalvesHaveEveryOtherItem) {
  const LayerInputs layer = Layer().inputs(5, 4);
  const GroupInputs& group = layer.groups.at(0);
  // 0, 2, ..., 18 and 1, 3, ..., 19: sorted data are in both.
  for (std::size_t k = 0; k < std::size_t(channels); ++k) {
    EXPECT_EQ(group.halves[0].quantized_mean[k], 9);
    EXPECT_EQ(group.halves[1].quantized_mean[k], 10);
    EXPECT_EQ(group.all.mean[k], 9.5);
  }
  const SampledLayer& samples = layer.samples;
  EXPECT_EQ(samples.positions, 20 * side * side);
  EXPECT_EQ(samples.first, samples.positions / 2);
  for (std::int64_t at = 0; at < samples.positions; ++at) {
    EXPECT_EQ(int(samples.read[std::size_t(at)]) % 2, at < samples.first ? 0 : 1) << at;
  }
}

TEST(Moments, OneItemIsHalvedByItsPositions) {
  const LayerInputs layer = Layer().inputs(1, 1);
  EXPECT_EQ(layer.samples.positions, side * side);
  EXPECT_EQ(layer.samples.first, side * side / 2);
}

}  // namespace
}  // namespace strata::compress
