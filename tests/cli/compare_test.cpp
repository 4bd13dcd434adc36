#include <gtest/gtest.h>

#include <fstream>

#include "tests/cli/cli.hpp"

namespace strata::cli::testing {
namespace {

TEST(Compare, TellsWhetherAndWhereSidesPart) {
  const Outcome rounding = strata("compare " + model);
  EXPECT_EQ(rounding.code, 0);
  EXPECT_TRUE(rounding.text.ends_with("agree: what differs is rounding\n")) << rounding.text;
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
  std::ofstream(folder.file("d.strata.txt"))
      << "graph \"other sizes\" {\n  input %x: f32[3,1]\n"
         "  %y: f32[3,1] = Tanh \"squash\" (%x)\n  output %y\n}\n";
  const Outcome sizes =
      strata("compare " + folder.file("a.strata.txt") + " " + folder.file("d.strata.txt"));
  EXPECT_EQ(sizes.code, 2) << sizes.text;
  EXPECT_NE(in_one_line(sizes.text).find("input x is f32[1,3] in A and f32[3,1] in B"),
            std::string::npos)
      << sizes.text;
  EXPECT_NE(in_one_line(sizes.text).find("eval B --reference A"), std::string::npos) << sizes.text;
}

// "Nothing" never stands alone: few results may have had a counterpart.
TEST(Compare, SaysWhyNothingIsToBlame) {
  const Folder folder;
  const std::string small = folder.file("small.tflite");
  ASSERT_EQ(strata("quantize --activations i8 --calibrate " + source + "/demo/kws -o " + small +
                   " " + model)
                .code,
            0);
  const Outcome outcome = strata("compare --bisect " + small + " " + model, false);
  ASSERT_EQ(outcome.code, 1) << outcome.text;
  const std::string text = in_one_line(outcome.text);
  const bool found = text.find("to blame: nothing") == std::string::npos;
  EXPECT_NE(text.find(found ? "to blame: " : "results could be matched by name"), std::string::npos)
      << outcome.text;
  EXPECT_EQ(text.find("agree within rounding"), std::string::npos) << outcome.text;
}

}  // namespace
}  // namespace strata::cli::testing
