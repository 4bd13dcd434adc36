#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/cli/cli.hpp"

namespace strata::cli::testing {
namespace {

TEST(Segments, AreProfiledAndCompared) {
  const std::string net = (std::filesystem::path(TempDir()) / "cut.strata.txt").string();
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
  EXPECT_EQ(profile["command"], "strata profile " + model + " --seconds 0 --memory" + files);
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

}  // namespace
}  // namespace strata::cli::testing
