#include "strata/runtime/saved_choices.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "strata/base/error.hpp"
#include "tests/runtime/networks.hpp"

namespace strata::runtime {
namespace {

SavedChoices some() {
  SavedChoices choices;
  choices.threads = 2;
  choices.precision = kernels::Precision::bf16;
  choices.off = {"fuse", "fold_constants"};
  choices.pins = {{"conv 1", "conv2d_f32_direct_avx2"}, {"a=b,c", "row"}};
  choices.machine = "some processor";
  return choices;
}

TEST(SavedChoices, AreReadAsTheyWereWritten) {
  Metadata metadata{{"author", "somebody"}, {"strata.kernel.old", "row"}};
  save_choices(metadata, some());
  const SavedChoices read = saved_choices(metadata);
  EXPECT_EQ(read.threads, 2);
  EXPECT_EQ(read.precision, kernels::Precision::bf16);
  std::vector<std::string> off = read.off;
  std::ranges::sort(off);
  EXPECT_EQ(off, (std::vector<std::string>{"fold_constants", "fuse"}));
  ASSERT_EQ(read.pins.size(), 2u);
  EXPECT_EQ(read.pins[0].node, "conv 1");
  EXPECT_EQ(read.pins[1].node, "a=b,c");
  EXPECT_EQ(read.pins[1].row, "row");
  EXPECT_FALSE(read.pins[0].required);
  EXPECT_EQ(read.machine, "some processor");

  save_choices(metadata, {});
  EXPECT_EQ(metadata, (Metadata{{"author", "somebody"}}));
  EXPECT_FALSE(saved_choices(metadata).any());
}

TEST(SavedChoices, OfAnyTextsAreReadOrRefused) {
  for (const char* threads : {"", "0", "-1", "257", "2x", "99999999999999999999"}) {
    try {
      saved_choices({{"strata.threads", threads}});
      FAIL() << threads;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::model);
      EXPECT_NE(std::string(error.what()).find("1 to 256 accepted"), std::string::npos);
    }
  }
  EXPECT_THROW(saved_choices({{"strata.precision", "f8"}}), Error);
  EXPECT_TRUE(saved_choices({{"strata.off", "no_such_pass,,fuse_not"}}).off.empty());
  EXPECT_EQ(saved_choices({{"strata.off", ",fuse,"}}).off, std::vector<std::string>{"fuse"});
}

TEST(SavedChoices, GiveWayToTheCallers) {
  SessionOptions options;
  options.target.pins = {{"conv 1", "mine"}};
  follow(some(), {.threads = true, .precision = true}, options);
  EXPECT_EQ(options.threads, 1);
  EXPECT_EQ(options.target.precision, kernels::Precision::f32);
  EXPECT_EQ(options.target.pins.front().row, "mine");
  EXPECT_TRUE(options.target.pins.front().required);

  SessionOptions old;
  old.target.isa = Isa::avx2;
  follow(some(), {}, old);
  EXPECT_EQ(old.threads, std::min(2, usable_threads()));
  EXPECT_EQ(old.target.precision, kernels::Precision::f32);  // it has no bf16
}

// What another machine or version chose is a wish.
TEST(SavedChoices, PinsThatCannotBeHonouredAreLeftOut) {
  const ir::Graph graph = testing::small_residual_network();
  const Session free(graph);
  SavedChoices choices;
  std::string wished, node;
  for (const Step& step : free.program().steps()) {
    choices.pins.push_back({step.name, "no_such_row"});
    if (step.op == "Conv") {
      node = step.name;
      for (const Rejection& other : step.rejections) {
        if (other.reason.starts_with("possible")) wished = other.row;
      }
    }
  }
  choices.pins.push_back({"no such node", "conv2d_f32_direct_avx2"});
  SessionOptions options;
  follow(choices, {}, options);
  const Session session(graph, options);
  for (std::size_t i = 0; i < session.program().steps().size(); ++i) {
    EXPECT_EQ(session.program().steps()[i].row, free.program().steps()[i].row);
  }

  ASSERT_FALSE(wished.empty());
  SessionOptions pinned;
  follow({.pins = {{node, wished}}}, {}, pinned);
  const Session other(graph, pinned);
  const auto step = std::ranges::find(other.program().steps(), node, &Step::name);
  ASSERT_NE(step, other.program().steps().end());
  EXPECT_EQ(step->row->name, wished);
}

}  // namespace
}  // namespace strata::runtime
