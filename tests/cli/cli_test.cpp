// What a user sees of the program: exit codes, messages, JSON.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace {

const std::string source = STRATA_SOURCE_DIR;
const std::string model = source + "/demo/kws/kws_dscnn_fp32.onnx";

struct Outcome {
  int code = -1;
  std::string text;
};

/// Runs `strata ARGUMENTS` in a shell; stdout, and stderr too unless it is thrown away.
Outcome strata(const std::string& arguments, bool with_errors = true) {
  const std::string command =
      std::string(STRATA_PROGRAM) + " " + arguments + (with_errors ? " 2>&1" : " 2>/dev/null");
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (const std::size_t size = fread(buffer, 1, sizeof buffer, pipe)) {
    outcome.text.append(buffer, size);
  }
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  return outcome;
}

nlohmann::json json_of(const std::string& arguments) {
  const Outcome outcome = strata(arguments, false);
  EXPECT_EQ(outcome.code, 0) << arguments;
  return nlohmann::json::parse(outcome.text);
}

void expect_failure(int code, const std::string& part, const std::string& arguments) {
  const Outcome outcome = strata(arguments);
  EXPECT_EQ(outcome.code, code) << arguments << "\n" << outcome.text;
  EXPECT_TRUE(outcome.text.starts_with("strata: error: ")) << outcome.text;
  EXPECT_NE(outcome.text.find(part), std::string::npos) << outcome.text;
}

TEST(Program, ExplainsItself) {
  EXPECT_TRUE(strata("--version").text.starts_with("strata 0."));
  const Outcome help = strata("--help");
  EXPECT_EQ(help.code, 0);
  for (const std::string command : {"inspect", "run", "eval", "bench", "optimize"}) {
    EXPECT_NE(help.text.find("  " + command), std::string::npos);
    EXPECT_EQ(strata(command + " --help").code, 0);
  }
}

TEST(Program, TellsWrongUseFromBadInput) {
  expect_failure(2, "subcommand", "");
  expect_failure(2, "MODEL", "inspect");
  expect_failure(2, "--treads", "bench --treads 2 " + model);
  expect_failure(2, "'64Q' given", "bench --memory-budget 64Q " + model);
  expect_failure(2, "'conv1' given, NODE=ROW", "bench --kernel conv1 " + model);
  expect_failure(2, "M: the inputs have the dimensions N", "bench --dim M=2 " + model);
  expect_failure(2, "no_such_pass", "bench --off no_such_pass " + model);
  expect_failure(2, "no input given; the model takes input f32[N,1,49,10]", "run " + model);
  expect_failure(2, "unknown command 'optimise', expected one of inspect", "optimise " + model);
  expect_failure(2, "there is no kernel of that name", "bench --kernel conv1=none " + model);
  expect_failure(2, "memory budget of 10.0 KiB does not hold",
                 "inspect --memory-budget 10K " + model);
  expect_failure(1, "No such file", "inspect missing.onnx");
  expect_failure(1, "", "inspect " + source + "/LICENSE");
  expect_failure(1, "No such file", "eval " + model + " --data missing.toml");
}

TEST(Inspect, CountsWhatTheModelHas) {
  const nlohmann::json document = json_of("inspect --json " + model);
  EXPECT_EQ(document["nodes"].size(), 31u);
  EXPECT_EQ(document["file_bytes"], 105658);
  EXPECT_EQ(document["inputs"][0]["shape"], nlohmann::json::parse(R"(["N",1,49,10])"));
  // 25 x 5 positions: 64 x 10 x 4 + 4 (64 x 9 + 64 x 64) each, and the classifier's 64 x 12.
  EXPECT_EQ(document["macs"], 125 * (64 * 40 + 4 * (64 * 9 + 64 * 64)) + 64 * 12);
  EXPECT_GT(document["peak_arena_bytes"], 0);
  const nlohmann::json pair = json_of("inspect --json --dim N=2 " + model);
  EXPECT_EQ(pair["macs"].get<int>(), 2 * document["macs"].get<int>());
}

TEST(Eval, ReachesTheKnownAccuracy) {
  const nlohmann::json document =
      json_of("eval --json " + model + " --data " + source + "/demo/kws");
  EXPECT_EQ(document["count"], 850);
  EXPECT_EQ(document["correct"], 773);
  EXPECT_EQ(document["complete"], true);
  const Outcome text = strata("eval --threads 2 --batch 32 " + model + " --data " + source +
                              "/demo/kws/dataset.toml");
  EXPECT_NE(text.text.find("90.94 % (773 of 850), 95 % interval 88.82 % to 92.69 %"),
            std::string::npos)
      << text.text;
  EXPECT_EQ(text.text.find('\r'), std::string::npos) << "no bar where there is no terminal";
}

TEST(Run, NamesClassesOfPictures) {
  const std::string net = source + "/demo/squeezenet/squeezenet1.1.onnx";
  const Outcome outcome = strata("run " + net + " " + source + "/demo/squeezenet/burger.jpg " +
                                 source + "/demo/squeezenet/cat.png --top 1");
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_NE(outcome.text.find("cheeseburger"), std::string::npos) << outcome.text;
  EXPECT_NE(outcome.text.find("Egyptian cat"), std::string::npos) << outcome.text;
}

TEST(Bench, ReportsFiguresAndChoices) {
  const nlohmann::json document = json_of("bench --json --explain --seconds 0 " + model);
  for (const char* key : {"p50_ms", "p90_ms", "p99_ms", "cold_ms", "load_ms", "peak_arena_bytes"}) {
    EXPECT_GT(document[key].get<double>(), 0) << key;
  }
  ASSERT_FALSE(document["steps"].empty());
  for (const nlohmann::json& step : document["steps"]) EXPECT_TRUE(step.contains("row"));
  expect_failure(2, "", "bench --memory-budget 1K " + model);
}

TEST(Optimize, RefusesWhatItCannotRead) {
  const std::string data = " --data " + source + "/demo/kws ";
  expect_failure(2, "--data is required", "optimize " + model);
  expect_failure(2, "'1' given, a percentage such as 1% or a fraction such as 0.01 expected",
                 "optimize --max-drop 1 " + model + data);
  expect_failure(2, "'soon' given, a time such as 90s", "optimize --time soon " + model + data);
  expect_failure(2, "clever not in {auto,staged,exhaustive}",
                 "optimize --strategy clever " + model + data);
}

TEST(Optimize, ChecksItsOutputsBeforeItSearches) {
  const std::string job = "optimize " + model + " --data " + source + "/demo/kws ";
  expect_failure(2, "-o: there is no folder no/such", job + "-o no/such/model.onnx");
  expect_failure(2, "is a folder, a file expected", job + "-o /tmp");
  expect_failure(2, "MODEL and -o are the same file", job + "-o " + model);
  expect_failure(2, "-o and --report are the same file", job + "-o same --report same");
}

TEST(Optimize, WritesModelReportAndFront) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / fmt::format("strata_cli_{}", ::getpid());
  std::filesystem::create_directories(folder);
  const Outcome outcome = strata("optimize --time 1s --threads 1 --data " + source +
                                 "/demo/kws -o " + (folder / "small.onnx").string() + " " + model);
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  for (const char* part : {"held out for the verdict", "Pareto front:", "chosen",
                           " held-out records: accuracy ", "small.front.json"}) {
    EXPECT_NE(outcome.text.find(part), std::string::npos) << part << "\n" << outcome.text;
  }
  for (const char* file : {"small.onnx", "small.html", "small.front.json"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / file)) << file;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
