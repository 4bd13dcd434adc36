// What a user sees of the program: exit codes, messages, JSON.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
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

/// The words of a text, one blank between them: where lines break depends on the length of paths.
std::string in_one_line(const std::string& text) {
  std::istringstream words(text);
  std::string line;
  for (std::string word; words >> word;) line += word + " ";
  return line;
}

void expect_narrow(const std::string& text) {
  std::istringstream lines(text);
  const auto continues = [](char c) { return (c & 0xC0) == 0x80; };
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(std::ssize(line) - std::ranges::count_if(line, continues), 80) << line;
  }
}

/// A run of the program that can be interrupted.
class Running {
 public:
  /// `exec strata ARGUMENTS`, stdout and stderr into one pipe.
  explicit Running(const std::string& arguments) {
    int ends[2];
    if (pipe(ends) != 0) throw std::runtime_error("pipe");
    child_ = fork();
    if (child_ == 0) {
      dup2(ends[1], STDOUT_FILENO);
      dup2(ends[1], STDERR_FILENO);
      close(ends[0]);
      const std::string command = "exec " + std::string(STRATA_PROGRAM) + " " + arguments;
      execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      _exit(127);
    }
    close(ends[1]);
    from_ = ends[0];
  }
  ~Running() {
    close(from_);
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
  }

  /// Until it says that, or ends.
  void wait_for(const std::string& part) {
    while (outcome_.text.find(part) == std::string::npos && read_some()) {
    }
  }
  /// Until it has a handler for SIGINT, or ends.
  void wait_for_handler() const {
    for (;;) {
      std::ifstream status("/proc/" + std::to_string(child_) + "/status");
      bool ended = true, handles = false, started = false;  // before, it is a shell
      for (std::string line; std::getline(status, line);) {
        if (line.starts_with("Name:")) started = line.ends_with("\tstrata");
        if (line.starts_with("State:")) ended = line.find('Z') != std::string::npos;
        if (!line.starts_with("SigCgt:")) continue;
        handles = std::stoull(line.substr(line.find('\t')), nullptr, 16) >> (SIGINT - 1) & 1;
      }
      if (ended || (started && handles)) return;
      usleep(1000);
    }
  }
  Outcome interrupt() {
    kill(child_, SIGINT);
    while (read_some()) {
    }
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    outcome_.code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    return outcome_;
  }

 private:
  bool read_some() {
    char buffer[4096];
    const ssize_t size = read(from_, buffer, sizeof buffer);
    if (size > 0) outcome_.text.append(buffer, std::size_t(size));
    return size > 0;
  }

  pid_t child_ = -1;
  int from_ = -1;
  Outcome outcome_;
};

TEST(Program, ExplainsItself) {
  EXPECT_TRUE(strata("--version").text.starts_with("strata 0."));
  const Outcome help = strata("--help");
  EXPECT_EQ(help.code, 0);
  for (const std::string command :
       {"inspect", "convert", "run", "eval", "bench", "profile", "compare", "optimize"}) {
    EXPECT_NE(help.text.find("  " + command), std::string::npos);
    const Outcome explained = strata(command + " --help");
    EXPECT_EQ(explained.code, 0);
    expect_narrow(explained.text);
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
  expect_failure(1, "reading nofile.onnx: No such file", "inspect nofile.onnx");
  expect_failure(2, "unknown command 'optimise', expected one of inspect", "optimise " + model);
  expect_failure(2, "there is no kernel of that name", "bench --kernel conv1=none " + model);
  expect_failure(2, "memory budget of 10.0 KiB does not hold",
                 "inspect --memory-budget 10K " + model);
  expect_failure(1, "No such file", "inspect missing.onnx");
  expect_failure(1, "", "inspect " + source + "/LICENSE");
  expect_failure(1, "No such file", "eval " + model + " --data missing.toml");
}

TEST(Program, TakesSizesAsPeopleWriteThem) {
  for (const char* size :
       {"65536", "64K", "64k", "64KB", "64KiB", "64kib", "'64 KiB'", "1M", "1gb"}) {
    EXPECT_EQ(strata("inspect --memory-budget " + std::string(size) + " " + model).code, 0) << size;
  }
  for (const char* size : {"64Q", "64KK", "K", "-64K", "0", "6.5K", "64iB", "9999999999G"}) {
    expect_failure(2, "a number of bytes such as 65536, 64K (or 64KiB)",
                   "inspect --memory-budget " + std::string(size) + " " + model);
  }
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

TEST(Convert, WritesWhatItReads) {
  const std::filesystem::path folder = testing::TempDir();
  const auto path = [&](const char* name) { return (folder / name).string(); };
  EXPECT_EQ(strata("convert " + model + " " + path("copy.strata.txt")).code, 0);
  EXPECT_EQ(strata("convert " + path("copy.strata.txt") + " " + path("copy.onnx")).code, 0);
  EXPECT_EQ(strata("convert " + path("copy.onnx") + " " + path("again.strata.txt")).code, 0);
  const auto content = [](const std::string& name) {
    std::ifstream file(name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(content(path("copy.strata.txt")), content(path("again.strata.txt")));

  const Outcome fused =
      strata("convert --optimize --external-data --opset 13 " + model + " " + path("fused.onnx"));
  EXPECT_EQ(fused.code, 0) << fused.text;
  EXPECT_TRUE(std::filesystem::exists(path("fused.onnx.data")));
  EXPECT_LT(json_of("inspect --json " + path("fused.onnx"))["nodes"].size(),
            json_of("inspect --json " + model)["nodes"].size());
}

TEST(Convert, WritesContainersThatEveryCommandReads) {
  const std::filesystem::path folder = testing::TempDir();
  const auto path = [&](const char* name) { return (folder / name).string(); };
  const std::string box = path("box.strata");
  ASSERT_EQ(strata("convert " + model + " " + box).code, 0);
  EXPECT_EQ(strata("convert " + box + " " + path("back.onnx")).code, 0);
  EXPECT_EQ(strata("convert " + model + " " + path("direct.onnx")).code, 0);
  const auto content = [](const std::string& name) {
    std::ifstream file(name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  EXPECT_EQ(content(path("back.onnx")), content(path("direct.onnx")));
  EXPECT_EQ(json_of("inspect --json " + box)["nodes"], json_of("inspect --json " + model)["nodes"]);
  EXPECT_EQ(strata("compare " + box + " " + model).code, 0);
  EXPECT_EQ(strata("bench --json " + box).code, 0);
  expect_failure(2, "--opset and --external-data are for ONNX only",
                 "convert --opset 17 " + model + " " + box);
}

TEST(Quantize, StoresWeightsAsAsked) {
  const std::filesystem::path folder = testing::TempDir();
  const auto path = [&](const char* name) { return (folder / name).string(); };
  const nlohmann::json all =
      json_of("quantize --json --weights i8_channel -o " + path("i8.onnx") + " " + model);
  EXPECT_LT(all["bytes"].get<std::int64_t>() * 3, std::int64_t(std::filesystem::file_size(model)));
  for (const auto& layer : all["layers"]) {
    EXPECT_EQ(layer["encoding"], "i8_channel");
    EXPECT_GT(layer["sqnr_db"].get<double>(), 30);
  }
  const std::string first = all["layers"][0]["layer"];
  const nlohmann::json some = json_of("quantize --json --weights q4_0 --layers '" + first +
                                      "' -o " + path("some.strata") + " " + model);
  EXPECT_EQ(some["layers"].size(), 1u);
  EXPECT_EQ(some["worst"], first);
  const Outcome shown = strata("inspect " + path("some.strata"));
  EXPECT_EQ(shown.code, 0) << shown.text;
  EXPECT_NE(in_one_line(shown.text).find("--weights q4_0"), std::string::npos) << shown.text;
}

TEST(Quantize, EvaluatesWhatItWrites) {
  const std::string output = (std::filesystem::path(testing::TempDir()) / "e.strata").string();
  const std::string data = " --limit 100 --data " + source + "/demo/kws ";
  const nlohmann::json document =
      json_of("quantize --json --weights i4_group32 -o " + output + data + model);
  const nlohmann::json again = json_of("eval --json" + data + output);
  EXPECT_EQ(document["data"]["accuracy"], again["accuracy"]);
}

TEST(Quantize, ComputesOnIntegersWhatItWrites) {
  const std::filesystem::path folder = testing::TempDir();
  const std::string kws = source + "/demo/kws";
  for (const char* name : {"integers.onnx", "integers.strata"}) {
    const std::string output = (folder / name).string();
    const nlohmann::json document = json_of(
        "quantize --json --activations i8 --weight-bits 4 --reconstruct --items 32 "
        "--select 50 --limit 100 --calibrate " +
        kws + " --data " + kws + " -o " + output + " " + model);
    EXPECT_EQ(document["kept"].size(), 0u);
    EXPECT_EQ(document["selection"][0]["integer_macs"], 1.0);
    EXPECT_GT(document["layers"].size(), 10u);
    const nlohmann::json again = json_of("eval --json --limit 100 --data " + kws + " " + output);
    EXPECT_EQ(document["data"]["accuracy"], again["accuracy"]);
    const Outcome shown = strata("inspect " + output);
    EXPECT_NE(shown.text.find("QLinearConv"), std::string::npos) << shown.text;
  }
  const std::string some = " --items 8 --calibrate " + kws + " -o " + (folder / "k.onnx").string();
  expect_failure(2, "no node is named head*",
                 "quantize --activations i8 --keep 'head*'" + some + " " + model);
  expect_failure(2, "--select: 'much' given, expected points from 0 to 100",
                 "quantize --activations i8 --select much" + some + " " + model);
}

TEST(Quantize, SaysTheSizeOfTheFileItReplaces) {
  const std::filesystem::path file = std::filesystem::path(testing::TempDir()) / "replaced.onnx";
  std::filesystem::copy_file(model, file, std::filesystem::copy_options::overwrite_existing);
  const std::string name = file.string();
  const Outcome outcome = strata("quantize --weights i8_channel -o " + name + " " + name);
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  const std::size_t at = outcome.text.find("written ");
  ASSERT_NE(at, std::string::npos) << outcome.text;
  const std::string line = outcome.text.substr(at, outcome.text.find('\n', at) - at);
  const std::string after = line.substr(line.find(", ") + 2, line.find(';') - line.find(", ") - 2);
  EXPECT_FALSE(line.ends_with(after)) << line;
}

TEST(Quantize, ListsWhatEachEncodingCosts) {
  const nlohmann::json document = json_of("quantize --list --json " + model);
  ASSERT_GT(document.size(), 20u);
  EXPECT_EQ(document[0]["encoding"], "dense");
  EXPECT_EQ(document[0]["bytes"].get<int>(), 4 * document[0]["elements"].get<int>());
}

TEST(Quantize, RefusesWhatCannotBe) {
  const std::string output = (std::filesystem::path(testing::TempDir()) / "no").string();
  expect_failure(1, "ONNX cannot store q4_0",
                 "quantize --weights q4_0 -o " + output + ".onnx " + model);
  expect_failure(2, "unknown encoding 'int4', expected one of",
                 "quantize --weights int4 -o " + output + ".onnx " + model);
  expect_failure(2, "no layer with weights is named nothing*",
                 "quantize --weights f16 --layers 'nothing*' -o " + output + ".onnx " + model);
  expect_failure(2, "the name tells the format",
                 "quantize --weights f16 -o " + output + ".bin " + model);
  expect_failure(2, "-o FILE is missing", "quantize --weights f16 " + model);
  const std::string kws = source + "/demo/kws";
  const std::string integers = " --activations i8 --calibrate " + kws + " ";
  for (const std::string& other :
       {integers, std::string(" --weights f16 "), " --data " + kws + " "}) {
    expect_failure(2, "excludes", "quantize --list" + other + model);
  }
  expect_failure(2, "--limit requires --data",
                 "quantize --weights f16 --limit 9 -o " + output + ".onnx " + model);
  expect_failure(2, "--percentile 99 is for --calibration percentile; here it is mse",
                 "quantize --percentile 99" + integers + "-o " + output + ".onnx " + model);
  EXPECT_FALSE(std::filesystem::exists(output + ".onnx"));
}

TEST(Convert, RefusesWhatItCannotWrite) {
  const std::string output = (std::filesystem::path(testing::TempDir()) / "out").string();
  expect_failure(2, "the name tells the format", "convert " + model + " " + output + ".pb");
  expect_failure(2, "--opset and --external-data are for ONNX only",
                 "convert --opset 17 " + model + " " + output + ".strata.txt");
  expect_failure(2, "--opset", "convert --opset 12 " + model + " " + output + ".onnx");
  expect_failure(1, "needs opset 20; asked for is opset 13",
                 "convert --opset 13 " + source + "/tests/corpus/onnx/valid/image_decoder.onnx " +
                     output + ".onnx");
}

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
  const std::filesystem::path folder = testing::TempDir();
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
  EXPECT_EQ(document["clock"], "wall");
  EXPECT_EQ(document["interrupted"], false);
  EXPECT_FALSE(document["device"]["fingerprint"].get<std::string>().empty());
  EXPECT_EQ(document["command"],
            "strata bench " + model + " --threads 1 --seconds 0 --explain --json");
  expect_failure(2, "", "bench --memory-budget 1K " + model);
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
  const std::string net = (std::filesystem::path(testing::TempDir()) / "found.strata.txt").string();
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

TEST(Segments, AreProfiledAndCompared) {
  const std::string net = (std::filesystem::path(testing::TempDir()) / "cut.strata.txt").string();
  std::ofstream(net) << "graph \"cut\" {\n  input %x: f32[N]\n"
                        "  %e: f32[N] = Exp \"before\" (%x)\n"
                        "  %p: i64[1,p_dim1] = NonZero \"find\" (%e)\n"
                        "  %c: f32[1,p_dim1] = Cast \"after\" (%p) {to = dtype f32}\n"
                        "  output %c\n}\n";
  const nlohmann::json document = json_of("profile --json - --seconds 0 --dim N=8 " + net);
  EXPECT_EQ(document["schema"], "strata.segment_profile/1");
  ASSERT_EQ(document["segments"].size(), 2u);
  EXPECT_EQ(document["segments"][0]["steps"][0]["name"], "before");
  EXPECT_EQ(document["segments"][1]["calls"], 1);
  EXPECT_GT(document["peak_bytes"], 0);
  const Outcome text = strata("profile --seconds 0 --dim N=8 " + net);
  EXPECT_EQ(text.code, 0) << text.text;
  for (const char* part : {"segment 1", "segment 2", "before", "after", "between"}) {
    EXPECT_NE(text.text.find(part), std::string::npos) << text.text;
  }
  expect_failure(2, "one plan", "profile --memory --seconds 0 " + net);
  const Outcome compared = strata("compare --dim N=8 --layers " + net);
  EXPECT_EQ(compared.code, 0) << compared.text;
  EXPECT_NE(compared.text.find("before"), std::string::npos) << compared.text;
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

TEST(Eval, InterruptedItSaysSo) {
  Running run("eval --json --threads 1 " + model + " --data " + source + "/demo/kws 2>/dev/null");
  run.wait_for_handler();
  const Outcome outcome = run.interrupt();
  const nlohmann::json document = nlohmann::json::parse(outcome.text);
  // It may have been done by then.
  EXPECT_EQ(document["interrupted"], document["count"] != 850) << outcome.text;
  EXPECT_EQ(outcome.code, document["interrupted"] == true ? 130 : 0);
}

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

/// A folder of its own, removed in the end.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / fmt::format("strata_cli_{}", ::getpid());
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }

  std::string file(const char* name) const { return (path / name).string(); }
  std::string text(const char* name) const {
    std::ifstream stream(path / name);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  nlohmann::json json(const char* name) const {
    return nlohmann::json::parse(std::ifstream(path / name));
  }
};

TEST(Optimize, WritesModelReportAndFront) {
  const Folder folder;
  const Outcome outcome =
      strata("optimize --time 1s --max-drop 0.02 --memory-budget 64KiB --threads 1 --data " +
             source + "/demo/kws -o " + folder.file("small.onnx") + " " + model);
  EXPECT_EQ(outcome.code, 0) << outcome.text;
  for (const char* part :
       {"accuracy may fall by 2.00 points at most; done within 1.00 s; memory within 64.0 KiB",
        "for the verdict", "Pareto front:", "chosen", " held-out records right",
        "small.front.json"}) {
    EXPECT_NE(outcome.text.find(part), std::string::npos) << part << "\n" << outcome.text;
  }
  for (const char* file : {"small.onnx", "small.html", "small.front.json"}) {
    EXPECT_TRUE(std::filesystem::exists(folder.path / file)) << file;
  }
  const nlohmann::json front = folder.json("small.front.json");
  EXPECT_EQ(front["interrupted"], false);
  EXPECT_NE(front["command"].get<std::string>().find("--memory-budget 64KiB"), std::string::npos);
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

TEST(Profile, WritesTableDocumentTraceAndPage) {
  const Folder folder;
  setenv("XDG_CACHE_HOME", folder.file("cache").c_str(), 1);
  const std::string files = " --json " + folder.file("profile.json") + " --trace " +
                            folder.file("trace.json") + " --html " + folder.file("page.html");
  const Outcome outcome = strata("profile --seconds 0 --memory " + model + files);
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  for (const char* part : {"gaps between steps", "a run that nobody looks into", "taken off"}) {
    EXPECT_NE(outcome.text.find(part), std::string::npos) << outcome.text;
  }
  expect_narrow(outcome.text.substr(outcome.text.find('\n')));
  const nlohmann::json profile = folder.json("profile.json");
  for (const char* key : {"run_s", "nodes_s", "nodes_of_run"}) {
    EXPECT_GT(profile[key].get<double>(), 0) << key;
  }
  EXPECT_EQ(profile["clock"], "wall");
  EXPECT_EQ(profile["roofline"]["levels"].size(), 6u);
  EXPECT_FALSE(profile["device"]["fingerprint"].get<std::string>().empty());
  EXPECT_EQ(profile["command"],
            "strata profile " + model + " --threads 1 --seconds 0 --memory" + files);
  const nlohmann::json trace = folder.json("trace.json");
  EXPECT_GT(trace["traceEvents"].size(), profile["steps"].size());
  EXPECT_NE(folder.text("page.html").find("conv1_relu"), std::string::npos);
  EXPECT_FALSE(std::filesystem::is_empty(folder.file("cache/strata")));
  EXPECT_EQ(json_of("profile --seconds 0 --json - " + model)["roofline"], profile["roofline"]);
  unsetenv("XDG_CACHE_HOME");
}

TEST(Profile, RunsOnGivenInputs) {
  const Folder folder;
  setenv("XDG_CACHE_HOME", folder.file("cache").c_str(), 1);
  std::ofstream(folder.file("net.strata.txt"))
      << "graph \"net\" {\n  input %x: f32[N,3]\n  %y: f32[N,3] = Tanh \"squash\" (%x)\n"
         "  output %y\n}\n";
  const std::string net = folder.file("net.strata.txt"), array = folder.file("x.npy");
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (5, 3), }";
  header.resize(117, ' ');
  std::ofstream(array, std::ios::binary) << std::string("\x93NUMPY\x01\0v\0", 10) << header << '\n'
                                         << std::string(60, '\0');
  const auto profile = json_of("profile --seconds 0 --json - --input " + array + " " + net);
  EXPECT_EQ(profile["dims"]["N"], 5);
  EXPECT_EQ(profile["inputs"], array);
  EXPECT_EQ(profile["steps"][0]["bytes"], 2 * 5 * 3 * 4);
  expect_failure(2, "excludes", "profile --dim N=2 --input " + array + " " + net);
  expect_failure(2, "files for 2 runs given",
                 "profile --input " + array + " --input " + array + " " + net);

  // What 'run' writes has a name that says what it is.
  EXPECT_EQ(strata("run " + net + " " + array + " --output " + folder.file("y.npy")).code, 0);
  EXPECT_EQ(strata("run " + net + " " + folder.file("y.npy")).code, 0);
  expect_failure(2, "a name that ends in .npz expected, or in .npy",
                 "run " + net + " " + array + " --output " + folder.file("y.bin"));
  unsetenv("XDG_CACHE_HOME");
}

TEST(Program, SaysWhichSizesItAssumed) {
  const Folder folder;
  std::ofstream(folder.file("net.strata.txt"))
      << "graph \"net\" {\n  input %x: f32[1,1,T]\n  constant %w = f32[1,1,3] {1, 2, 3}\n"
         "  %y: f32[1,1,T-2] = Conv \"filter\" (%x, %w)\n  output %y\n}\n";
  for (const std::string command : {"bench", "profile", "compare"}) {
    expect_failure(
        1, "with T = 1 (--dim sets sizes): ", command + " " + folder.file("net.strata.txt"));
  }
  const Outcome shown = strata("inspect " + folder.file("net.strata.txt"));
  EXPECT_NE(shown.text.find("with T = 1 (--dim sets sizes): "), std::string::npos) << shown.text;
  EXPECT_EQ(strata("bench --seconds 0 --dim T=9 " + folder.file("net.strata.txt")).code, 0);
}

TEST(Program, StaysWithinEightyColumns) {
  for (const std::string command : {"inspect", "bench --seconds 0 --explain", "compare --layers"}) {
    const std::string text = strata(command + " " + model).text;
    expect_narrow(text.substr(text.starts_with(source) ? text.find('\n') : 0));
  }
}

TEST(Compare, TellsWhetherAndWhereSidesPart) {
  EXPECT_EQ(strata("compare " + model).code, 0);
  EXPECT_EQ(strata("compare --samples 1 --b-isa baseline " + model + " " + model).code, 0);
  const auto same = json_of("compare --json --a-off fuse " + model);
  EXPECT_EQ(same["agree"], true);
  EXPECT_TRUE(same["first"].is_null());

  const Folder folder;
  const std::string head = "graph \"two layers\" {\n  input %x: f32[1,3]\n";
  const std::string tail =
      "  %a: f32[1,3] = Mul \"scale\" (%x, %w)\n  %y: f32[1,3] = Tanh \"squash\" (%a)\n"
      "  output %y\n}\n";
  std::ofstream(folder.file("a.strata.txt")) << head + "  constant %w = f32[3] {1, 2, 3}\n" + tail;
  std::ofstream(folder.file("b.strata.txt"))
      << head + "  constant %w = f32[3] {1, 2.001, 3}\n" + tail;
  const std::string both = folder.file("a.strata.txt") + " " + folder.file("b.strata.txt");
  const Outcome outcome = strata("compare --bisect " + both, false);
  EXPECT_EQ(outcome.code, 1) << outcome.text;
  for (const char* part : {"first beyond rounding: squash with scale", "differ\n",
                           "to blame: model w, first at scale"}) {
    EXPECT_NE(outcome.text.find(part), std::string::npos) << part << "\n" << outcome.text;
  }
  EXPECT_EQ(strata("compare --tolerance 0.01 " + both).code, 0);
  expect_failure(2, "unknown pass 'fold'", "compare --b-off fold " + model);
  std::ofstream(folder.file("c.strata.txt"))
      << "graph \"sum\" {\n  input %x: f32[1,3]\n  input %z: f32[1,3]\n"
         "  %y: f32[1,3] = Add \"add\" (%x, %z)\n  output %y\n}\n";
  expect_failure(2, "A takes 1 inputs, B 2",
                 "compare " + folder.file("a.strata.txt") + " " + folder.file("c.strata.txt"));
}

}  // namespace
