#include "strata/base/error.hpp"

#include <gtest/gtest.h>

namespace strata {
namespace {

TEST(Error, ReadsOutermostContextFirst) {
  try {
    with_context([] { return std::string("reading net.onnx"); },
                 [] {
                   with_context([] { return fmt::format("node {}", "conv1"); },
                                [] { fail(ErrorCode::model, "bias has {}, expected {}", 31, 32); });
                 });
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "reading net.onnx: node conv1: bias has 31, expected 32");
    EXPECT_EQ(error.code(), ErrorCode::model);
  }
}

TEST(Error, ContextPassesResultsThroughAndStaysUnread) {
  bool described = false;
  const auto describe = [&] {
    described = true;
    return std::string("unused");
  };
  int value = 1;
  int& same = with_context(describe, [&]() -> int& { return value; });
  EXPECT_EQ(&same, &value);
  EXPECT_FALSE(described);
}

TEST(Error, AssertionNamesExpressionAndPlace) {
  try {
    STRATA_ASSERT(1 + 1 == 3);
    FAIL() << "nothing thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::internal);
    EXPECT_NE(std::string(error.what()).find("error_test.cpp"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("1 + 1 == 3"), std::string::npos);
  }
}

}  // namespace
}  // namespace strata
