#include "strata/study/optimizer.hpp"

#include <gtest/gtest.h>

#include <set>

#include "strata/base/error.hpp"
#include "strata/study/recording.hpp"
#include "tests/study/tables.hpp"

namespace strata::study {
namespace {

using testing::TableEvaluator;

TableEvaluator three_layers() {
  TableEvaluator network;
  network.layers = {{"a", 1000, 3e-6, 2}, {"b", 9000, 5e-6, 5}, {"c", 400, 1e-6, 60}};
  network.rows = {"direct", "gathered"};
  network.row_speed = {1, 0.8};
  return network;
}

const Candidate& chosen(const SearchResult& result) {
  return result.candidates[std::size_t(result.chosen)];
}

/// Every configuration of the space, by nested counting.
std::vector<Configuration> enumerate(const TableEvaluator& network) {
  const SearchSpace space = network.space();
  std::vector<Configuration> all{Configuration()};
  const auto multiply = [&](auto&& variants) {
    std::vector<Configuration> more;
    for (const Configuration& c : all) variants(c, more);
    all = std::move(more);
  };
  for (const auto& layer : network.layers) {
    multiply([&](const Configuration& c, std::vector<Configuration>& more) {
      for (const std::string& encoding : space.encodings) {
        more.push_back(c);
        if (encoding != "dense") more.back().encodings[layer.name] = encoding;
      }
    });
    multiply([&](const Configuration& c, std::vector<Configuration>& more) {
      for (const std::string& row : network.rows) {
        more.push_back(c);
        if (row != network.rows.front()) more.back().kernels[layer.name] = row;
      }
    });
  }
  multiply([&](const Configuration& c, std::vector<Configuration>& more) {
    more.push_back(c);
    more.push_back(c);
    more.back().execution["fuse"] = "off";
  });
  return all;
}

using Values = std::vector<double>;

/// Outcomes that no other outcome beats: all pairs compared, nothing clever.
std::set<Values> front_of(const std::vector<Measured>& all, const Limits& limits) {
  std::set<Values> outcomes;
  for (const Measured& measured : all) {
    Values values = objective_values(measured, limits);
    values[0] = -values[0];  // so that less is better everywhere
    outcomes.insert(values);
  }
  std::set<Values> front;
  for (const Values& a : outcomes) {
    const bool beaten = std::ranges::any_of(outcomes, [&](const Values& b) {
      return a != b && b[0] <= a[0] && b[1] <= a[1] && b[2] <= a[2];
    });
    if (!beaten) front.insert(a);
  }
  return front;
}

std::set<Values> front_of(const SearchResult& result, const Limits& limits) {
  std::set<Values> front;
  for (const int id : result.front) {
    Values values = objective_values(result.candidates[std::size_t(id)].measured, limits);
    values[0] = -values[0];
    front.insert(values);
  }
  return front;
}

// Part 8 of the specification: on three layers the front is that of full enumeration.
TEST(Optimizer, FrontOfThreeLayersEqualsFullEnumeration) {
  TableEvaluator network = three_layers();
  std::vector<Measured> all;
  Recording recording;
  for (const Configuration& configuration : enumerate(network)) {
    all.push_back(network.result(configuration));
    recording.measured[configuration] = all.back();
  }
  recording.kernels[{}] = network.kernels({});
  ASSERT_EQ(all.size(), 5u * 5 * 5 * 2 * 2 * 2 * 2);

  // The recorded measurements go through their file form.
  RecordedEvaluator recorded(recording_from_json(to_json(recording)));
  SearchOptions options;
  options.strategy = "exhaustive";
  const SearchResult result = search_versions(network.space(), recorded, options);
  EXPECT_EQ(result.candidates.size(), all.size());
  EXPECT_EQ(result.ended, Ended::complete);
  EXPECT_EQ(front_of(result, options.limits), front_of(all, options.limits));

  // No candidate within the limits has a smaller file, and none of that size is faster.
  for (const Measured& measured : all) {
    if (!reason_against(measured, options.limits).empty()) continue;
    EXPECT_GE(measured.file_bytes, chosen(result).measured.file_bytes);
    if (measured.file_bytes == chosen(result).measured.file_bytes) {
      EXPECT_GE(measured.latency.median, chosen(result).measured.latency.median);
    }
  }
}

// The staged search measures a small part of that and ends at the same version.
TEST(Optimizer, StagedSearchFindsWhatEnumerationFinds) {
  TableEvaluator network = three_layers();
  SearchOptions options;
  options.strategy = "exhaustive";
  const SearchResult all = search_versions(network.space(), network, options);
  options.strategy = "staged";
  const SearchResult staged = search_versions(network.space(), network, options);
  EXPECT_EQ(chosen(staged).configuration, chosen(all).configuration);
  EXPECT_LT(staged.candidates.size() * 20, all.candidates.size());
}

TEST(Optimizer, ExactlyTheFragileLayerStaysWider) {
  TableEvaluator network;
  for (int i = 0; i < 8; ++i) {
    network.layers.push_back({"layer" + std::to_string(i), 1000 + 10 * i, 1e-6, 1});
  }
  network.layers[5].fragility = 300;  // int8 costs 30 points, f16 1.5, bf16 3
  SearchOptions options;
  options.limits.max_drop = 0.03;
  options.strategy = "staged";
  const SearchResult result = search_versions(network.space(), network, options);
  const auto& encodings = chosen(result).configuration.encodings;
  for (const auto& layer : network.layers) {
    const auto found = encodings.find(layer.name);
    if (layer.name == "layer5") {
      EXPECT_TRUE(found == encodings.end() || found->second == "f16") << found->second;
    } else {
      ASSERT_NE(found, encodings.end()) << layer.name;
      EXPECT_EQ(found->second, "i8_tensor");
    }
  }
}

TEST(Optimizer, TheFirstCandidateIsTheDefaultAndNoneIsMeasuredTwice) {
  TableEvaluator network = three_layers();
  SearchOptions options;
  options.strategy = "staged";
  const SearchResult result = search_versions(network.space(), network, options);
  EXPECT_EQ(result.candidates[0].configuration, Configuration());
  EXPECT_EQ(result.candidates[0].name, "as given");
  std::set<Configuration> seen;
  for (const Candidate& candidate : result.candidates) {
    EXPECT_TRUE(seen.insert(candidate.configuration).second) << candidate.name;
  }
  // Only the winner, and the same without its kernels, are measured once more.
  EXPECT_FALSE(chosen(result).configuration.kernels.empty());
  EXPECT_EQ(std::size_t(network.measured), result.candidates.size() + 2);
}

TEST(Optimizer, SaysBeforehandWhatItWillCost) {
  TableEvaluator network = three_layers();
  SearchOptions options;
  options.strategy = "staged";
  SearchEstimate estimate;
  std::size_t reported = 0;
  SearchObserver observer;
  observer.planned = [&](const SearchEstimate& e) {
    EXPECT_EQ(reported, 1u);  // the default has been measured
    estimate = e;
  };
  observer.measured = [&](const Candidate&, bool) { ++reported; };
  const SearchResult result = search_versions(network.space(), network, options, observer);
  EXPECT_EQ(estimate.strategy, "staged");
  EXPECT_GE(estimate.candidates, result.candidates.size());
  EXPECT_EQ(reported, result.candidates.size());
}

// Whether all combinations fit into half of the time decides what "auto" does.
TEST(Optimizer, EnumeratesWhereTheTimeSuffices) {
  TableEvaluator network = three_layers();
  SearchOptions options;
  options.time_s = 3600;
  EXPECT_EQ(search_versions(network.space(), network, options).strategy, "exhaustive");
  for (int i = 0; i < 20; ++i) network.layers.push_back({"more" + std::to_string(i), 10, 1e-6, 0});
  EXPECT_EQ(search_versions(network.space(), network, options).strategy, "staged");
}

TEST(Optimizer, InterruptedItStandsOnWhatItHas) {
  TableEvaluator network = three_layers();
  SearchOptions options;
  options.strategy = "staged";
  int left = 40;
  options.interrupted = [&] { return --left < 0; };
  const SearchResult result = search_versions(network.space(), network, options);
  EXPECT_EQ(result.ended, Ended::interrupted);
  EXPECT_GT(result.candidates.size(), 1u);
  EXPECT_FALSE(result.reason.empty());
}

TEST(Optimizer, OutOfTimeTheDefaultStays) {
  TableEvaluator network = three_layers();
  SearchOptions options;
  options.strategy = "staged";
  options.time_s = 0;
  const SearchResult result = search_versions(network.space(), network, options);
  EXPECT_EQ(result.ended, Ended::time);
  EXPECT_EQ(result.chosen, 0);
  EXPECT_EQ(result.front, std::vector<int>{0});
}

TEST(Optimizer, FailedCandidatesAreListedAndNeverChosen) {
  TableEvaluator network = three_layers();
  network.failing = {"gathered"};
  SearchOptions options;
  options.strategy = "staged";
  const SearchResult result = search_versions(network.space(), network, options);
  EXPECT_TRUE(chosen(result).configuration.kernels.empty());
  const auto failed = std::ranges::count_if(result.candidates,
                                            [](const Candidate& c) { return c.measured.failed(); });
  EXPECT_EQ(failed, 3);
  for (const Candidate& candidate : result.candidates) {
    if (candidate.measured.failed()) {
      EXPECT_EQ(candidate.rejected, "cannot run with kernel gathered");
    }
  }
}

// Differences inside the noise pin no kernels and put nothing on the front.
TEST(Optimizer, NoiseChoosesNothing) {
  TableEvaluator network = three_layers();
  network.row_speed = {1, 0.999};
  network.noise = 0.01;
  SearchOptions options;
  options.strategy = "staged";
  const SearchResult result = search_versions(network.space(), network, options);
  EXPECT_TRUE(chosen(result).configuration.kernels.empty());
  for (const int id : result.front) {
    EXPECT_TRUE(result.candidates[std::size_t(id)].configuration.kernels.empty());
  }
}

TEST(Optimizer, SlowerVersionsAreNotChosen) {
  TableEvaluator network = three_layers();
  const Configuration slow{.execution = {{"fuse", "off"}}};
  EXPECT_EQ(reason_against(network.result(slow), {}),
            "takes 1.200 times as long as the model as given");
  Measured fragile = network.result({.encodings = {{"c", "i8_tensor"}}});
  EXPECT_EQ(reason_against(fragile, {}),
            "accuracy on the search records falls by 6.00 points, the limit is 1.00");
}

// Words follow from the interval: what it leaves open is not decided.
TEST(Optimizer, SaysWhatMeasurementsLeaveOpen) {
  EXPECT_EQ(describe_ratio({0.432, 0.429, 0.434, 9}, {}), "0.432 (0.429 to 0.434)");
  EXPECT_EQ(describe_ratio({1.001, 0.995, 1.004, 9}, {}), "1.001 (0.995 to 1.004)");
  EXPECT_EQ(describe_ratio({1.6, 0.9, 2.5, 9}, {}),
            "1.600 (0.900 to 2.500: whether it is faster is undecided)");
  TableEvaluator network = three_layers();
  network.noise = 0.4;
  const SearchResult result = search_versions(network.space(), network, {});
  EXPECT_NE(result.chosen, 0);
  EXPECT_NE(result.reason.find("and not found slower"), std::string::npos) << result.reason;
  EXPECT_NE(result.reason.find("may have the least bytes times time as far as measurements can "
                               "tell, and this one is the smallest file among them"),
            std::string::npos)
      << result.reason;
  EXPECT_NE(result.reason.find("undecided"), std::string::npos) << result.reason;
}

// What is clearly beaten in bytes times time is not taken for its bytes, whatever lies between.
TEST(Optimizer, TakesTheSmallestFileOfThoseThatMayHaveTheLeastProduct) {
  const auto make = [](int id, std::int64_t bytes, double low, double high) {
    Candidate candidate;
    candidate.id = id;
    candidate.measured.file_bytes = bytes;
    candidate.measured.ratio = {(low + high) / 2, low, high, 9};
    return candidate;
  };
  const std::vector<Candidate> candidates = {make(0, 1000, 0.50, 0.51), make(1, 900, 0.50, 0.60),
                                             make(2, 800, 0.66, 0.67)};
  const Choice choice = choose(candidates);
  ASSERT_NE(choice.best, nullptr);
  EXPECT_EQ(choice.best->id, 1);
  EXPECT_EQ(choice.contenders, 2u);
}

TEST(Optimizer, SaysWhatAFileCannotSay) {
  runtime::SavedChoices choices;
  EXPECT_FALSE(unsaid_warning(choices, formats::Format::tflite));
  choices.threads = 2;
  choices.off = {"fuse"};
  choices.pins = {{"a", "direct"}, {"b c", "direct"}, {"d", "direct"}};
  EXPECT_FALSE(unsaid_warning(choices, formats::Format::onnx));
  EXPECT_FALSE(unsaid_warning(choices, formats::Format::container));
  const auto warning = unsaid_warning(choices, formats::Format::tflite);
  ASSERT_TRUE(warning);
  EXPECT_NE(warning->text.find("give it --threads 2 --off fuse --kernel a=direct --kernel "
                               "'b c=direct' --kernel d=direct when it runs"),
            std::string::npos)
      << warning->text;
}

// Precision is a choice like any other: it is taken where it is faster and accurate enough.
TEST(Optimizer, TakesWhatExecutionOffers) {
  TableEvaluator network = three_layers();
  network.bf16_speed = 0.6;
  SearchOptions options;
  options.strategy = "staged";
  const SearchResult result = search_versions(network.space(), network, options);
  EXPECT_EQ(chosen(result).configuration.execution,
            (std::map<std::string, std::string>{{"precision", "bf16"}}));
  const runtime::SavedChoices saved = saved_choices(chosen(result).configuration);
  EXPECT_EQ(saved.precision, kernels::Precision::bf16);
  EXPECT_TRUE(saved.any());
}

/// Knows measured times of rows, as they are within the plan.
struct TimedRows final : Evaluator {
  TableEvaluator network = three_layers();
  std::vector<tune::NodeRows> timed;
  std::vector<std::string> slow;

  std::optional<Measured> measure(const Configuration& configuration, double effort,
                                  const Stopped& stopped) override {
    return network.measure(configuration, effort, stopped);
  }
  std::vector<tune::NodeRows> kernels(const Configuration& configuration) override {
    return network.kernels(configuration);
  }
  std::vector<tune::NodeRows> timed_kernels(const Configuration&, const Stopped&) override {
    return timed;
  }
  std::vector<std::string> slow_integers(const Configuration&, const Stopped&) override {
    return slow;
  }
};

TEST(Optimizer, FirstTriesAllKernelsTogetherThatWonWithinThePlan) {
  TimedRows evaluator;
  for (const char* layer : {"a", "b"}) {
    evaluator.timed.push_back({layer, "direct", {{"direct", 1, 3e-6}, {"gathered", 1, 2e-6}}});
  }
  SearchOptions options;
  options.strategy = "staged";
  const SearchResult result = search_versions(evaluator.network.space(), evaluator, options);
  EXPECT_EQ(chosen(result).configuration.kernels,
            (std::map<std::string, std::string>{{"a", "gathered"}, {"b", "gathered"}}));
  const auto phase = std::ranges::find(result.candidates, "kernels", &Candidate::phase);
  ASSERT_NE(phase, result.candidates.end());
  EXPECT_EQ(phase->configuration.kernels.size(), 2u);
  // Nothing was measured of the layer for which no row won.
  for (const Candidate& candidate : result.candidates) {
    EXPECT_FALSE(candidate.configuration.kernels.contains("c")) << candidate.name;
  }
}

TEST(Optimizer, TriesFloatsWhereIntegersAreSlower) {
  TimedRows evaluator;
  evaluator.slow = {"b"};
  SearchOptions options;
  options.strategy = "staged";
  const SearchResult result = search_versions(evaluator.network.space(), evaluator, options);
  const auto floats = std::ranges::count(result.candidates, "floats", &Candidate::phase);
  const bool known = std::ranges::any_of(result.candidates, [](const Candidate& c) {
    return !c.configuration.encodings.contains("b") && c.configuration.encodings.contains("a");
  });
  EXPECT_TRUE(floats > 0 || known);
}

/// A winner by luck: looks small and accurate once, and loses when measured again.
struct Lucky final : Evaluator {
  TableEvaluator network = three_layers();
  std::optional<Measured> measure(const Configuration& configuration, double effort,
                                  const Stopped&) override {
    Measured measured = network.result(configuration);
    if (effort > 1 && configuration.encodings.contains("c")) measured.ratio = {1.1, 1.09, 1.11, 9};
    return measured;
  }
  std::vector<tune::NodeRows> kernels(const Configuration&) override { return {}; }
};

TEST(Optimizer, TheWinnerIsMeasuredAgainAndMayLose) {
  Lucky evaluator;
  SearchOptions options;
  options.strategy = "staged";
  const SearchResult result = search_versions(evaluator.network.space(), evaluator, options);
  EXPECT_FALSE(chosen(result).configuration.encodings.contains("c"));
  EXPECT_TRUE(std::ranges::any_of(result.candidates, [](const Candidate& c) {
    return c.rejected.ends_with("(measured again)");
  }));
}

/// Measurements that take time on a clock of their own, which only they move.
struct Slow final : Evaluator {
  TableEvaluator network = three_layers();
  double cost_s = 1;          ///< of one candidate
  double again_factor = 1;    ///< of one that is measured again, besides the effort
  bool again_slower = false;  ///< whether nothing holds when measured again
  double now_s = 0;

  static constexpr double step_s = 0.01;

  std::optional<Measured> measure(const Configuration& configuration, double effort,
                                  const Stopped& stopped) override {
    const bool again = effort > 1 || seen.contains(configuration);
    seen.insert(configuration);
    const double end_s = now_s + cost_s * effort * (again ? again_factor : 1);
    while (now_s < end_s) {
      if (stopped && stopped()) return std::nullopt;
      now_s += step_s;
    }
    Measured measured = network.result(configuration);
    if (again && again_slower) measured.ratio = {1.1, 1.09, 1.11, 9};
    return measured;
  }
  std::vector<tune::NodeRows> kernels(const Configuration&) override { return {}; }

  SearchResult search(SearchOptions options) {
    options.strategy = "staged";
    options.clock = [this] { return now_s; };
    return search_versions(network.space(), *this, options);
  }
  std::set<Configuration> seen;
};

// The limit is for everything, so that confirming the winner ends within it too.
TEST(Optimizer, TheTimeCoversTheConfirmation) {
  for (const double limit : {6.0, 20.0, 30.0, 60.0}) {
    SCOPED_TRACE(limit);
    Slow evaluator;
    const SearchResult result = evaluator.search({.time_s = limit});
    EXPECT_LE(evaluator.now_s, limit + 2 * Slow::step_s);
    EXPECT_TRUE(chosen(result).confirmed);
    EXPECT_NE(result.chosen, 0);
  }
}

TEST(Optimizer, WhatCouldNotBeConfirmedIsNotChosen) {
  Slow evaluator;
  evaluator.again_factor = 1000;
  const SearchResult result = evaluator.search({.time_s = 30.0});
  EXPECT_LE(evaluator.now_s, 30 + 2 * Slow::step_s);
  EXPECT_EQ(result.chosen, 0);
  EXPECT_EQ(result.ended, Ended::time);
  EXPECT_NE(result.reason.find("is not taken: the time was over before it could be measured a "
                               "second time. The model stays as it is."),
            std::string::npos)
      << result.reason;
}

TEST(Optimizer, EveryRefusedWinnerGivesWayToTheNext) {
  Slow evaluator;
  evaluator.again_slower = true;
  const SearchResult result = evaluator.search({});
  EXPECT_EQ(result.chosen, 0);
  const auto refused = std::ranges::count_if(result.candidates, [](const Candidate& c) {
    return c.rejected.ends_with("(measured again)");
  });
  EXPECT_GT(refused, 6);
  for (const Candidate& candidate : result.candidates) {
    EXPECT_EQ(candidate.confirmed, candidate.id == 0) << candidate.name;
  }
}

TEST(Optimizer, InterruptedWhileTheDefaultIsMeasuredThereIsNothing) {
  Slow evaluator;
  const SearchResult result =
      evaluator.search({.interrupted = [&] { return evaluator.now_s > 0.5; }});
  EXPECT_TRUE(result.candidates.empty());
  EXPECT_EQ(result.ended, Ended::interrupted);
  EXPECT_LE(evaluator.now_s, 0.5 + 2 * Slow::step_s);
}

// After the interrupt two candidates' time is left to confirm the best, which suffices, or not.
TEST(Optimizer, InterruptedItConfirmsWithinAFewSeconds) {
  constexpr double interrupt_s = 10.5;
  for (const double again_factor : {0.9, 1000.0}) {
    SCOPED_TRACE(again_factor);
    Slow evaluator;
    evaluator.cost_s = 2;
    evaluator.again_factor = again_factor;
    const SearchResult result =
        evaluator.search({.interrupted = [&] { return evaluator.now_s > interrupt_s; }});
    EXPECT_EQ(result.ended, Ended::interrupted);
    EXPECT_LE(evaluator.now_s, interrupt_s + 2 * evaluator.cost_s + 4 * Slow::step_s);
    EXPECT_EQ(chosen(result).id != 0, again_factor < 1) << result.reason;
    EXPECT_TRUE(chosen(result).confirmed);
  }
}

// The default needs too much memory; other kernels need less, and may take longer.
TEST(Optimizer, KeepsToTheMemory) {
  for (const char* strategy : {"staged", "exhaustive"}) {
    SCOPED_TRACE(strategy);
    TableEvaluator network = three_layers();
    network.row_speed = {1, 1.3};
    network.row_saves = 100;
    network.budget = 900;  // two of the three layers must change
    SearchOptions options;
    options.strategy = strategy;
    options.limits.max_drop = 0.02;
    const SearchResult result = search_versions(network.space(), network, options);
    EXPECT_LE(chosen(result).measured.peak_bytes, network.budget);
    EXPECT_GE(chosen(result).configuration.kernels.size(), 2u);
    EXPECT_TRUE(chosen(result).configuration.encodings.contains("a"));
    EXPECT_EQ(result.candidates[0].rejected, "needs 1024 bytes");
    for (const int id : result.front) EXPECT_NE(id, 0);
    EXPECT_NE(result.reason.find("the model as given does not"), std::string::npos)
        << result.reason;
  }
}

TEST(Optimizer, SaysWhatDoesNotFitIfNothingDoes) {
  for (const char* strategy : {"staged", "exhaustive"}) {
    SCOPED_TRACE(strategy);
    TableEvaluator network = three_layers();
    network.row_saves = 100;
    network.budget = 500;
    SearchOptions options;
    options.strategy = strategy;
    try {
      search_versions(network.space(), network, options);
      FAIL();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      EXPECT_NE(std::string(error.what()).find("needs least: needs 724 bytes"), std::string::npos)
          << error.what();
    }
  }
}

TEST(Optimizer, RefusesUnknownStrategies) {
  TableEvaluator network = three_layers();
  SearchOptions options;
  options.strategy = "clever";
  try {
    search_versions(network.space(), network, options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_STREQ(error.what(), "search strategy 'clever', expected auto, staged or exhaustive");
  }
}

TEST(Recording, KeepsAllThatASearchWasTold) {
  TimedRows evaluator;
  evaluator.timed = {{"a", "direct", {{"direct", 1, 3e-6}, {"gathered", 1, 2e-6}}}};
  evaluator.slow = {"b"};
  SearchOptions options;
  options.strategy = "staged";
  Recorder recorder(evaluator);
  const SearchResult result = search_versions(evaluator.network.space(), recorder, options);
  RecordedEvaluator recorded(recording_from_json(to_json(recorder.recording())));
  const SearchResult again = search_versions(evaluator.network.space(), recorded, options);
  ASSERT_EQ(again.candidates.size(), result.candidates.size());
  for (std::size_t i = 0; i < result.candidates.size(); ++i) {
    EXPECT_EQ(again.candidates[i].configuration, result.candidates[i].configuration);
  }
  EXPECT_EQ(again.chosen, result.chosen);
}

}  // namespace
}  // namespace strata::study
