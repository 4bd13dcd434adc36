#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "strata/eval/warnings.hpp"
#include "strata/search/pareto.hpp"
#include "strata/study/evaluator.hpp"

namespace strata::study {

/// What a version must keep to.
struct Limits {
  double max_drop = 0.01;           ///< of accuracy on the search records, a fraction
  double latency_tolerance = 0.01;  ///< differences of latency below this share do not count
  /// Slower than the default is good enough: where the default itself does not fit the memory.
  bool may_be_slower = false;
};

/// A configuration that was measured.
struct Candidate {
  int id = 0;
  std::string name;
  std::string phase;
  Configuration configuration;
  Measured measured;
  std::string rejected;  ///< why it may not be chosen; empty: it may
  double at_s = 0;       ///< when, from the start of the search
  /// Measured again, longer, and still within the limits. The default needs no confirmation.
  bool confirmed = false;
};

/// Whether a drop keeps to the limit. Drops are sums of multiples of 1/n: rounding errors of such
/// sums do not count.
bool within_drop(double drop, double max_drop);

/// Why the limits rule it out, or an empty text.
std::string reason_against(const Measured& measured, const Limits& limits);

/// Whether the measured ratios to the default leave no doubt: the intervals do not overlap.
bool clearly_faster(const Measured& a, const Measured& b);

/// "0.432 (0.429 to 0.434)" of a ratio to the default, and in words where the interval leaves open
/// which of the two is faster.
std::string describe_ratio(const tune::Timing& ratio, const Limits& limits);

/// "noisy_latency": the interval of the ratio is so wide that it says little.
std::optional<eval::Warning> noise_warning(const tune::Timing& ratio);

/// What the Pareto front weighs: accuracy, latency, file size.
std::vector<search::Objective> objectives();
/// The values to these. Latency is relative to the default: the end of the interval that is nearer
/// to 1, and exactly 1 within the tolerance of it. Noise makes no front.
std::vector<double> objective_values(const Measured& measured, const Limits& limits);

/// What the rule makes of some candidates.
struct Choice {
  const Candidate* best = nullptr;  ///< null if none is within the limits
  std::size_t contenders = 0;       ///< that may have the smallest product, the best one included
};

/// The rule: of the candidates that are within the limits, the one with the smallest product of
/// file size and time; of those whose products the measurements cannot tell from the smallest, the
/// smallest file, else the one measured first.
Choice choose(std::span<const Candidate> candidates);
/// The same, among those that are confirmed.
Choice choose_confirmed(std::span<const Candidate> candidates);

}  // namespace strata::study
