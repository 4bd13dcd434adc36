#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/cli/cli.hpp"

namespace strata::cli::testing {
namespace {

TEST(Convert, WritesWhatItReads) {
  const std::filesystem::path folder = TempDir();
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
  const std::filesystem::path folder = TempDir();
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

TEST(Convert, PacksWeightsIntoContainers) {
  const Folder folder;
  const std::string plain = folder.file("plain.strata"), packed = folder.file("packed.strata");
  ASSERT_EQ(strata("convert --optimize " + model + " " + plain).code, 0);
  const Outcome outcome = strata("convert --packed " + model + " " + packed);
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_NE(outcome.text.find(" packed"), std::string::npos) << outcome.text;
  EXPECT_GT(std::filesystem::file_size(packed), std::filesystem::file_size(plain));

  const auto about = json_of("inspect --verify --json " + packed)["packed"];
  EXPECT_GT(about["weights"], 0);
  EXPECT_EQ(about["used"], about["weights"]);
  EXPECT_EQ(about["current"], true);
  EXPECT_NE(in_one_line(strata("inspect " + packed).text).find("of them where they lie"),
            std::string::npos);
  EXPECT_EQ(json_of("bench --json --seconds 0.01 " + packed)["mapped_weights"], about["weights"]);
  // Other kernels than those that packed.
  EXPECT_EQ(json_of("bench --json --seconds 0.01 --isa baseline " + packed)["mapped_weights"], 0);
  EXPECT_EQ(strata("compare --tolerance 0 " + plain + " " + packed).code, 0);
  // Packed weights are not part of the graph.
  ASSERT_EQ(strata("convert " + packed + " " + folder.file("again.strata")).code, 0);
  EXPECT_EQ(std::filesystem::file_size(folder.file("again.strata")),
            std::filesystem::file_size(plain));

  expect_failure(2, "--packed is for *.strata only",
                 "convert --packed " + model + " " + folder.file("a.onnx"));
  expect_failure(2, "which --packed alone needs", "convert --isa avx2 " + model + " " + packed);
}

/// An entry of metadata_props, to be put behind an ONNX file.
std::string metadata_entry(const std::string& key, const std::string& value) {
  const auto field = [](char tag, const std::string& content) {
    return std::string{tag, char(content.size())} + content;  // lengths below 128
  };
  return field('\x72', field('\x0a', key) + field('\x12', value));
}

// A file can say how it is best run: the program follows it where no option says otherwise.
TEST(Convert, KeepsHowAModelIsBestRun) {
  const Folder folder;
  const std::string said = folder.file("said.onnx"), box = folder.file("box.strata");
  std::string row;
  const auto explained = json_of("bench --json --explain --seconds 0.01 " + model);
  for (const auto& step : explained["steps"]) {
    if (step["name"] != "block1_pw") continue;
    for (const auto& other : step["rejected"]) {
      const std::string reason = other["reason"];
      if (reason.starts_with("possible")) row = other["row"];
    }
  }
  ASSERT_FALSE(row.empty());
  std::filesystem::copy_file(model, said);
  std::ofstream(said, std::ios::binary | std::ios::app)
      << metadata_entry("strata.threads", "2") << metadata_entry("strata.off", "fuse")
      << metadata_entry("strata.kernel.block1_pw", row);
  ASSERT_EQ(strata("convert " + said + " " + box).code, 0);
  const std::string copy = folder.file("copy.onnx");
  ASSERT_EQ(strata("convert " + box + " " + copy).code, 0);
  const Outcome unsaid = strata("convert " + said + " " + folder.file("unsaid.tflite"));
  EXPECT_EQ(unsaid.code, 0) << unsaid.text;
  const std::string options = "--threads 2 --off fuse --kernel block1_pw=" + row;
  EXPECT_NE(unsaid.text.find("give it " + options + " when it runs"), std::string::npos)
      << unsaid.text;
  EXPECT_EQ(unsaid.text.find("latency"), std::string::npos) << "nothing was measured";
  for (const std::string& file : {said, box, copy}) {
    const auto choices = json_of("inspect --json " + file)["choices"];
    EXPECT_EQ(choices["threads"], 2);
    EXPECT_EQ(choices["off"], nlohmann::json::array({"fuse"}));
    EXPECT_EQ(choices["kernels"]["block1_pw"], row);
    EXPECT_NE(in_one_line(strata("inspect " + file).text).find("best 2 threads, without pass fuse"),
              std::string::npos);
    const std::string bench = "bench --json --explain --seconds 0.01 ";
    const auto followed = json_of(bench + file);
    EXPECT_EQ(followed["choices_of_file"], true);
    EXPECT_LE(followed["threads"], 2);
    for (const auto& step : followed["steps"]) {
      if (step["name"] == "block1_pw") {
        EXPECT_EQ(step["row"], row);
      }
    }
    EXPECT_EQ(json_of(bench + "--threads 1 " + file)["threads"], 1);
    const auto ignored = json_of(bench + "--ignore-choices " + file);
    EXPECT_EQ(ignored["choices_of_file"], false);
    EXPECT_LT(ignored["steps"].size(), followed["steps"].size());
  }
  std::ofstream(said, std::ios::binary | std::ios::app) << metadata_entry("strata.threads", "many");
  expect_failure(1, "strata.threads: 'many' in the file's metadata, 1 to 256 accepted",
                 "bench " + said);
}

TEST(Convert, TellsWhatTheFileDoesNotHold) {
  const Folder folder;
  const std::string integers = source + "/tests/corpus/tflite/head_i8.tflite";
  const Outcome outcome = strata("convert " + integers + " " + folder.file("head.onnx"));
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  EXPECT_NE(outcome.text.find("in the arithmetic tflite_xnnpack: the file tells Strata so, other "
                              "runtimes will compute ONNX's"),
            std::string::npos)
      << outcome.text;
  // And it does.
  EXPECT_EQ(strata("compare --tolerance 0 " + integers + " " + folder.file("head.onnx")).code, 0);
  EXPECT_EQ(strata("convert " + integers + " " + folder.file("a.strata.txt")).code, 0);
  EXPECT_EQ(strata("convert " + folder.file("head.onnx") + " " + folder.file("b.strata.txt")).code,
            0);
  EXPECT_EQ(folder.text("a.strata.txt"), folder.text("b.strata.txt"));

  ASSERT_EQ(strata("quantize --weights q4_0 -o " + folder.file("q.strata") + " " + model).code, 0);
  for (const char* name : {"q.onnx", "q.tflite"}) {
    const Outcome decoded = strata("convert " + folder.file("q.strata") + " " + folder.file(name));
    EXPECT_EQ(decoded.code, 0);
    EXPECT_NE(decoded.text.find("10 constants are written decoded"), std::string::npos)
        << decoded.text;
    EXPECT_NE(decoded.text.find("(10 q4_0); *.strata keeps them"), std::string::npos)
        << decoded.text;
  }
  EXPECT_EQ(strata("convert " + folder.file("q.strata") + " " + folder.file("r.strata"))
                .text.find("decoded"),
            std::string::npos);
}

TEST(Convert, DoesNotReplaceItsModel) {
  const std::filesystem::path folder = TempDir();
  const std::string copy = (folder / "copy.onnx").string();
  std::filesystem::copy_file(model, copy, std::filesystem::copy_options::overwrite_existing);
  const auto size = std::filesystem::file_size(copy);
  for (const std::string& command :
       {"convert " + copy + " " + copy, "convert " + copy + " " + folder.string() + "/./copy.onnx",
        "quantize " + copy + " --weights i8_channel -o " + copy}) {
    const Outcome refused = strata(command);
    EXPECT_EQ(refused.code, 2) << command;
    EXPECT_NE(refused.text.find("give it another name"), std::string::npos) << refused.text;
  }
  EXPECT_EQ(std::filesystem::file_size(copy), size);
}

TEST(Convert, RefusesWhatItCannotWrite) {
  const std::string output = (std::filesystem::path(TempDir()) / "out").string();
  expect_failure(2, "the name tells the format", "convert " + model + " " + output + ".pb");
  expect_failure(2, "--opset and --external-data are for ONNX only",
                 "convert --opset 17 " + model + " " + output + ".strata.txt");
  expect_failure(2, "--opset", "convert --opset 12 " + model + " " + output + ".onnx");
  expect_failure(1, "needs opset 20; asked for is opset 13",
                 "convert --opset 13 " + source + "/tests/corpus/onnx/valid/image_decoder.onnx " +
                     output + ".onnx");
}

}  // namespace
}  // namespace strata::cli::testing
