#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "strata/base/error.hpp"
#include "strata/report/html.hpp"

namespace strata::report {
namespace {

nlohmann::json sample() {
  return nlohmann::json::parse(R"({
    "schema": "strata.profile/1", "created": "2025-01-31T12:00:00Z", "clock": "wall",
    "command": "strata profile net.onnx", "model": {"name": "net.onnx"}, "threads": 1,
    "isa": "avx2", "device": {"cpu": "a processor", "fingerprint": "f"},
    "runs": 10, "run_s": 2e-3, "nodes_s": 1.9e-3, "nodes_of_run": 0.95,
    "plain_run_s": 2.1e-3, "gaps_s": 1e-4, "clock_reads": 5, "clock_read_s": 2e-8,
    "finish": {"start_s": 1.9e-3, "end_s": 2e-3},
    "roofline": {"flops_per_s": 1e11, "levels": [{"bytes": 1e9, "bytes_per_s": 2e10}]},
    "arena": {"peak_bytes": 4096, "bound_bytes": 4096, "blocks": [
      {"values": ["y"], "kind": "values", "offset": 0, "bytes": 4096, "first": 0, "last": 1},
      {"values": [], "kind": "scratch", "scratch_of": "conv", "offset": 64, "bytes": 64,
       "first": 0, "last": 0}]},
    "steps": [{"name": "conv", "op": "Conv", "kernel": "reference", "sources": ["conv"],
      "skipped": false, "time_s": 1.9e-3, "share": 1, "gap_s": 1e-7, "flops": 1e6, "bytes": 1e4,
      "flops_per_s": 5e8, "bytes_per_s": 5e6, "bound_s": 1e-5, "of_bound": 0.005,
      "bound_by": "compute", "beyond_bound": null, "start_s": 0, "end_s": 1.9e-3}]})");
}

TEST(ProfilePage, ShowsStepsArenaAndOrigin) {
  const std::string html = render_profile_report(sample());
  for (const char* part : {"2.00 ms a run", "95.0 %", "a processor", "strata profile net.onnx",
                           "measured wall time", "4.00 KiB", "conv", "the end", "report-data"}) {
    EXPECT_NE(html.find(part), std::string::npos) << part;
  }
  EXPECT_EQ(html.find("http://"), std::string::npos);
  EXPECT_EQ(html.find("https://"), std::string::npos);
}

TEST(ProfilePage, NamesFromModelsAreNoMarkup) {
  nlohmann::json profile = sample();
  const std::string hostile = "</script><img src=x onerror=alert(1)>";
  profile["steps"][0]["name"] = hostile;
  profile["arena"]["blocks"][0]["values"] = {hostile};
  profile["model"]["name"] = hostile;
  const std::string html = render_profile_report(profile);
  EXPECT_EQ(html.find(hostile), std::string::npos);
  EXPECT_EQ(html.find("<img"), std::string::npos);
}

TEST(ProfilePage, SaysWhyAStepHasNoBoundOrIsBeyondIt) {
  nlohmann::json profile = sample();
  profile["steps"][0]["beyond_bound"] = "fewer operations";
  EXPECT_NE(render_profile_report(profile).find("fewer operations"), std::string::npos);
  for (const char* key : {"bound_s", "of_bound", "bound_by", "beyond_bound"}) {
    profile["steps"][0][key] = nullptr;
  }
  EXPECT_NE(render_profile_report(profile).find("data-value=\"0\">–"), std::string::npos);
}

TEST(ProfilePage, NamesTheFieldThatIsMissing) {
  nlohmann::json profile = sample();
  profile["steps"][0].erase("gap_s");
  try {
    render_profile_report(profile);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::model);
    EXPECT_NE(std::string(error.what()).find("gap_s"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace strata::report
