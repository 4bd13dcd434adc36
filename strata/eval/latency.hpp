#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <vector>

#include "strata/eval/runner.hpp"
#include "strata/eval/warnings.hpp"

namespace strata::eval {

/// Wall times of single runs, in seconds.
struct Latency {
  double cold = 0;           ///< the first run of all, before the warm-up
  std::vector<double> runs;  ///< the counted ones, in the order they were made
  double fastest = 0;
  double mean = 0;
  double p50 = 0, p90 = 0, p99 = 0;
  /// Time that processors spent on this program while the counted runs were made, over that which
  /// passed; 0 where not known.
  double processors = 0;
};

struct LatencyOptions {
  double warm_up_s = 0.1;  ///< runs that are not counted, at least one
  double seconds = 1.0;    ///< counted runs go on for this long,
  int min_runs = 10;       ///< but are at least
  int max_runs = 100'000;  ///< and at most so many
  const std::atomic<bool>* cancel = nullptr;
};

/// Times single runs on their own. A cancelled measurement returns what it has. To compare
/// programs, let them race instead (tune/timing.hpp): machines drift.
Latency measure_latency(Runner& runner, const LatencyOptions& options = {});
/// The same for anything that runs once and says how many seconds it took.
Latency measure_latency(const std::function<double()>& timed_run,
                        const LatencyOptions& options = {});

/// "busy_machine": the runs had to wait for a processor, or differ so much that something else may
/// have been at work. Nothing for fewer than ten runs, which say too little.
std::optional<Warning> busy_warning(const Latency& latency, int threads);

/// The figures of `runs`, cold aside.
Latency summarize(std::vector<double> runs);
/// Quantile q in [0, 1] of sorted values, interpolated between neighbours; 0 if there are none.
double quantile(const std::vector<double>& sorted, double q);

}  // namespace strata::eval
