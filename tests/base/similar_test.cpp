#include "strata/base/similar.hpp"

#include <gtest/gtest.h>

namespace strata {
namespace {

using Names = std::vector<std::string>;

const Names options = {"--threads", "--input", "--isa", "--precision", "--off"};

TEST(Similar, FindsSlipsOfTheFingers) {
  EXPECT_EQ(similar_names("--thread", options), Names{"--threads"});
  EXPECT_EQ(similar_names("--htreads", options), Names{"--threads"});
  EXPECT_EQ(similar_names("--Percision", options), Names{"--precision"});
  EXPECT_EQ(similar_names("--unheard-of", options), Names());
  EXPECT_EQ(similar_names("", options), Names());
  EXPECT_EQ(similar_names(std::string(100, 'x'), options), Names());
}

TEST(Similar, FindsWhatHasTheWordWhateverTheCase) {
  const Names layers = {"fc", "Conv_1", "Conv_2", "Conv_3", "Conv_4"};
  EXPECT_EQ(similar_names("conv*", layers), (Names{"Conv_1", "Conv_2", "Conv_3"}));
  EXPECT_EQ(similar_names("*V_4", layers, 1), Names{"Conv_4"});
}

TEST(Similar, AsksInOneSentence) {
  EXPECT_EQ(suggestion("--thread", options), "; did you mean --threads?");
  EXPECT_EQ(suggestion("conv*", Names{"Conv_1", "Conv_2", "x"}),
            "; did you mean Conv_1 or Conv_2?");
  EXPECT_EQ(suggestion("*", options), "");
}

}  // namespace
}  // namespace strata
