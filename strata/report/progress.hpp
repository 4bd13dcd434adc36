#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>

namespace strata::report {

/// What a progress line says. `width` columns at most; `total` 0: unknown, so no bar and no
/// estimate of the time left.
std::string progress_line(const std::string& title, std::uint64_t done, std::uint64_t total,
                          double elapsed_s, std::size_t width);

/// A bar on stderr with count, rate and estimated time left; silent when that is no terminal.
/// Any thread may call it. It redraws ten times a second at most and clears itself at the end.
class ProgressBar {
 public:
  ProgressBar(std::string title, std::uint64_t total, std::FILE* stream = stderr);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void advance(std::uint64_t count = 1);
  void set_title(std::string title);
  /// Writes a line above the bar; on its own when there is no bar.
  void print(const std::string& line);
  /// Removes the bar; later calls draw nothing.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  void draw();
  void clear();

  std::mutex mutex_;
  std::FILE* stream_;
  std::string title_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  bool active_;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_draw_;
};

}  // namespace strata::report
