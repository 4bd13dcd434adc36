#include "strata/eval/latency.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <numeric>

namespace strata::eval {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Of all threads of this program.
double processor_seconds() { return double(std::clock()) / double(CLOCKS_PER_SEC); }

}  // namespace

Latency measure_latency(Runner& runner, const LatencyOptions& options) {
  return measure_latency([&] { return runner.timed_run(); }, options);
}

Latency measure_latency(const std::function<double()>& timed_run, const LatencyOptions& options) {
  const auto cancelled = [&] { return options.cancel && *options.cancel; };
  const double cold = timed_run();
  Clock::time_point start = Clock::now();
  do {
    timed_run();
  } while (since(start) < options.warm_up_s && !cancelled());
  std::vector<double> runs;
  start = Clock::now();
  const double before = processor_seconds();
  while (int(runs.size()) < options.max_runs && !cancelled() &&
         (int(runs.size()) < options.min_runs || since(start) < options.seconds)) {
    runs.push_back(timed_run());
  }
  const double spent = processor_seconds() - before, passed = since(start);
  Latency latency = summarize(std::move(runs));
  latency.cold = cold;
  if (passed > 0) latency.processors = spent / passed;
  return latency;
}

std::optional<Warning> busy_warning(const Latency& latency, int threads) {
  constexpr double waiting = 0.9;           // of one thread, which never waits for another
  constexpr double spread = 1.5;            // of the 90th percentile over the median
  constexpr double worth_telling_s = 0.05;  // shorter measurements are those of tests
  constexpr std::size_t enough = 10;        // one of fewer runs alone moves the 90th percentile
  if (latency.runs.size() < enough) return std::nullopt;
  if (latency.mean * double(latency.runs.size()) < worth_telling_s) return std::nullopt;
  if (threads == 1 && latency.processors > 0 && latency.processors < waiting) {
    return Warning{"busy_machine",
                   fmt::format("the runs had a processor for only {:.0f} % of the time, so times "
                               "come out too long; another program may be the cause",
                               100 * latency.processors)};
  }
  if (latency.p90 <= spread * latency.p50) return std::nullopt;
  return Warning{"busy_machine",
                 fmt::format("runs differ: one in ten took at least {:.1f} times the median; "
                             "another program, or the machine's frequency, may be the cause",
                             latency.p90 / latency.p50)};
}

Latency summarize(std::vector<double> runs) {
  Latency latency;
  latency.runs = std::move(runs);
  if (latency.runs.empty()) return latency;
  std::vector<double> sorted = latency.runs;
  std::ranges::sort(sorted);
  latency.fastest = sorted.front();
  latency.mean = std::accumulate(sorted.begin(), sorted.end(), 0.0) / double(sorted.size());
  latency.p50 = quantile(sorted, 0.50);
  latency.p90 = quantile(sorted, 0.90);
  latency.p99 = quantile(sorted, 0.99);
  return latency;
}

double quantile(const std::vector<double>& sorted, double q) {
  if (sorted.empty()) return 0;
  const double at = q * double(sorted.size() - 1);
  const auto below = std::size_t(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return std::lerp(sorted[below], sorted[above], at - double(below));
}

}  // namespace strata::eval
