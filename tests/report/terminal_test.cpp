#include "strata/report/terminal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "strata/report/progress.hpp"
#include "strata/report/text.hpp"

namespace strata::report {
namespace {

/// A pseudo terminal of 60 columns: what is written to `stream` can be read from `controller`.
struct PseudoTerminal {
  int controller = -1;
  std::FILE* stream = nullptr;

  PseudoTerminal() {
    int terminal = -1;
    const winsize size = {.ws_row = 24, .ws_col = 60, .ws_xpixel = 0, .ws_ypixel = 0};
    if (openpty(&controller, &terminal, nullptr, nullptr, &size) != 0) return;
    stream = fdopen(terminal, "w");
    fcntl(controller, F_SETFL, O_NONBLOCK);
  }
  ~PseudoTerminal() {
    if (stream) std::fclose(stream);
    if (controller >= 0) close(controller);
  }
  std::string written() const {
    std::fflush(stream);
    std::string all;
    char buffer[4096];
    for (ssize_t n; (n = read(controller, buffer, sizeof buffer)) > 0;) {
      all.append(buffer, static_cast<std::size_t>(n));
    }
    return all;
  }
};

/// Sets or removes a variable of the environment until the end of the scope.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = std::make_unique<std::string>(old);
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~ScopedVariable() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }

 private:
  const char* name_;
  std::unique_ptr<std::string> old_;
};

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

TEST(terminal, files_get_no_colour) {
  const File file(std::tmpfile(), std::fclose);
  EXPECT_FALSE(is_terminal(file.get()));
  EXPECT_FALSE(use_colour(file.get()));
  EXPECT_EQ(terminal_width(file.get()), 80u);
}

TEST(terminal, terminals_get_colour_unless_told_otherwise) {
  const PseudoTerminal terminal;
  if (!terminal.stream) GTEST_SKIP() << "no pseudo terminals here";
  const ScopedVariable term("TERM", "xterm");
  const ScopedVariable unset("NO_COLOR", nullptr);
  EXPECT_TRUE(is_terminal(terminal.stream));
  EXPECT_TRUE(use_colour(terminal.stream));
  EXPECT_EQ(terminal_width(terminal.stream), 60u);
  {
    const ScopedVariable empty("NO_COLOR", "");
    EXPECT_TRUE(use_colour(terminal.stream)) << "empty counts as unset";
  }
  {
    const ScopedVariable set("NO_COLOR", "1");
    EXPECT_FALSE(use_colour(terminal.stream));
  }
  const ScopedVariable dumb("TERM", "dumb");
  EXPECT_FALSE(use_colour(terminal.stream));
}

TEST(terminal, paint) {
  EXPECT_EQ(paint("ok", Style::green, true), "\x1b[32mok\x1b[0m");
  EXPECT_EQ(paint("ok", Style::green, false), "ok");
  EXPECT_EQ(paint("ok", Style::plain, true), "ok");
}

TEST(progress, line_shows_count_rate_and_time_left) {
  EXPECT_EQ(progress_line("eval", 50, 200, 0.5, 80),
            "eval  ▕███████▌                      ▏  50/200  100/s  1.50 s left");
  EXPECT_EQ(progress_line("eval", 200, 200, 2, 80),
            "eval  ▕██████████████████████████████▏  200/200  100/s");
  EXPECT_EQ(progress_line("eval", 1500, 0, 1, 80), "eval  1,500  1.50 k/s");
  EXPECT_EQ(progress_line("eval", 0, 10, 0, 19), "eval  0/10") << "too narrow for a bar";
  for (std::size_t width = 1; width < 90; ++width) {
    EXPECT_LE(display_width(progress_line("evaluating", 50, 200, 0.5, width)), width);
  }
}

TEST(progress, is_silent_in_files) {
  const File file(std::tmpfile(), std::fclose);
  {
    ProgressBar bar("eval", 10, file.get());
    bar.advance(5);
  }
  EXPECT_EQ(std::ftell(file.get()), 0);
}

TEST(progress, draws_and_clears_on_a_terminal) {
  const PseudoTerminal terminal;
  if (!terminal.stream) GTEST_SKIP() << "no pseudo terminals here";
  {
    ProgressBar bar("eval", 1000, terminal.stream);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&bar] {
        for (int n = 0; n < 250; ++n) bar.advance();
      });
    }
    for (std::thread& thread : threads) thread.join();
    bar.print("a line");
  }
  const std::string written = terminal.written();
  EXPECT_TRUE(written.starts_with("\reval")) << written;
  EXPECT_NE(written.find("a line"), std::string::npos);
  EXPECT_TRUE(written.ends_with("\r\x1b[K")) << "the bar clears itself";
}

}  // namespace
}  // namespace strata::report
