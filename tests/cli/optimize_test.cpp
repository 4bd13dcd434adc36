#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "tests/cli/cli.hpp"

namespace strata::cli::testing {
namespace {

TEST(Optimize, RefusesWhatItCannotRead) {
  const std::string data = " --data " + source + "/demo/kws ";
  expect_failure(2, "--data is required", "optimize " + model);
  expect_failure(2, "'1' given; write 1% to allow a drop of 1 points",
                 "optimize --max-drop 1 " + model + data);
  expect_failure(2,
                 "'0.5' given; write 0.5% to allow a drop of 0.5 points (fractions are accepted "
                 "below 0.1)",
                 "optimize --max-drop 0.5 " + model + data);
  for (const char* drop : {"-1%", "100%", "nan", "inf%", "1 %", "%", "0,5%"}) {
    expect_failure(2, "a percentage such as 1% or a fraction such as 0.01 expected",
                   "optimize --max-drop '" + std::string(drop) + "' " + model + data);
  }
  expect_failure(2, "'64Q' given", "optimize --memory-budget 64Q " + model + data);
  expect_failure(2, "'soon' given, a time such as 90s", "optimize --time soon " + model + data);
  expect_failure(2, "clever not in {auto,staged,exhaustive}",
                 "optimize --strategy clever " + model + data);
}

TEST(Optimize, ChecksItsOutputsBeforeItSearches) {
  const std::string job = "optimize " + model + " --data " + source + "/demo/kws ";
  expect_failure(2, "-o: there is no folder no/such", job + "-o no/such/model.onnx");
  expect_failure(2, "is a folder, a file expected", job + "-o /tmp");
  expect_failure(2, "MODEL and -o are the same file", job + "-o " + model);
  expect_failure(2, "-o and --report are the same file", job + "-o same.onnx --report same.onnx");
}

TEST(Optimize, WritesModelReportAndFront) {
  const Folder folder;
  const Outcome outcome =
      strata("optimize --time 1s --max-drop 0.02 --memory-budget 64KiB --threads 1 --data " +
             source + "/demo/kws -o " + folder.file("small.onnx") + " " + model);
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  for (const char* part :
       {"measuring the model as given", "timing the layers of the chosen version",
        "accuracy may fall by 2.00 points at most; done within 1.00 s; memory within 64.0 KiB",
        "for the verdict", "Pareto front:", "chosen", " held-out records right",
        "small.front.json"}) {
    EXPECT_NE(in_one_line(outcome.text).find(part), std::string::npos) << part << "\n"
                                                                       << outcome.text;
  }
  for (const char* file : {"small.onnx", "small.html", "small.front.json"}) {
    EXPECT_TRUE(std::filesystem::exists(folder.path / file)) << file;
  }
  const nlohmann::json front = folder.json("small.front.json");
  EXPECT_EQ(front["interrupted"], false);
  EXPECT_NE(front["command"].get<std::string>().find("--memory-budget 64KiB"), std::string::npos);
}

TEST(Optimize, WritesTensorFlowLite) {
  const Folder folder;
  const Outcome outcome = strata("optimize --time 2s --threads 1 --data " + source +
                                 "/demo/kws -o " + folder.file("small.tflite") + " " + model);
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  const nlohmann::json front = folder.json("small.front.json");
  const nlohmann::json evaluated =
      json_of("eval --json --data " + source + "/demo/kws " + folder.file("small.tflite"));
  EXPECT_EQ(evaluated["count"], 850);
  // Search and verdict records are all of them; without a limit of time they would be those of
  // eval.
  EXPECT_GT(evaluated["accuracy"].get<double>(), 0.85);
  expect_failure(2, "the name tells the format; accepted: *.onnx, *.tflite, *.strata",
                 "optimize --data " + source + "/demo/kws -o x.pb " + model);
}

// What is read on a terminal of the usual width.
TEST(Optimize, TheFrontFitsIntoEightyColumns) {
  const Folder folder;
  const Outcome outcome = strata("optimize --time 2s --threads 1 --data " + source +
                                 "/demo/kws -o " + folder.file("small.onnx") + " " + model);
  std::istringstream lines(outcome.text.substr(outcome.text.find("Pareto front:")));
  bool in_table = false;
  for (std::string line; std::getline(lines, line) && !line.starts_with("chosen");) {
    in_table |= line.starts_with("candidate");
    const auto continues = [](char c) { return (c & 0xC0) == 0x80; };
    EXPECT_LE(std::ssize(line) - std::ranges::count_if(line, continues), 80) << line;
  }
  EXPECT_TRUE(in_table) << outcome.text;
}

TEST(Optimize, NamesTheLayerThatDoesNotFitTheMemory) {
  const Folder folder;
  const Outcome outcome = strata("optimize --memory-budget 4K --threads 1 --data " + source +
                                 "/demo/kws -o " + folder.file("small.onnx") + " " + model);
  EXPECT_EQ(outcome.code, 2) << outcome.text;  // as in every command
  EXPECT_NE(outcome.text.find("memory budget of 4096 bytes does not hold: the arena needs"),
            std::string::npos)
      << outcome.text;
  EXPECT_NE(outcome.text.find("most is alive at "), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path));
}

TEST(Optimize, InterruptedItDeliversAndSaysSo) {
  const Folder folder;
  Running run("optimize --time none --threads 1 --data " + source + "/demo/kws -o " +
              folder.file("small.onnx") + " " + model);
  run.wait_for("all i8_channel");  // on the front by now
  const Outcome outcome = run.interrupt();
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_NE(outcome.text.find("interrupted: ending within seconds"), std::string::npos)
      << outcome.text;
  const nlohmann::json front = folder.json("small.front.json");
  EXPECT_EQ(front["interrupted"], true);
  EXPECT_EQ(front["ended"], "interrupted");
  EXPECT_EQ(front["verdict"]["confirmed"], true);
}

}  // namespace
}  // namespace strata::cli::testing
