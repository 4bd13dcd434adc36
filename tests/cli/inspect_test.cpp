#include <gtest/gtest.h>

#include <fstream>

#include "tests/cli/cli.hpp"

namespace strata::cli::testing {
namespace {

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

TEST(Inspect, ShowsWhatIntegersStandFor) {
  const std::string integers = source + "/tests/corpus/tflite/head_i8.tflite";
  const nlohmann::json document = json_of("inspect --json " + integers);
  EXPECT_GT(document["inputs"][0]["scale"].get<double>(), 0);
  EXPECT_EQ(document["outputs"][0]["scale"], 1.0 / 256);
  EXPECT_EQ(document["outputs"][0]["zero_point"], -128);
  EXPECT_NE(strata("inspect " + integers).text.find("scale 0.00390625, zero point -128"),
            std::string::npos);
  EXPECT_FALSE(json_of("inspect --json " + model)["inputs"][0].contains("scale"));
}

TEST(Inspect, HoldsContainersToTheirChecksums) {
  const Folder folder;
  const std::string box = folder.file("box.strata");
  ASSERT_EQ(strata("convert " + model + " " + box).code, 0);
  EXPECT_NE(strata("inspect --verify " + box).text.find("weights are as they were written"),
            std::string::npos);
  std::string bytes = folder.text("box.strata");
  bytes.back() = char(bytes.back() ^ 1);
  std::ofstream(box, std::ios::binary) << bytes;
  expect_failure(1, "it is damaged", "inspect " + box);
  expect_failure(2, "is no container", "inspect --verify " + model);
}

// Integers of four bits are computed with as eight, but are four in the file.
TEST(Inspect, CountsNarrowWeightsAsTheFileHasThem) {
  const Folder folder;
  const auto bytes = [&](const std::string& bits) {
    const std::string file = folder.file(("w" + bits + ".onnx").c_str());
    EXPECT_EQ(strata("quantize --activations i8 --items 8 --weight-bits " + bits + " --calibrate " +
                     source + "/demo/kws -o " + file + " " + model)
                  .code,
              0);
    return json_of("inspect --json " + file)["parameter_bytes"].get<std::int64_t>();
  };
  const std::int64_t weights = 22'016, channels = 588;  // each with a zero point
  EXPECT_EQ(bytes("8") - bytes("4"), (weights + channels) / 2);
}

TEST(Inspect, WideShowsNamesInFull) {
  const Folder folder;
  const std::string name(150, 'n');
  std::ofstream(folder.file("long.strata.txt"))
      << "graph \"g\" {\n  input %x: f32[1]\n  %y: f32[1] = Relu \"" << name
      << "\" (%x)\n  output %y\n}\n";
  const std::string file = folder.file("long.strata.txt");
  EXPECT_EQ(strata("inspect " + file).text.find(name), std::string::npos);
  EXPECT_NE(strata("inspect --wide " + file).text.find(name), std::string::npos);
}

}  // namespace
}  // namespace strata::cli::testing
