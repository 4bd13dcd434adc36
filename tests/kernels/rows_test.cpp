#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

#include "strata/kernels/kernels.hpp"

namespace strata::kernels {
namespace {

TEST(Rows, NamesFollowTheGrammarAndAreUnique) {
  const std::regex grammar(
      "[a-z0-9]+(_copy)?_[a-z0-9]+_[a-z0-9]+(_[a-z0-9]+)?_(avx512_vnni|avx512_bf16|avx512|avx2|"
      "baseline)");
  std::set<std::string> names;
  for (const Row* row : builtin_rows()) {
    const std::string name(row->name);
    EXPECT_TRUE(std::regex_match(name, grammar)) << name;
    EXPECT_LE(name.size(), 40u) << name;
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
    const std::string isa = row->isa == Isa::baseline ? "baseline" : to_string(row->isa);
    EXPECT_TRUE(name.ends_with("_" + isa)) << name << " needs " << isa;
  }
}

TEST(Rows, EveryKindHasARowThatNeedsNothing) {
  std::set<ProblemKind> kinds;
  for (const Row* row : builtin_rows()) {
    EXPECT_NE(row->rejects, nullptr) << row->name;
    EXPECT_NE(row->layouts, nullptr) << row->name;
    EXPECT_NE(row->cost, nullptr) << row->name;
    EXPECT_NE(row->units, nullptr) << row->name;
    EXPECT_NE(row->run, nullptr) << row->name;
    EXPECT_EQ(row->packed_bytes == nullptr, row->pack == nullptr) << row->name;
    if (row->isa == Isa::baseline) kinds.insert(row->kind);
  }
  for (int kind = 0; kind < int(ProblemKind::reference); ++kind) {
    EXPECT_TRUE(kinds.contains(ProblemKind(kind))) << to_string(ProblemKind(kind));
  }
}

TEST(Layouts, StoredElementsAndNames) {
  const std::int64_t dims[] = {2, 17, 3, 5};
  EXPECT_EQ(stored_elements(plain_layout, dims), 2 * 17 * 15);
  EXPECT_EQ(stored_elements(channels_last_layout, dims), 2 * 17 * 15);
  EXPECT_EQ(stored_elements(channel_blocked_layout(16), dims), 2 * 32 * 15);
  EXPECT_EQ(stored_elements(channel_blocked_layout(8), dims), 2 * 24 * 15);
  EXPECT_EQ(stored_elements(plain_layout, {}), 1);
  EXPECT_EQ(to_string(plain_layout), "plain");
  EXPECT_EQ(to_string(channels_last_layout), "nhwc");
  EXPECT_EQ(to_string(channel_blocked_layout(8)), "nchw8c");
  EXPECT_EQ(to_string(Layout{{0, 2, 1, 3}, 4, -1, 1}), "(0,2,1,3)");
}

}  // namespace
}  // namespace strata::kernels
