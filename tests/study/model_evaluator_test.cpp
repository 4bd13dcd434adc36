#include "strata/study/model_evaluator.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "strata/base/error.hpp"
#include "strata/base/random.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/formats/load.hpp"
#include "strata/formats/save.hpp"
#include "strata/ir/builder.hpp"
#include "strata/ir/interpreter.hpp"
#include "strata/runtime/session.hpp"
#include "strata/study/node_times.hpp"
#include "strata/tensor/encodings/affine.hpp"

namespace strata::study {
namespace {

constexpr std::uint64_t seed = 7;
constexpr std::int64_t channels = 8, classes = 4;

Tensor random_tensor(const Shape& shape, Random& random, double scale) {
  Tensor tensor = Tensor::zeros(DType::f32, shape);
  for (float& x : tensor.mutable_data<float>()) x = float(scale * random.normal());
  return tensor;
}

/// conv "first", conv "planted", gemm "last". int8 ruins the planted one: each of its output
/// channels has one huge weight, for an input channel that is always zero, so that the float
/// network does not notice and all other weights round to zero.
ir::Graph planted_network() {
  Random random(seed);
  ir::Graph graph;
  ir::Builder builder(graph);
  const auto constant = [&](Tensor tensor, std::string_view name) {
    return builder.constant(std::move(tensor), name);
  };
  const auto conv = [&](ir::ValueId x, ir::ValueId w, ir::ValueId b, std::string_view name) {
    const ir::ValueId y = builder.op("Conv", {x, w, b}, {}, name);
    graph.node(graph.value(y).producer).sources = {std::string(name)};
    return builder.op("Relu", {y});
  };
  ir::ValueId x = graph.add_input("x", {DType::f32, {Dim::symbol("N"), 2, 7, 7}});
  Tensor w1 = random_tensor({channels, 2, 3, 3}, random, 0.4);
  Tensor b1 = random_tensor({channels}, random, 0.1);
  std::ranges::fill(w1.mutable_data<float>().first(2 * 9), 0.0f);
  b1.mutable_data<float>()[0] = -1;  // channel 0 is zero after Relu
  x = conv(x, constant(w1, "w1"), constant(b1, "b1"), "first");
  Tensor w2 = random_tensor({channels, channels, 3, 3}, random, 0.2);
  for (std::int64_t c = 0; c < channels; ++c) {
    w2.mutable_data<float>()[std::size_t(c * channels * 9)] = 1000;
  }
  x = conv(x, constant(w2, "w2"), constant(random_tensor({channels}, random, 0.1), "b2"),
           "planted");
  x = builder.op("Flatten", {x});
  const ir::ValueId w3 = constant(random_tensor({classes, channels * 9}, random, 0.2), "w3");
  x = builder.op("Gemm", {x, w3}, {{"transB", std::int64_t(1)}}, "last");
  graph.node(graph.value(x).producer).sources = {"last"};
  graph.outputs = {x};
  return graph;
}

/// Random records that a network classifies with some margin, labelled by it.
class Labelled final : public data::Dataset {
 public:
  static Labelled by(const ir::Graph& graph, std::int64_t count) {
    Random random(seed + 1);
    std::vector<Tensor> records;
    std::vector<std::int32_t> labels;
    while (std::int64_t(records.size()) < count) {
      const Tensor input = random_tensor({1, 2, 7, 7}, random, 1);
      const std::vector<float> scores = ir::interpret(graph, std::span(&input, 1))[0].to_float();
      const auto best = data::top_k(scores, 2);
      const auto [low, high] = std::ranges::minmax(scores);
      if (scores[std::size_t(best[0])] - scores[std::size_t(best[1])] < (high - low) / 10) continue;
      records.push_back(input);
      labels.push_back(best[0]);
    }
    return Labelled(std::move(records), std::move(labels));
  }

  void read(std::int64_t index, void* out) const override {
    const auto bytes = records_[std::size_t(index)].bytes();
    std::memcpy(out, bytes.data(), bytes.size());
  }

 private:
  Labelled(std::vector<Tensor> records, std::vector<std::int32_t> labels)
      : Dataset({.size = std::int64_t(records.size()),
                 .item_shape = Shape{2, 7, 7},
                 .labels = std::move(labels)}),
        records_(std::move(records)) {}

  std::vector<Tensor> records_;
};

/// Real accuracies and sizes; time stands still, as tests do not depend on the machine's mood.
class Timeless final : public Evaluator {
 public:
  explicit Timeless(Evaluator& evaluator) : evaluator_(evaluator) {}
  std::optional<Measured> measure(const Configuration& configuration, double effort,
                                  const Stopped& stopped) override {
    auto measured = evaluator_.measure(configuration, effort, stopped);
    if (measured) measured->ratio = {1, 1, 1, 1};
    return measured;
  }
  std::vector<tune::NodeRows> kernels(const Configuration&) override { return {}; }

 private:
  Evaluator& evaluator_;
};

struct Planted {
  ir::Graph graph = planted_network();
  Labelled dataset = Labelled::by(graph, 200);
  ModelEvaluator evaluator{graph, 1000000, dataset, eval::all_items(dataset), {.race_s = 1e-4}};
};

// Part 8 of the specification, with a real network: exactly the planted layer stays wider.
TEST(ModelEvaluator, ExactlyThePlantedLayerStaysWider) {
  Planted planted;
  for (const char* strategy : {"staged", "exhaustive"}) {
    SCOPED_TRACE(strategy);
    Timeless evaluator(planted.evaluator);
    SearchOptions options;
    options.limits.max_drop = 0.05;
    options.strategy = strategy;
    const SearchResult result = search_versions(planted.evaluator.space(1), evaluator, options);
    const Configuration& chosen = result.candidates[std::size_t(result.chosen)].configuration;
    for (const char* layer : {"first", "last"}) {
      EXPECT_TRUE(affine_format(find_encoding(chosen.encodings.at(layer)))) << layer;
    }
    EXPECT_TRUE(chosen.encodings.at("planted").ends_with("f16")) << chosen.encodings.at("planted");
  }
}

TEST(ModelEvaluator, CountsAgainstTheDefault) {
  Planted planted;
  const Measured original = *planted.evaluator.measure({}, 1, {});
  EXPECT_FALSE(original.failed()) << original.failure;
  EXPECT_EQ(original.count, 200);
  EXPECT_EQ(original.correct, 200);  // it gave the labels
  EXPECT_EQ(original.file_bytes, 1000000);
  EXPECT_EQ(original.ratio.median, 1);
  const Measured ruined =
      *planted.evaluator.measure({.encodings = {{"planted", "i8_channel"}}}, 1, {});
  EXPECT_EQ(ruined.gained, 0);
  EXPECT_EQ(ruined.correct, 200 - ruined.lost);
  EXPECT_GT(ruined.drop(), 0.2);
  EXPECT_GT(ruined.latency.median, 0);
}

// The file is what was measured: loaded again it has the size and gives the same predictions.
TEST(ModelEvaluator, VersionsSurviveTheirFile) {
  Planted planted;
  for (const Encoding* encoding : all_encodings()) {
    SCOPED_TRACE(encoding->name);
    Configuration configuration;
    for (const char* layer : {"first", "planted", "last"}) {
      configuration.encodings[layer] = encoding->name;
    }
    const std::string bytes = formats::onnx_bytes(planted.evaluator.version(configuration));
    const Measured measured = *planted.evaluator.measure(configuration, 1, {});
    EXPECT_EQ(std::int64_t(bytes.size()), measured.file_bytes);
    runtime::Session loaded(formats::load(std::as_bytes(std::span(bytes))));
    const auto items = eval::all_items(planted.dataset);
    const auto here =
        eval::evaluate(planted.evaluator.program(configuration), planted.dataset, items);
    const auto there = eval::evaluate(loaded.shared_program(), planted.dataset, items);
    EXPECT_EQ(here.predictions, there.predictions);
    EXPECT_EQ(here.accuracy().correct, measured.correct);
    // Node names are the user's.
    const ir::Graph again = formats::load(std::as_bytes(std::span(bytes)));
    for (const char* layer : {"first", "planted", "last"}) EXPECT_TRUE(again.find_node(layer));
  }
}

// The same of TensorFlow Lite, whose integers round in another way: what is measured is the file.
TEST(ModelEvaluator, VersionsAreTheirTfliteFiles) {
  const ir::Graph graph = planted_network();
  const Labelled dataset = Labelled::by(graph, 100);
  ModelEvaluatorOptions options{.race_s = 1e-4};
  options.format = formats::Format::tflite;
  ModelEvaluator evaluator{graph, 1000000, dataset, eval::all_items(dataset), options};
  const SearchSpace space = evaluator.space(1);
  for (const char* name : {"dense", "f16", "i8_tensor", "i8_channel", "static_i8"}) {
    EXPECT_EQ(std::ranges::count(space.encodings, name), 1) << name;
  }
  for (const char* name : {"bf16", "i4_group32", "static_i4"}) {
    EXPECT_EQ(std::ranges::count(space.encodings, name), 0) << name;
  }
  for (const std::string& encoding : space.encodings) {
    SCOPED_TRACE(encoding);
    Configuration configuration;
    for (const char* layer : {"first", "planted", "last"}) {
      configuration.encodings[layer] = encoding;
    }
    const Measured measured = *evaluator.measure(configuration, 1, {});
    ASSERT_FALSE(measured.failed()) << measured.failure;
    const TfliteForm form = evaluator.tflite_version(configuration);
    EXPECT_EQ(std::int64_t(form.bytes->size()), measured.file_bytes);
    runtime::Session loaded(formats::load(std::as_bytes(std::span(*form.bytes))));
    const auto there = eval::evaluate(loaded.shared_program(), dataset, eval::all_items(dataset));
    EXPECT_EQ(there.accuracy().correct, measured.correct);
    for (const char* layer : {"first", "planted", "last"}) {
      EXPECT_TRUE(form.graph.find_node(layer)) << layer;
    }
  }
}

TEST(ModelEvaluator, WhatCannotRunIsAFailureWithItsReason) {
  Planted planted;
  const Measured unknown = *planted.evaluator.measure({.encodings = {{"middle", "f16"}}}, 1, {});
  EXPECT_EQ(unknown.failure, "no layer with weights is named middle");
  const Measured pinned = *planted.evaluator.measure({.kernels = {{"last", "no_such_row"}}}, 1, {});
  EXPECT_NE(pinned.failure.find("no_such_row"), std::string::npos) << pinned.failure;
}

TEST(ModelEvaluator, OfferedKernelsRun) {
  Planted planted;
  for (const tune::NodeRows& node : planted.evaluator.kernels({})) {
    for (const tune::RowOption& option : node.options) {
      const Measured measured =
          *planted.evaluator.measure({.kernels = {{node.node, option.row}}}, 1, {});
      EXPECT_FALSE(measured.failed()) << measured.failure;
      EXPECT_EQ(measured.lost, 0) << node.node << " " << option.row;
    }
  }
}

TEST(ModelEvaluator, TimesEveryOfferedRowWithinThePlan) {
  Planted planted;
  const std::vector<tune::NodeRows> nodes = planted.evaluator.kernels({});
  ASSERT_FALSE(nodes.empty());
  const auto make = [&](const std::map<std::string, std::string>& pins) {
    return planted.evaluator.runner({.kernels = pins});
  };
  const NodeTimesOptions brief{.seconds = 0, .most_runs = 3};
  for (const tune::NodeRows& node : timed_rows(nodes, make, brief)) {
    for (std::size_t i = 0; i < std::min<std::size_t>(node.options.size(), 5); ++i) {
      EXPECT_GT(node.options[i].measured, 0) << node.node << " " << node.options[i].row;
    }
  }
  // Stopped at once, nothing is said.
  for (const tune::NodeRows& node : timed_rows(nodes, make, brief, [] { return true; })) {
    EXPECT_EQ(node.fastest(), nullptr);
  }
  for (const tune::NodeRows& node : planted.evaluator.timed_kernels({}, {})) {
    EXPECT_GT(node.gain(), 0) << node.node;
  }
}

TEST(ModelEvaluator, TimesLayersOnIntegersAgainstFloats) {
  Planted planted;
  EXPECT_TRUE(planted.evaluator.integer_times({}, {}).empty());
  const auto times = planted.evaluator.integer_times({.encodings = {{"first", "static_i8"}}}, {});
  ASSERT_EQ(times.size(), 1u);
  EXPECT_EQ(times[0].layer, "first");
  EXPECT_GT(times[0].seconds, 0);
  EXPECT_GT(times[0].float_seconds, 0);
}

// Precision is judged by accuracy as any other choice.
TEST(ModelEvaluator, RunsInEveryWayThatItOffers) {
  Planted planted;
  for (const ExecutionChoice& choice : planted.evaluator.space(2).execution) {
    for (const std::string& value : choice.values) {
      if (value == choice.values.front()) continue;
      const Configuration configuration{.execution = {{choice.name, value}}};
      const Measured measured = *planted.evaluator.measure(configuration, 1, {});
      EXPECT_FALSE(measured.failed()) << choice.name << " " << value << " " << measured.failure;
      EXPECT_GT(measured.count, 0);
      const runtime::SavedChoices saved =
          runtime::saved_choices(planted.evaluator.file_info(configuration).metadata);
      EXPECT_TRUE(saved.any()) << choice.name;
    }
  }
}

TEST(ModelEvaluator, OffersOnlyPassesThatFindSomething) {
  Planted planted;
  std::vector<std::string> names;
  for (const ExecutionChoice& choice : planted.evaluator.space(1).execution) {
    names.push_back(choice.name);
  }
  EXPECT_EQ(std::ranges::count(names, "fuse"), 1);
  EXPECT_EQ(std::ranges::count(names, "fuse_attention"), 0);
  EXPECT_EQ(std::ranges::count(names, "recognize_norm"), 0);
}

TEST(ModelEvaluator, StopsWhenAsked) {
  Planted planted;
  int asked = 0;
  EXPECT_FALSE(planted.evaluator.measure({}, 1, [&] { return ++asked > 0; }).has_value());
}

TEST(ModelEvaluator, ACalibrationThatWasStoppedIsNotKept) {
  Planted planted;
  ASSERT_FALSE(planted.evaluator.measure({}, 1, {})->failed());
  const auto stopped = [] { return true; };
  for (const char* scheme : {"static_i8", "static_i4"}) {
    const Configuration integers{.encodings = {{"first", scheme}}};
    try {
      planted.evaluator.version(integers, stopped);
      ADD_FAILURE() << scheme << " was made";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
    }
    EXPECT_FALSE(planted.evaluator.measure(integers, 1, stopped).has_value());
    const Measured measured = *planted.evaluator.measure(integers, 1, {});
    EXPECT_FALSE(measured.failed()) << measured.failure;
  }
}

TEST(ModelEvaluator, OffersIntegersWithoutCalibrating) {
  const ir::Graph graph = planted_network();
  const Labelled good = Labelled::by(graph, 40);
  class Unreadable final : public data::Dataset {
   public:
    Unreadable() : Dataset({.size = 40, .item_shape = Shape{2, 7, 7}}) {}
    void read(std::int64_t, void*) const override { fail(ErrorCode::io, "gone"); }
  };
  const Unreadable gone;
  const ModelEvaluator evaluator(graph, 1000000, gone, eval::all_items(good));
  const auto encodings = evaluator.space(1).encodings;
  EXPECT_EQ(std::ranges::count(encodings, "static_i4"), 1);
}

TEST(ModelEvaluator, JudgesOnlyWhatItIsGiven) {
  Planted planted;
  const std::vector<std::int64_t> unseen = {3, 5, 8};
  const Verdict verdict = planted.evaluator.judge({.encodings = {{"first", "f16"}}}, unseen, {});
  EXPECT_EQ(verdict.original.count, 3);
  EXPECT_EQ(verdict.chosen.count, 3);
  EXPECT_EQ(verdict.drop.count, 3);
  EXPECT_EQ(verdict.original.correct, 3);
  EXPECT_TRUE(verdict.complete);
}

TEST(ModelEvaluator, AVerdictThatStopsStandsOnAFairSample) {
  Planted planted;
  const std::vector<std::int64_t> unseen = eval::all_items(planted.dataset);
  const Configuration ruined{.encodings = {{"planted", "i8_channel"}}};
  const Verdict some = planted.evaluator.judge(ruined, unseen, [] { return true; });
  EXPECT_FALSE(some.complete);
  EXPECT_GE(some.drop.count, 16);
  EXPECT_LT(some.drop.count, 200);
  const Verdict all = planted.evaluator.judge(ruined, unseen, {});
  EXPECT_TRUE(all.complete);
  EXPECT_EQ(all.drop.count, 200);
  // The few are no beginning of the list: their interval holds what all of them say.
  EXPECT_LE(some.drop.interval.low, all.drop.drop);
  EXPECT_GE(some.drop.interval.high, all.drop.drop);
}

TEST(ModelEvaluator, TellsWhichStepIsBeyondTheMemory) {
  const ir::Graph graph = planted_network();
  const Labelled dataset = Labelled::by(graph, 20);
  ModelEvaluatorOptions options{.race_s = 1e-4, .memory_budget = 64};
  ModelEvaluator evaluator(graph, 1000000, dataset, eval::all_items(dataset), options);
  const Measured original = *evaluator.measure({}, 1, {});
  EXPECT_FALSE(original.failed());  // the reference is measured all the same
  EXPECT_EQ(original.count, 20);
  EXPECT_NE(original.over_budget.find("memory budget of 64 bytes does not hold"), std::string::npos)
      << original.over_budget;
  EXPECT_NE(original.over_budget.find("planted"), std::string::npos) << original.over_budget;
  const Measured unfused = *evaluator.measure({.execution = {{"fuse", "off"}}}, 1, {});
  EXPECT_EQ(unfused.failure, unfused.over_budget);
  EXPECT_GT(unfused.peak_bytes, 64);
  EXPECT_EQ(unfused.count, 0);
}

TEST(ModelEvaluator, RefusesAModelWithoutOnePlan) {
  Planted planted;
  ir::Graph graph;
  ir::Builder builder(graph);
  const ir::ValueId x = graph.add_input("x", {DType::f32, {8}});
  graph.outputs = {builder.op("NonZero", {builder.op("Relu", {x})})};
  try {
    ModelEvaluator(graph, 1000, planted.dataset, eval::all_items(planted.dataset), {});
    FAIL() << "was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::unsupported);
    EXPECT_NE(std::string_view(error.what()).find("depend on data"), std::string_view::npos);
  }
}

TEST(Spread, IsEvenAndKeepsTheOrder) {
  const std::vector<std::int64_t> records = {1, 2, 3, 4, 5, 6, 7, 8};
  EXPECT_EQ(spread(records, 4), (std::vector<std::int64_t>{1, 3, 5, 7}));
  EXPECT_EQ(spread(records, 100), records);
}

}  // namespace
}  // namespace strata::study
