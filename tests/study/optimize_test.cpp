#include "strata/study/optimize.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"
#include "strata/eval/evaluate.hpp"
#include "strata/formats/load.hpp"
#include "strata/ir/builder.hpp"

namespace strata::study {
namespace {

namespace fs = std::filesystem;

/// The demo's material, and a folder for what is made of it.
struct Demo {
  fs::path folder = fs::path(STRATA_SOURCE_DIR) / "demo/kws";
  fs::path out = fs::temp_directory_path() / ("strata_optimize_" + std::to_string(::getpid()));
  OptimizeOptions options;
  ir::Graph graph;
  std::unique_ptr<data::Dataset> dataset;

  Demo() {
    fs::create_directories(out);
    options.model = folder / "kws_dscnn_fp32.onnx";
    options.data_name = "demo/kws";
    options.output = out / "kws.onnx";
    options.report = out / "kws.html";
    options.front = out / "kws.json";
    options.command = "strata optimize kws_dscnn_fp32.onnx --data 'demo/kws'";
    options.race_s = 1e-3;
    graph = formats::load(options.model);
    dataset = data::open_dataset(folder, eval::dataset_options(graph));
  }
  ~Demo() { fs::remove_all(out); }
};

TEST(Optimize, DeliversModelFrontAndReport) {
  Demo demo;
  OptimizeStart start;
  OptimizeObserver observer;
  observer.started = [&](const OptimizeStart& s) { start = s; };
  // Stopped after some candidates: the rest of the job is what is tested here.
  int measured = 0;
  observer.search.measured = [&](const Candidate&, bool) { ++measured; };
  const OptimizeOutcome outcome = optimize_model(
      demo.options, demo.graph, *demo.dataset, [&] { return measured >= 12; }, observer);
  EXPECT_EQ(start.layers, 10u);
  EXPECT_EQ(start.search_records, 340u);
  EXPECT_EQ(start.verdict_records, 510u);
  EXPECT_EQ(outcome.search.ended, Ended::interrupted);
  EXPECT_EQ(outcome.original_bytes, 105658);

  // The written model is the chosen one.
  const ir::Graph written = formats::load(demo.options.output);
  EXPECT_EQ(std::int64_t(fs::file_size(demo.options.output)), outcome.chosen().measured.file_bytes);
  EXPECT_EQ(written.inputs.size(), 1u);
  for (const char* name : {"conv1", "block1_dw", "block4_pw", "dense"}) {
    EXPECT_TRUE(written.find_node(name)) << name;
  }

  // And says how it is best run.
  const runtime::SavedChoices chosen = saved_choices(outcome.chosen().configuration);
  const runtime::SavedChoices saved =
      runtime::saved_choices(formats::model_info(demo.options.output).metadata);
  EXPECT_EQ(saved.threads, chosen.threads);
  EXPECT_EQ(saved.precision, chosen.precision);
  EXPECT_EQ(saved.pins.size(), chosen.pins.size());
  EXPECT_EQ(saved.machine.empty(), !chosen.any());

  const auto front = nlohmann::json::parse(read_file(demo.options.front, 1 << 24));
  EXPECT_EQ(front.at("schema"), "strata.front/1");
  EXPECT_EQ(front.at("verdict").at("chosen"), outcome.search.chosen);
  EXPECT_EQ(front.at("interrupted"), true);
  EXPECT_EQ(front.at("ended"), "interrupted");
  EXPECT_EQ(front.at("clocks").at("latency"), "wall");
  EXPECT_TRUE(outcome.chosen().confirmed);
  EXPECT_TRUE(outcome.verdict.complete);  // a small network is done within the grace
  EXPECT_GE(front.at("candidates").size(), 1u);

  const std::string page = read_file(demo.options.report, 1 << 26);
  EXPECT_NE(page.find("strata.optimize/1"), std::string::npos);
  EXPECT_NE(page.find("block3_pw"), std::string::npos);
  EXPECT_EQ(outcome.layers.empty(), false);
  std::int64_t macs = 0;
  for (const LayerInfo& layer : outcome.layers) macs += layer.macs;
  EXPECT_GT(macs, 2'000'000);  // 2.66 M for DS-CNN
}

TEST(Optimize, DeliversTensorFlowLite) {
  Demo demo;
  demo.options.output = demo.out / "kws.tflite";
  int measured = 0;
  OptimizeObserver observer;
  bool is_static = false;
  observer.search.measured = [&](const Candidate& candidate, bool) {
    ++measured;
    is_static |= candidate.name == "all static_i8" && !candidate.measured.failed();
  };
  const OptimizeOutcome outcome = optimize_model(
      demo.options, demo.graph, *demo.dataset, [&] { return measured >= 8; }, observer);
  EXPECT_TRUE(is_static);
  const ir::Graph written = formats::load(demo.options.output);
  EXPECT_EQ(written.value(written.inputs[0]).type.shape[0], Dim(1));
  if (outcome.search.chosen != 0) {
    EXPECT_EQ(std::int64_t(fs::file_size(demo.options.output)),
              outcome.chosen().measured.file_bytes);
  }
  // Layers are those of the user's model.
  const auto named = [&](std::string_view name) {
    return std::ranges::any_of(outcome.layers, [&](const LayerInfo& layer) {
      return layer.name.find(name) != std::string::npos;
    });
  };
  for (const char* name : {"conv1", "block1_dw", "block4_pw", "dense"}) EXPECT_TRUE(named(name));
}

TEST(Optimize, SaysBeforeTheSearchWhatTensorFlowLiteLacks) {
  Demo demo;
  demo.options.output = demo.out / "kws.tflite";
  const ir::ValueId last = demo.graph.outputs[0];
  demo.graph.outputs = {ir::Builder(demo.graph).op("Erf", {last}, {}, "odd one")};
  int measured = 0;
  OptimizeObserver observer;
  observer.search.measured = [&](const Candidate&, bool) { ++measured; };
  try {
    optimize_model(demo.options, demo.graph, *demo.dataset, {}, observer);
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("1 op has no form in TensorFlow Lite: Erf"),
              std::string::npos)
        << error.what();
  }
  EXPECT_EQ(measured, 0);
}

TEST(Optimize, WithoutTimeTheModelStaysByteForByte) {
  Demo demo;
  demo.options.time_s = 1e-9;
  const OptimizeOutcome outcome = optimize_model(demo.options, demo.graph, *demo.dataset);
  EXPECT_EQ(outcome.search.chosen, 0);
  EXPECT_TRUE(outcome.holds);
  EXPECT_EQ(read_file(demo.options.output, 1 << 24), read_file(demo.options.model, 1 << 24));
}

TEST(Optimize, InterruptedBeforeAnythingIsKnownItWritesNothing) {
  Demo demo;
  const OptimizeOutcome outcome =
      optimize_model(demo.options, demo.graph, *demo.dataset, [] { return true; });
  EXPECT_FALSE(outcome.delivered());
  EXPECT_TRUE(outcome.interrupted);
  EXPECT_TRUE(fs::is_empty(demo.out));
}

TEST(Optimize, NamesTheLayerThatDoesNotFitTheMemory) {
  Demo demo;
  demo.options.memory_budget = 16 << 10;
  try {
    optimize_model(demo.options, demo.graph, *demo.dataset);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    const std::string text = error.what();
    EXPECT_NE(text.find("memory budget of 16.0 KiB does not hold"), std::string::npos) << text;
    EXPECT_NE(text.find("block"), std::string::npos) << text;
  }
  EXPECT_TRUE(fs::is_empty(demo.out));
}

/// Some of another data set's records, with wrong labels where asked for.
class Excerpt final : public data::Dataset {
 public:
  Excerpt(const data::Dataset& all, std::int64_t count, std::int32_t label_shift)
      : Dataset(about(all, count, label_shift)), all_(all) {}
  void read(std::int64_t index, void* out) const override { all_.read(index, out); }

 private:
  static About about(const data::Dataset& all, std::int64_t count, std::int32_t label_shift) {
    constexpr std::int32_t classes = 12;
    About about{.size = count, .item_shape = all.item_shape(), .dtype = all.dtype()};
    for (std::int64_t i = 0; i < count; ++i) {
      about.labels.push_back((*all.label(i) + label_shift) % classes);
    }
    return about;
  }
  const data::Dataset& all_;
};

TEST(Optimize, WarnsOfDataThatSayLittle) {
  const auto kinds_of = [](Demo& demo, const data::Dataset& dataset) {
    std::vector<std::string> kinds;
    OptimizeObserver observer;
    observer.warned = [&](const eval::Warning& warning) { kinds.push_back(warning.kind); };
    int measured = 0;
    observer.search.measured = [&](const Candidate&, bool) { ++measured; };
    const OptimizeOutcome outcome = optimize_model(
        demo.options, demo.graph, dataset, [&] { return measured >= 2; }, observer);
    const auto front = nlohmann::json::parse(read_file(demo.options.front, 1 << 24));
    const std::string page = read_file(demo.options.report, 1 << 26);
    EXPECT_EQ(front.at("warnings").size(), kinds.size());
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      EXPECT_EQ(front.at("warnings")[i].at("kind"), kinds[i]);
    }
    EXPECT_EQ(page.find("class=\"warnings\"") != std::string::npos, !kinds.empty());
    std::erase(kinds, "noisy_latency");  // the machine's mood, not the data's
    return kinds;
  };
  Demo demo;
  EXPECT_EQ(kinds_of(demo, *demo.dataset), (std::vector<std::string>{}));
  EXPECT_EQ(kinds_of(demo, Excerpt(*demo.dataset, 60, 0)),
            (std::vector<std::string>{"few_records"}));
  EXPECT_EQ(kinds_of(demo, Excerpt(*demo.dataset, 60, 1)),
            (std::vector<std::string>{"few_records", "near_chance"}));
}

/// Another data set without its labels.
class Unlabelled final : public data::Dataset {
 public:
  explicit Unlabelled(const data::Dataset& all)
      : Dataset({.size = all.size(), .item_shape = all.item_shape(), .dtype = all.dtype()}),
        all_(all) {}
  void read(std::int64_t index, void* out) const override { all_.read(index, out); }

 private:
  const data::Dataset& all_;
};

TEST(Optimize, WithoutLabelsKeepsToTheOriginalsPredictions) {
  Demo demo;
  int measured = 0;
  OptimizeObserver observer;
  observer.search.measured = [&](const Candidate&, bool) { ++measured; };
  const Unlabelled dataset(*demo.dataset);
  const OptimizeOutcome outcome = optimize_model(
      demo.options, demo.graph, dataset, [&] { return measured >= 6; }, observer);
  EXPECT_EQ(outcome.measure, "agreement with the original");
  EXPECT_EQ(outcome.original().measured.correct, outcome.original().measured.count);
  EXPECT_EQ(outcome.verdict.original.value(), 1);
  EXPECT_EQ(outcome.verdict.chosen.value(), outcome.verdict.agreement);
  EXPECT_EQ(outcome.verdict.drop.gained, 0);
  for (const eval::Warning& warning : outcome.warnings) EXPECT_NE(warning.kind, "near_chance");
  const std::string page = read_file(demo.options.report, 1 << 26);
  EXPECT_NE(page.find("agreement with the original"), std::string::npos);
}

TEST(Optimize, RefusesWhatMakesNoSense) {
  Demo demo;
  demo.options.search_share = 1;
  EXPECT_THROW(optimize_model(demo.options, demo.graph, *demo.dataset), Error);
  demo.options.search_share = 0.4;
  demo.options.max_drop = -0.1;
  EXPECT_THROW(optimize_model(demo.options, demo.graph, *demo.dataset), Error);
}

TEST(Environment, FingerprintTellsInstructionSetsApart) {
  const Environment all = this_environment(Isa::avx2 | Isa::avx512);
  const Environment some = this_environment(Isa::avx2);
  EXPECT_EQ(all.isa, (std::vector<std::string>{"avx2", "avx512"}));
  EXPECT_NE(all.fingerprint, some.fingerprint);
  EXPECT_EQ(some.fingerprint, this_environment(Isa::avx2).fingerprint);
  EXPECT_FALSE(all.strata.empty());
  // The XXH3 test vector of no bytes.
  EXPECT_EQ(hash_text(""), "xxh3:2d06800538d394c2");
}

}  // namespace
}  // namespace strata::study
