#include "strata/compress/quantize/post_training.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/compress/quantize/noise.hpp"
#include "strata/compress/quantize/selection.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/ir/op.hpp"
#include "strata/ir/text.hpp"
#include "strata/ir/verify.hpp"
#include "strata/runtime/session.hpp"
#include "tests/compress/net.hpp"

namespace strata::compress {
namespace {

const NormalData& items() {
  static const NormalData data(48, {2, 8, 8}, 5);
  return data;
}

PostTraining quantize(const PostTrainingOptions& options = {}) {
  return quantize_post_training(Net().graph, items(), eval::all_items(items()), options);
}

double output_noise(const PostTraining& result, const ir::Graph& graph) {
  const Batches batches(result.original, items(), eval::all_items(items()));
  double decibels = 0;
  layer_noise(result.original, graph, result.plan, batches, {}, &decibels);
  return decibels;
}
double output_noise(const PostTraining& result) { return output_noise(result, result.graph()); }

std::set<std::string> float_ops(const ir::Graph& graph) {
  std::set<std::string> ops;
  for (const ir::NodeId id : graph.order()) {
    const ir::Node& node = graph.node(id);
    if (graph.value(node.outputs[0]).type.dtype == DType::f32) ops.emplace(node.op->name);
  }
  return ops;
}

TEST(PostTraining, ComputesEverythingItKnowsOnIntegers) {
  const PostTraining result = quantize();
  const ir::Graph graph = result.graph();
  ir::verify(graph);
  EXPECT_EQ(float_ops(graph), (std::set<std::string>{"DequantizeLinear", "Softmax"}));
  EXPECT_EQ(graph.inputs.size(), 1u);
  EXPECT_EQ(graph.value(graph.inputs[0]).name, "x");
  EXPECT_EQ(graph.value(graph.outputs[0]).name, "y");
  for (const char* name : {"conv1", "depth", "point", "sum", "left", "right", "dense"}) {
    EXPECT_TRUE(graph.find_node(name)) << name;
  }
  // Grids are shared by what moves numbers, so that it moves codes.
  EXPECT_EQ(graph.node(*graph.find_node("both")).op->name, "Concat");
  EXPECT_EQ(graph.node(*graph.find_node("pool")).op->name, "MaxPool");
}

TEST(PostTraining, BiasesCountInProductsOfScales) {
  const PostTraining result = quantize();
  for (const auto& [node, layer] : result.plan.layers) {
    for (const float scale : layer.scales) EXPECT_TRUE(std::isnormal(scale));
    EXPECT_EQ(layer.codes.dtype(), DType::i8);
    for (const std::int8_t code : layer.codes.data<std::int8_t>()) EXPECT_GT(code, -128);
  }
}

TEST(PostTraining, EveryBitHalvesTheNoise) {
  PostTrainingOptions options;
  const double eight = output_noise(quantize(options));
  options.weight_bits = options.activation_bits = 5;
  // 6 dB for each bit, but for what clipping makes of it and layers make of each other's noise.
  EXPECT_GT(eight, output_noise(quantize(options)) + 3 * 3);
}

TEST(PostTraining, RunsAsTheInterpreterSays) {
  for (const int bits : {4, 8}) {
    PostTrainingOptions options;
    options.activation_bits = bits;
    const ir::Graph graph = quantize(options).graph();
    const Batches batches(graph, items(), eval::all_items(items()));
    runtime::Session session(graph);
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const Tensor input = batches.read(i);
      const auto expected = ir::interpret(graph, std::span(&input, 1));
      const auto run = session.run(std::span(&input, 1));
      // The Softmax at the end rounds as it likes.
      for (std::int64_t at = 0; at < run[0].elements(); ++at) {
        EXPECT_NEAR(run[0].data<float>()[std::size_t(at)],
                    expected[0].data<float>()[std::size_t(at)],
                    16 * std::numeric_limits<float>::epsilon());
      }
    }
  }
}

TEST(PostTraining, NarrowActivationsStayInTheirRange) {
  PostTrainingOptions options;
  options.activation_bits = 4;
  const PostTraining result = quantize(options);
  ir::Graph graph = result.graph();
  std::vector<ir::ValueId> watched;
  for (const Unit& unit : result.plan.units) {
    const auto value = graph.find_value(result.original.value(unit.output).name);
    if (value && graph.value(*value).type.dtype == DType::i8) watched.push_back(*value);
  }
  EXPECT_GT(watched.size(), 8u);
  graph.outputs = watched;
  const Batches batches(graph, items(), eval::all_items(items()));
  const Tensor input = batches.read(0);
  for (const Tensor& tensor : ir::interpret(graph, std::span(&input, 1))) {
    for (const std::int8_t code : tensor.data<std::int8_t>()) {
      EXPECT_GE(code, -8);
      EXPECT_LE(code, 7);
    }
  }
}

TEST(PostTraining, ReconstructionHelpsNarrowWeights) {
  PostTrainingOptions options;
  options.weight_bits = 3;
  const double nearest = output_noise(quantize(options));
  options.bias_correction = true;
  const double corrected = output_noise(quantize(options));
  options.reconstruct = true;
  const double reconstructed = output_noise(quantize(options));
  EXPECT_GT(corrected, nearest);
  EXPECT_GT(reconstructed, corrected);
}

TEST(PostTraining, IsDeterministic) {
  PostTrainingOptions options;
  options.weight_bits = 4;
  options.reconstruct = options.equalize = true;
  PostTrainingOptions threaded = options;
  threaded.calibration.threads = 3;
  EXPECT_TRUE(ir::identical(quantize(options).graph(), quantize(threaded).graph()));
}

TEST(PostTraining, StopsInTheMiddleOfALayer) {
  std::atomic<bool> cancel = false;
  PostTrainingOptions options;
  options.weight_bits = 4;
  options.reconstruct = true;
  options.calibration.cancel = &cancel;
  int asked = 0;
  options.poll = [&] { ++asked; };
  EXPECT_TRUE(quantize(options).complete);
  const int all = asked;
  EXPECT_GT(all, 4 * 6);  // several times for each layer
  for (const int at : {1, all / 3, all / 2, all - 1}) {
    cancel = false;
    asked = 0;
    options.poll = [&] { cancel = cancel || ++asked >= at; };
    EXPECT_FALSE(quantize(options).complete) << at;
  }
}

TEST(PostTraining, SomeLayersHaveOtherBits) {
  PostTrainingOptions options;
  options.weight_bits = 2;
  options.layer_bits = {{"*", 3}, {"conv1", 8}};
  const PostTraining result = quantize(options);
  for (const Unit& unit : result.plan.units) {
    if (!unit.weighted()) continue;
    const auto [low, high] =
        std::ranges::minmax(result.plan.layers.at(unit.main).codes.data<std::int8_t>());
    const bool wide = unit.name == "conv1";
    EXPECT_LE(high, wide ? 127 : 3) << unit.name;
    EXPECT_GE(low, wide ? -127 : -4) << unit.name;
    EXPECT_GT(high - low, wide ? 200 : 4) << unit.name;  // more than two bits have
  }
  options.layer_bits = {{"nothing", 8}};
  EXPECT_THROW(quantize(options), Error);
  options.layer_bits = {{"*", 9}};
  EXPECT_THROW(quantize(options), Error);
}

TEST(PostTraining, EqualizedNetworksComputeTheSame) {
  PostTrainingOptions options;
  options.equalize = true;
  const PostTraining result = quantize(options);
  // conv1 is read twice and relu6 bounds: nothing but the pair right of no activation is left.
  const Batches batches(result.original, items(), eval::all_items(items()));
  const Tensor input = batches.read(0);
  const Tensor before = ir::interpret(Net().graph, std::span(&input, 1))[0];
  const Tensor after = ir::interpret(result.original, std::span(&input, 1))[0];
  for (std::int64_t i = 0; i < before.elements(); ++i) {
    // Sums of at most 72 products of numbers of some tens, a few layers deep.
    EXPECT_NEAR(before.data<float>()[std::size_t(i)], after.data<float>()[std::size_t(i)],
                72 * 32 * std::numeric_limits<float>::epsilon());
  }
}

TEST(PostTraining, KeepsWhatItIsAskedToKeep) {
  PostTrainingOptions options;
  options.keep = {"conv?", "de*"};
  const ir::Graph graph = quantize(options).graph();
  for (const char* name : {"conv1", "depth", "dense"}) {
    const auto node = graph.find_node(name);
    ASSERT_TRUE(node) << name;
    EXPECT_EQ(graph.value(graph.node(*node).outputs[0]).type.dtype, DType::f32) << name;
  }
  EXPECT_EQ(graph.node(*graph.find_node("point")).op->name, "QLinearConv");
  options.keep = {"nothing"};
  try {
    quantize(options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_NE(std::string(error.what()).find("no node is named nothing"), std::string::npos);
  }
  options.keep = {"*"};
  EXPECT_THROW(quantize(options), Error);
}

TEST(PostTraining, ContinuesACalibrationThatWasStopped) {
  const std::filesystem::path state =
      std::filesystem::path(testing::TempDir()) / "strata_calibration_state";
  std::filesystem::remove(state);
  PostTrainingOptions options;
  const ir::Graph expected = quantize(options).graph();
  std::atomic<bool> cancel = false;
  options.calibration.state = state;
  options.calibration.cancel = &cancel;
  std::int64_t done = 0;
  options.calibration.progress = [&](std::int64_t count) {
    done += count;
    cancel = true;
  };
  EXPECT_FALSE(quantize(options).complete);
  EXPECT_EQ(done, 16);  // one batch
  cancel = false;
  options.calibration.progress = [&](std::int64_t count) { done += count; };
  done = 0;
  const PostTraining result = quantize(options);
  EXPECT_EQ(done, 48);
  EXPECT_TRUE(ir::identical(result.graph(), expected));

  // Another model's state, and one that is damaged.
  options.equalize = true;
  PostTrainingOptions other = options;
  other.keep = {"dense"};
  EXPECT_THROW(quantize(other), Error);
  const std::string bytes = read_file(state, std::size_t(1) << 24);
  for (const std::size_t length :
       {std::size_t(0), std::size_t(5), std::size_t(30), bytes.size() / 2}) {
    write_file(state, bytes.substr(0, length));
    options.equalize = false;
    EXPECT_THROW(quantize(options), Error) << length;
  }
  std::filesystem::remove(state);
}

/// The same items as another --divide gives them, or others of the same shape.
class Altered : public NormalData {
 public:
  Altered(double divide, std::int64_t shift)
      : NormalData(48, {2, 8, 8}, 5), divide_(divide), shift_(shift) {}

  void read(std::int64_t index, void* out) const override {
    const Tensor item =
        normal_tensor(item_shape(), 1000 + std::uint64_t(index + shift_), 1 / divide_);
    std::memcpy(out, item.raw(), item.size_bytes());
  }

 private:
  double divide_;
  std::int64_t shift_;
};

TEST(Calibration, RefusesAStateOfOtherDataOrPreprocessing) {
  const std::filesystem::path state =
      std::filesystem::path(testing::TempDir()) / "strata_calibration_state_of_data";
  std::filesystem::remove(state);
  const ir::Graph graph = Net().graph;
  const ir::ValueId value = *graph.find_value("relu1");
  const auto run = [&](const data::Dataset& dataset) {
    CalibrationOptions options;
    options.state = state;
    const Batches batches(graph, dataset, eval::all_items(dataset));
    return calibrate(graph, std::span(&value, 1), batches, options);
  };
  EXPECT_TRUE(run(items()).complete);
  EXPECT_TRUE(run(Altered(1, 0)).complete);  // the same numbers
  for (const Altered& other : {Altered(2, 0), Altered(1, 48)}) {
    ASSERT_EQ(other.description(), items().description());
    try {
      run(other);
      ADD_FAILURE() << "the state was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_NE(std::string(error.what()).find("preprocessing"), std::string::npos) << error.what();
    }
  }
  std::filesystem::remove(state);
}

TEST(Sensitivity, PutsTheWorstLayerFirst) {
  PostTrainingOptions options;
  options.weight_bits = 3;
  const PostTraining result = quantize(options);
  const Batches batches(result.original, items(), eval::all_items(items()));
  const std::vector<LayerNoise> layers = sensitivity(result.original, result.plan, batches);
  std::size_t computing = 0;
  for (const Unit& unit : result.plan.units) computing += unit.kind != UnitKind::shared;
  ASSERT_EQ(layers.size(), computing);
  for (std::size_t i = 1; i < layers.size(); ++i) {
    EXPECT_LE(layers[i - 1].decibels, layers[i].decibels);
  }
  const double all = output_noise(result);
  const ir::Graph without_worst =
      quantized(result.original, without(result.original, result.plan, {layers[0].unit}));
  EXPECT_GT(output_noise(result, without_worst), all);
}

TEST(Selection, TradesIntegersForAgreement) {
  PostTrainingOptions options;
  options.weight_bits = 2;
  const PostTraining result = quantize(options);
  const NormalData unlabelled(48, {2, 8, 8});
  const Batches batches(result.original, unlabelled, eval::all_items(unlabelled));
  const auto layers = sensitivity(result.original, result.plan, batches);
  const Selection selection =
      explore_selection(result.original, result.plan, layers, batches, options.weight_bits);
  EXPECT_FALSE(selection.labelled);
  EXPECT_EQ(selection.original_right, 48);
  ASSERT_GT(selection.points.size(), 1u);
  EXPECT_TRUE(selection.points[0].kept.empty());
  EXPECT_DOUBLE_EQ(selection.points[0].integer_macs, 1);
  for (std::size_t i = 1; i < selection.points.size(); ++i) {
    EXPECT_LE(selection.points[i].integer_macs, selection.points[i - 1].integer_macs);
    EXPECT_GE(selection.points[i].weight_bytes, selection.points[i - 1].weight_bytes);
  }
  EXPECT_EQ(selection.points.back().right, 48);
  EXPECT_TRUE(select(selection, 1).kept.empty());
  EXPECT_EQ(select(selection, 0).right, 48);
}

}  // namespace
}  // namespace strata::compress
