#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/cli/cli.hpp"

namespace strata::cli::testing {
namespace {

TEST(Eval, ReachesTheKnownAccuracy) {
  const nlohmann::json document =
      json_of("eval --json " + model + " --data " + source + "/demo/kws");
  EXPECT_EQ(document["count"], 850);
  EXPECT_EQ(document["correct"], 773);
  EXPECT_EQ(document["complete"], true);
  EXPECT_EQ(document["interrupted"], false);
  EXPECT_EQ(document["warnings"].size(), 0u);
  EXPECT_TRUE(document["command"].get<std::string>().starts_with("strata eval "));
  const Outcome text = strata("eval --threads 2 --batch 32 " + model + " --data " + source +
                              "/demo/kws/dataset.toml");
  EXPECT_NE(text.text.find("90.94 % (773 of 850), 95 % interval 88.82 % to 92.69 %"),
            std::string::npos)
      << text.text;
  EXPECT_EQ(text.text.find('\r'), std::string::npos) << "no bar where there is no terminal";
}

TEST(Eval, MeasuresWhatIsAskedFor) {
  const std::string data = " --data " + source + "/demo/kws ";
  const nlohmann::json document = json_of("eval --json --metric auc --metric top5 " + model + data);
  EXPECT_GT(document["metrics"]["auc"]["value"], 0.9);
  EXPECT_LT(document["metrics"]["auc"]["interval"][0], document["metrics"]["auc"]["value"]);
  EXPECT_GT(document["metrics"]["top5"]["value"], 0.98);
  EXPECT_FALSE(document.contains("correct")) << "top1 was not asked for";
  expect_failure(2, "no metric 'f1', there are top1,", "eval --metric f1 " + model + data);
  expect_failure(2, "no masks: give them as --truth", "eval --metric miou " + model + data);
  expect_failure(2, "no boxes: give them as --truth", "eval --metric map " + model + data);
}

TEST(Eval, ComparesWithAReference) {
  const std::filesystem::path folder = TempDir();
  const std::string small = (folder / "reference_i8.onnx").string();
  ASSERT_EQ(strata("quantize --weights i8_channel -o " + small + " " + model).code, 0);
  // Records alone: what is compared needs no labels.
  std::ifstream from(source + "/demo/kws/mfcc_0_849.s8", std::ios::binary);
  std::ofstream(folder / "records.s8", std::ios::binary) << from.rdbuf();
  std::ofstream(folder / "records.toml")
      << "[records]\nfile = 'records.s8'\ndtype = 'i8'\nshape = [1, 49, 10]\n"
         "scale = 0.58470291\nzero_point = 83\n";
  const std::string unlabelled = " --data " + (folder / "records.toml").string() + " ";
  const Outcome same = strata("eval --limit 9 --reference " + model + unlabelled + model);
  EXPECT_NE(same.text.find("exact"), std::string::npos) << same.text;
  EXPECT_EQ(same.text.find("inf"), std::string::npos) << same.text;
  const nlohmann::json document = json_of("eval --json --reference " + model + unlabelled + small);
  EXPECT_EQ(document["agreement"]["count"], 850);
  EXPECT_GT(document["agreement"]["accuracy"], 0.97);
  EXPECT_GT(document["output_error"]["relative"], 0);
  EXPECT_LT(document["output_error"]["relative"], 0.1);
  EXPECT_FALSE(document.contains("drop"));
  const nlohmann::json labelled =
      json_of("eval --json --reference " + model + " --data " + source + "/demo/kws " + small);
  EXPECT_EQ(labelled["reference_accuracy"]["correct"], 773);
  EXPECT_EQ(labelled["drop"]["lost"].get<int>() - labelled["drop"]["gained"].get<int>(),
            773 - labelled["correct"].get<int>());
  expect_failure(2, "the data have no labels; give --labels, or a model to agree with",
                 "eval " + model + unlabelled);
  expect_failure(2, "--reference compares outputs",
                 "eval --metric auc --reference " + model + unlabelled + small);
}

TEST(Eval, InterruptedItSaysSo) {
  Running run("eval --json --threads 1 " + model + " --data " + source + "/demo/kws 2>/dev/null");
  run.wait_for_handler();
  const Outcome outcome = run.interrupt();
  const nlohmann::json document = nlohmann::json::parse(outcome.text);
  // It may have been done by then.
  EXPECT_EQ(document["interrupted"], document["count"] != 850) << outcome.text;
  EXPECT_EQ(outcome.code, document["interrupted"] == true ? 130 : 0);
}

}  // namespace
}  // namespace strata::cli::testing
