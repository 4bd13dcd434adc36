#include "strata/base/log.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace strata {
namespace {

class Log : public testing::Test {
 protected:
  void TearDown() override {
    set_log_sink({});
    set_log_level(LogLevel::warning);
  }
};

TEST_F(Log, DefaultWritesWarningsAndErrorsToStderr) {
  testing::internal::CaptureStderr();
  log_info("not shown {}", 1);
  log_warning("shown {} with {{braces}}", 2);
  log_message(LogLevel::error, "bad {thing}");
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "strata: warning: shown 2 with {braces}\nstrata: error: bad {thing}\n");
}

TEST_F(Log, SinkReplacesTheDefaultAndLevelFilters) {
  std::vector<std::string> seen;
  set_log_sink([&](LogLevel level, std::string_view text) {
    seen.push_back(fmt::format("{} {}", int(level), text));
  });
  testing::internal::CaptureStderr();
  log_info("one");
  set_log_level(LogLevel::info);
  log_info("two");
  log_warning("three");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(seen, (std::vector<std::string>{"1 two", "2 three"}));
}

TEST_F(Log, SinkMayReplaceItself) {
  int calls = 0;
  set_log_sink([&](LogLevel, std::string_view) {
    ++calls;
    set_log_sink([](LogLevel, std::string_view) {});
  });
  log_warning("first");
  log_warning("second");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace strata
