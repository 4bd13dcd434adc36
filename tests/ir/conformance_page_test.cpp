#include <gtest/gtest.h>

#include <sstream>

#include "strata/base/file.hpp"
#include "strata/ir/op.hpp"

namespace strata::ir {
namespace {

// An op without a row would seem not to be there: `make conformance` writes the page anew.
TEST(ConformancePage, ListsAllOps) {
  const std::string page = read_file(STRATA_SOURCE_DIR "/docs/conformance.md", 1 << 20);
  std::istringstream lines(page.substr(page.find("\n## Ops\n")));
  std::vector<std::string> listed, defined;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("| `")) listed.push_back(line.substr(3, line.find('`', 3) - 3));
  }
  for (const OpDef* op : all_ops()) defined.push_back(qualified_name(*op));
  EXPECT_EQ(listed, defined) << "run `make conformance` and commit docs/conformance.md";
}

}  // namespace
}  // namespace strata::ir
