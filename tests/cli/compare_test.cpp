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
}

}  // namespace
}  // namespace strata::cli::testing
