#include "strata/eval/profile_document.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "strata/eval/runner.hpp"
#include "tests/runtime/networks.hpp"

namespace strata::eval {
namespace {

nlohmann::json document() {
  const auto binding =
      runtime::Binding::bind(runtime::Program::compile(runtime::testing::small_residual_network(),
                                                       runtime::default_target()),
                             {});
  Runner runner(binding, std::make_shared<ThreadPool>(1));
  runtime::ProfileOptions options;
  options.seconds = 0;
  options.warm_up_s = 0;
  options.min_runs = 3;
  runtime::Roofline roofline;
  roofline.flops_per_s = 1e11;
  roofline.levels = {{1e9, 1e10}};
  nlohmann::json profile = profile_document(*binding, runner.profile(options), roofline);
  for (const char* key : {"command", "device", "created"}) profile[key] = "";
  profile["model"]["name"] = "net";
  return profile;
}

TEST(ProfileDocument, SharesAddUpAndBoundsFollowTheRoofline) {
  const nlohmann::json profile = document();
  double share = (profile["finish_s"].get<double>() + profile["gaps_s"].get<double>()) /
                 profile["run_s"].get<double>();
  for (const auto& step : profile["steps"]) {
    share += step["share"].get<double>();
    const double compute = step["flops"].get<double>() / 1e11;
    const double memory = step["bytes"].get<double>() / 1e10;
    EXPECT_DOUBLE_EQ(step["bound_s"].get<double>(), std::max(compute, memory));
    EXPECT_EQ(step["bound_by"], compute >= memory && compute > 0 ? "compute" : "memory");
  }
  const double roundings = double(profile["steps"].size() + 1);
  EXPECT_NEAR(share, 1, roundings * std::numeric_limits<double>::epsilon());
  EXPECT_EQ(profile["dims"]["N"], 1);
}

TEST(TraceDocument, HasOneEventPerStepAndABalancedArena) {
  const nlohmann::json profile = document();
  const nlohmann::json trace = trace_document(profile);
  std::size_t complete = 0, ran = 0;
  double last_bytes = -1, last_start = 0;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] == "X") {
      ++complete;
      EXPECT_GE(event["ts"].get<double>(), last_start);
      EXPECT_GE(event["dur"].get<double>(), 0);
      last_start = event["ts"];
    }
    if (event["ph"] == "C") {
      last_bytes = event["args"]["bytes"];
      EXPECT_GE(last_bytes, 0);
      EXPECT_LE(last_bytes, profile["arena"]["peak_bytes"].get<double>());
    }
  }
  for (const auto& step : profile["steps"]) ran += !step["skipped"].get<bool>();
  EXPECT_EQ(complete, ran + 1);  // and the copies
  EXPECT_EQ(last_bytes, 0);
}

}  // namespace
}  // namespace strata::eval
