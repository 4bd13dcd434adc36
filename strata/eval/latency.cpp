#include "strata/eval/latency.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

namespace strata::eval {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

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
  while (int(runs.size()) < options.max_runs && !cancelled() &&
         (int(runs.size()) < options.min_runs || since(start) < options.seconds)) {
    runs.push_back(timed_run());
  }
  Latency latency = summarize(std::move(runs));
  latency.cold = cold;
  return latency;
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
