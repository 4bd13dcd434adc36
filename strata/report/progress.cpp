#include "strata/report/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "strata/report/numbers.hpp"
#include "strata/report/terminal.hpp"
#include "strata/report/text.hpp"

namespace strata::report {
namespace {

constexpr auto redraw_interval = std::chrono::milliseconds(100);
constexpr std::size_t widest_bar = 30;
constexpr std::size_t narrowest_bar = 6;

/// Eighths of a column, so that the bar moves smoothly.
std::string bar(double fraction, std::size_t width) {
  constexpr const char* partial[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto eighths =
      static_cast<std::size_t>(std::floor(fraction * static_cast<double>(8 * width)));
  std::string out;
  for (std::size_t i = 0; i < eighths / 8; ++i) out += "█";
  out += partial[eighths % 8];
  return out + std::string(width - display_width(out), ' ');
}

}  // namespace

std::string progress_line(const std::string& title, std::uint64_t done, std::uint64_t total,
                          double elapsed_s, std::size_t width) {
  const double rate = elapsed_s > 0 ? static_cast<double>(done) / elapsed_s : 0;
  const std::string count = format_count(static_cast<std::int64_t>(done));
  std::string figures =
      total > 0 ? fmt::format("{}/{}", count, format_count(static_cast<std::int64_t>(total)))
                : count;
  if (rate > 0) figures += fmt::format("  {}/s", format_si(rate));
  if (rate > 0 && total > done) {
    figures += fmt::format("  {} left", format_seconds(static_cast<double>(total - done) / rate));
  }
  const std::string label = printable(title);
  const std::size_t taken = display_width(label) + display_width(figures) + 6;
  if (total == 0 || taken + narrowest_bar > width) {
    return shortened(label + "  " + figures, width);
  }
  const double fraction = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  return fmt::format("{}  ▕{}▏  {}", label, bar(fraction, std::min(widest_bar, width - taken)),
                     figures);
}

ProgressBar::ProgressBar(std::string title, std::uint64_t total, std::FILE* stream)
    : stream_(stream), title_(std::move(title)), total_(total), active_(is_terminal(stream)) {}

ProgressBar::~ProgressBar() { finish(); }

void ProgressBar::advance(std::uint64_t count) {
  const std::lock_guard lock(mutex_);
  done_ += count;
  if (active_ && Clock::now() - last_draw_ >= redraw_interval) draw();
}

void ProgressBar::set_title(std::string title) {
  const std::lock_guard lock(mutex_);
  title_ = std::move(title);
  if (active_ && Clock::now() - last_draw_ >= redraw_interval) draw();
}

void ProgressBar::print(const std::string& line) {
  const std::lock_guard lock(mutex_);
  const bool redraw = drawn_;
  clear();
  fmt::print(stream_, "{}\n", line);
  if (redraw) draw();
}

void ProgressBar::finish() {
  const std::lock_guard lock(mutex_);
  clear();
  active_ = false;
}

void ProgressBar::draw() {
  last_draw_ = Clock::now();
  const double elapsed = std::chrono::duration<double>(last_draw_ - start_).count();
  // One column stays free: some terminals wrap when the last one is written.
  const std::size_t width = terminal_width(stream_) - 1;
  fmt::print(stream_, "\r{}\x1b[K", progress_line(title_, done_, total_, elapsed, width));
  std::fflush(stream_);
  drawn_ = true;
}

void ProgressBar::clear() {
  if (!drawn_) return;
  fmt::print(stream_, "\r\x1b[K");
  std::fflush(stream_);
  drawn_ = false;
}

}  // namespace strata::report
