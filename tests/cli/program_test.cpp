#include <gtest/gtest.h>

#include <fstream>

#include "tests/cli/cli.hpp"

namespace strata::cli::testing {
namespace {

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
  expect_failure(2, "a command is missing, expected one of inspect", "");
  expect_failure(2, "MODEL", "inspect");
  expect_failure(2, "unknown option '--treads'; did you mean --threads?",
                 "bench --treads 2 " + model);
  expect_failure(2, "unknown option '--thread'; did you mean --threads?",
                 "bench --thread=2 " + model);
  expect_failure(2, "unknown option '--dta'; did you mean --data?", "eval --dta x " + model);
  expect_failure(2, "unknown option '--foo', expected one of inspect", "--foo");
  expect_failure(2, "did you mean --version?", "--vresion");
  expect_failure(2, "every input is empty", "bench --dim N=0 " + model);
  expect_failure(2, "'64Q' given", "bench --memory-budget 64Q " + model);
  expect_failure(2, "'conv1' given, NODE=ROW", "bench --kernel conv1 " + model);
  expect_failure(2, "M: the inputs have the dimensions N", "bench --dim M=2 " + model);
  expect_failure(2, "no_such_pass", "bench --off no_such_pass " + model);
  expect_failure(2, "no input given; the model takes input f32[N,1,49,10]", "run " + model);
  expect_failure(1, "reading nofile.onnx: No such file", "inspect nofile.onnx");
  expect_failure(2, "unknown command 'optimise', expected one of inspect", "optimise " + model);
  expect_failure(2, "; did you mean optimize?", "optimise " + model);
  expect_failure(2, "there is no kernel of that name", "bench --kernel conv1=none " + model);
  expect_failure(2, "memory budget of 10.0 KiB does not hold",
                 "inspect --memory-budget 10K " + model);
  expect_failure(1, "No such file", "inspect missing.onnx");
  expect_failure(1, "no ONNX model begins with '", "inspect " + source + "/LICENSE");
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

}  // namespace
}  // namespace strata::cli::testing
