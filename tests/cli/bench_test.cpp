#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/cli/cli.hpp"

namespace strata::cli::testing {
namespace {

TEST(Bench, ReportsFiguresAndChoices) {
  const nlohmann::json document = json_of("bench --json --explain --seconds 0 " + model);
  for (const char* key : {"p50_ms", "p90_ms", "p99_ms", "cold_ms", "load_ms", "peak_arena_bytes"}) {
    EXPECT_GT(document[key].get<double>(), 0) << key;
  }
  ASSERT_FALSE(document["steps"].empty());
  for (const nlohmann::json& step : document["steps"]) EXPECT_TRUE(step.contains("row"));
  for (const nlohmann::json& apart : document["apart"]) {
    EXPECT_FALSE(apart["nodes"].empty());
    EXPECT_FALSE(apart["reason"].get<std::string>().empty());
  }
  EXPECT_EQ(document["clock"], "wall");
  EXPECT_TRUE(document["warnings"].is_array());
  EXPECT_EQ(document["interrupted"], false);
  EXPECT_FALSE(document["device"]["fingerprint"].get<std::string>().empty());
  EXPECT_EQ(document["command"], "strata bench " + model + " --seconds 0 --explain --json");
  expect_failure(2, "", "bench --memory-budget 1K " + model);
}

TEST(Bench, ExplainsEqualDecisionsOnce) {
  const auto lines = [](const std::string& text) { return std::ranges::count(text, '\n'); };
  const Outcome each = strata("bench --explain-each --seconds 0 " + model);
  const Outcome grouped = strata("bench --explain --seconds 0 " + model);
  EXPECT_EQ(grouped.code, 0) << grouped.text;
  EXPECT_LT(2 * lines(grouped.text), lines(each.text)) << grouped.text;
  // Its four blocks are alike.
  EXPECT_NE(grouped.text.find(" steps: "), std::string::npos) << grouped.text;
  EXPECT_NE(grouped.text.find("    could run too: "), std::string::npos) << grouped.text;
  EXPECT_NE(each.text.find("possible: modelled"), std::string::npos) << each.text;
  for (const nlohmann::json& step :
       json_of("bench --json --explain --seconds 0 " + model)["steps"]) {
    EXPECT_NE(in_one_line(grouped.text).find(step["name"].get<std::string>()), std::string::npos);
  }
}

TEST(Bench, TellsTheErrorOfLessPrecisionBesideTheTime) {
  expect_failure(2, "unknown precision 'f8', accepted are 'f32', 'bf16'",
                 "bench --precision f8 " + model);
  expect_failure(2, "precision bf16 needs the instruction set avx512_bf16",
                 "bench --precision bf16 --isa baseline " + model);
  const nlohmann::json exact = json_of("bench --json --seconds 0 " + model);
  EXPECT_EQ(exact["precision"], "f32");
  EXPECT_TRUE(exact["error"].is_null());
  const Outcome refused = strata("bench --precision bf16 --seconds 0 " + model);
  if (refused.code == 2) {
    EXPECT_NE(refused.text.find("which this processor"), std::string::npos) << refused.text;
    return;
  }
  const nlohmann::json rounded = json_of("bench --json --precision bf16 --seconds 0 " + model);
  EXPECT_EQ(rounded["precision"], "bf16");
  EXPECT_FALSE(rounded["error"]["output"].get<std::string>().empty());
  // Factors have 8 significant bits; a network of few layers stays within a few of their units.
  EXPECT_LT(rounded["error"]["relative"], 16.0 / 256);
}

TEST(Bench, CountsOrSaysWhyNot) {
  const nlohmann::json document = json_of("bench --json --counters --seconds 0 " + model);
  const nlohmann::json& counters = document["counters"];
  EXPECT_GE(counters["runs"], 10);
  for (const char* key :
       {"cycles", "instructions", "cache_references", "cache_misses", "energy_j"}) {
    ASSERT_TRUE(counters.contains(key)) << key;
    EXPECT_NE(counters[key].is_null(), !counters["refused"].contains(key)) << key;
  }
  const Outcome text = strata("bench --counters --seconds 0 " + model);
  EXPECT_NE(text.text.find("\ncounters "), std::string::npos) << text.text;
}

TEST(Bench, TimesModelsWhoseSizesDependOnData) {
  const std::string net = (std::filesystem::path(TempDir()) / "found.strata.txt").string();
  std::ofstream(net)
      << "graph \"found\" {\n  input %x: f32[N]\n"
         "  %e: f32[N] = Exp \"before\" (%x)\n"
         "  %p: i64[1,p_dim1] = NonZero \"find\" (%e)\n"
         "  %c: f32[1,p_dim1] = Cast \"after\" (%p) {to = dtype f32}\n  output %c\n}\n";
  const nlohmann::json document = json_of("bench --json --explain --seconds 0 --dim N=8 " + net);
  EXPECT_EQ(document["segments"], 2) << document;
  EXPECT_GT(document["p50_ms"], 0);
  EXPECT_GT(document["peak_arena_bytes"], 0);
  EXPECT_TRUE(document["bind_ms"].is_null());
  EXPECT_EQ(document["steps"].size(), 3u);
  const Outcome text = strata("bench --seconds 0 " + net);
  EXPECT_NE(text.text.find("runs in 2 segments"), std::string::npos) << text.text;

  const nlohmann::json plan = json_of("inspect --json " + net);
  ASSERT_EQ(plan["segments"].size(), 2u);
  EXPECT_EQ(plan["segments"][1]["decided_by"], nlohmann::json({"find (NonZero)"}));
  EXPECT_FALSE(plan.contains("not_planned"));
  EXPECT_NE(strata("inspect " + net).text.find("decided by the operands of find (NonZero)"),
            std::string::npos);
  EXPECT_TRUE(json_of("inspect --json " + model)["segments"].empty());
}

TEST(Bench, InterruptedItSaysSo) {
  Running text("bench --seconds 600 " + model);
  text.wait_for_handler();
  const Outcome outcome = text.interrupt();
  EXPECT_EQ(outcome.code, 130) << outcome.text;
  EXPECT_NE(outcome.text.find("interrupted: these are the figures until then"), std::string::npos)
      << outcome.text;
  Running json("bench --json --seconds 600 " + model + " 2>/dev/null");
  json.wait_for_handler();
  const Outcome document = json.interrupt();
  EXPECT_EQ(document.code, 130);
  EXPECT_EQ(nlohmann::json::parse(document.text)["interrupted"], true) << document.text;
}

}  // namespace
}  // namespace strata::cli::testing
