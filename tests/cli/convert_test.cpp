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
