#include <gtest/gtest.h>

#include <filesystem>

#include "tests/cli/cli.hpp"

namespace strata::cli::testing {
namespace {

TEST(Quantize, StoresWeightsAsAsked) {
  const std::filesystem::path folder = TempDir();
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
  const std::string output = (std::filesystem::path(TempDir()) / "e.strata").string();
  const std::string data = " --limit 100 --data " + source + "/demo/kws ";
  const nlohmann::json document =
      json_of("quantize --json --weights i4_group32 -o " + output + data + model);
  const nlohmann::json again = json_of("eval --json" + data + output);
  EXPECT_EQ(document["data"]["accuracy"], again["accuracy"]);
}

TEST(Quantize, ComputesOnIntegersWhatItWrites) {
  const std::filesystem::path folder = TempDir();
  const std::string kws = source + "/demo/kws";
  for (const char* name : {"integers.onnx", "integers.strata", "integers.tflite"}) {
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
    EXPECT_EQ(document["warnings"][0]["kind"], "calibrated_with_test_items");
    const Outcome shown = strata("inspect " + output);
    EXPECT_NE(shown.text.find("QLinearConv"), std::string::npos) << shown.text;
  }
  const std::string some = " --items 8 --calibrate " + kws + " -o " + (folder / "k.onnx").string();
  expect_failure(2, "no node is named head*",
                 "quantize --activations i8 --keep 'head*'" + some + " " + model);
  expect_failure(2, "no layer with weights is named head*",
                 "quantize --activations i8 --layer-bits 'head*=4'" + some + " " + model);
  expect_failure(2, "--layer-bits: 'head*' given, expected PATTERN=N",
                 "quantize --activations i8 --layer-bits 'head*'" + some + " " + model);
  expect_failure(2, "--select: 'much' given, expected points from 0 to 100",
                 "quantize --activations i8 --select much" + some + " " + model);
}

TEST(Quantize, SaysWhatSelectionTookAndOnHowManyItems) {
  const Folder folder;
  const std::string start = "quantize --activations i8 --weight-bits 3 --select 0 --calibrate " +
                            source + "/demo/kws -o " + folder.file("x.tflite") + " ";
  const Outcome outcome = strata(start + "--items 100 " + model);
  ASSERT_EQ(outcome.code, 0) << outcome.text;
  for (const char* part : {"dB on 64 of the 100 items of calibration", "\nchosen    ",
                           " float: ", "a .tflite keeps a byte for each weight"}) {
    EXPECT_NE(outcome.text.find(part), std::string::npos) << part << outcome.text;
  }
  EXPECT_EQ(outcome.text.find("calibrated on"), std::string::npos) << outcome.text;

  const nlohmann::json document = json_of(start + "--items 8 --json " + model);
  EXPECT_EQ(document["sqnr_items"], 8);
  ASSERT_EQ(document["warnings"].size(), 1u);
  EXPECT_EQ(document["warnings"][0]["kind"], "few_items");
  std::size_t chosen = 0;
  for (const auto& point : document["selection"]) {
    if (!point["chosen"]) continue;
    ++chosen;
    EXPECT_EQ(point["kept"], document["kept"].size());
  }
  EXPECT_EQ(chosen, 1u);
}

TEST(Quantize, WritesTensorFlowLite) {
  const Folder folder;
  const std::string output = folder.file("f16.tflite");
  const std::string data = " --limit 100 --data " + source + "/demo/kws ";
  const nlohmann::json document =
      json_of("quantize --json --weights f16 -o " + output + data + model);
  EXPECT_EQ(document["data"]["accuracy"], json_of("eval --json" + data + output)["accuracy"]);
  EXPECT_LT(document["bytes"].get<double>(), 0.6 * double(std::filesystem::file_size(model)));
  expect_failure(1, "TensorFlow Lite cannot store q4_0",
                 "quantize --weights q4_0 -o " + folder.file("no.tflite") + " " + model);
  EXPECT_FALSE(std::filesystem::exists(folder.file("no.tflite")));
}

TEST(Quantize, ListsWhatEachEncodingCosts) {
  const nlohmann::json document = json_of("quantize --list --json " + model);
  ASSERT_GT(document.size(), 20u);
  EXPECT_EQ(document[0]["encoding"], "dense");
  for (const auto& row : document) {
    const std::string name = row["encoding"];
    const bool known =
        name == "dense" || name == "f16" || name == "i8_tensor" || name == "i8_channel";
    EXPECT_EQ(row["tflite"], known) << name;
  }
  EXPECT_EQ(document[0]["bytes"].get<int>(), 4 * document[0]["elements"].get<int>());
  const Outcome list = strata("quantize --list " + model);
  expect_narrow(list.text);
  EXPECT_EQ(list.text.find("…"), std::string::npos) << list.text;
}

TEST(Quantize, RefusesWhatCannotBe) {
  const std::string output = (std::filesystem::path(TempDir()) / "no").string();
  expect_failure(1, "ONNX cannot store q4_0",
                 "quantize --weights q4_0 -o " + output + ".onnx " + model);
  expect_failure(2, "unknown encoding 'int4', expected one of",
                 "quantize --weights int4 -o " + output + ".onnx " + model);
  expect_failure(2, "no layer with weights is named nothing*",
                 "quantize --weights f16 --layers 'nothing*' -o " + output + ".onnx " + model);
  expect_failure(2, "did you mean block1_dw, block1_pw or block2_dw?",
                 "quantize --weights f16 --layers 'BLOCK*' -o " + output + ".onnx " + model);
  expect_failure(2, "-o: there is no folder no/such",
                 "quantize --weights f16 -o no/such/x.onnx " + model);
  expect_failure(2, "the name tells the format",
                 "quantize --weights f16 -o " + output + ".bin " + model);
  expect_failure(2, "-o FILE is missing", "quantize --weights f16 " + model);
  expect_failure(2, "what to do is missing: --weights ENCODING", "quantize -o x.onnx " + model);
  expect_failure(2, "--activations i8", "quantize -o x.onnx " + model);
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

}  // namespace
}  // namespace strata::cli::testing
