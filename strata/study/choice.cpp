#include "strata/study/choice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace strata::study {
namespace {

bool is_slower(const Measured& measured, const Limits& limits) {
  return measured.ratio.low > 1 + limits.latency_tolerance;
}

/// The ends of the interval of bytes times time.
double least_product(const Measured& m) { return double(m.file_bytes) * m.ratio.low; }
double largest_product(const Measured& m) { return double(m.file_bytes) * m.ratio.high; }

template <class Eligible>
Choice best_of(std::span<const Candidate> candidates, Eligible eligible) {
  const auto counts = [&](const Candidate& c) { return c.rejected.empty() && eligible(c); };
  double bound = std::numeric_limits<double>::infinity();  // beyond it another is clearly better
  for (const Candidate& candidate : candidates) {
    if (counts(candidate)) bound = std::min(bound, largest_product(candidate.measured));
  }
  Choice choice;
  for (const Candidate& candidate : candidates) {
    if (!counts(candidate) || least_product(candidate.measured) > bound) continue;
    ++choice.contenders;
    const bool is_smaller =
        !choice.best || candidate.measured.file_bytes < choice.best->measured.file_bytes;
    if (is_smaller) choice.best = &candidate;
  }
  return choice;
}

}  // namespace

bool within_drop(double drop, double max_drop) {
  // Far above the rounding errors of a few operations, far below one of 2^31 records.
  constexpr double rounding = 1e-12;
  return drop <= max_drop + rounding;
}

std::string reason_against(const Measured& measured, const Limits& limits) {
  if (measured.failed()) return measured.failure;
  if (!measured.over_budget.empty()) return measured.over_budget;
  if (!within_drop(measured.drop(), limits.max_drop)) {
    return fmt::format("accuracy on the search records falls by {:.2f} points, the limit is {:.2f}",
                       100 * measured.drop(), 100 * limits.max_drop);
  }
  if (!limits.may_be_slower && is_slower(measured, limits)) {
    return fmt::format("takes {:.3f} times as long as the model as given", measured.ratio.median);
  }
  return {};
}

bool clearly_faster(const Measured& a, const Measured& b) { return a.ratio.high < b.ratio.low; }

std::string describe_ratio(const tune::Timing& ratio, const Limits& limits) {
  const double tolerance = limits.latency_tolerance;
  const bool same = ratio.low >= 1 - tolerance && ratio.high <= 1 + tolerance;
  const bool decided = ratio.high < 1 || ratio.low > 1 || same;
  return fmt::format("{:.3f} ({:.3f} to {:.3f}{})", ratio.median, ratio.low, ratio.high,
                     decided ? "" : ": whether it is faster is undecided");
}

std::optional<eval::Warning> noise_warning(const tune::Timing& ratio) {
  constexpr double telling = 0.2;  // versions that differ by less are what a search is about
  if (ratio.high - ratio.low <= telling) return std::nullopt;
  return eval::Warning{
      "noisy_latency",
      fmt::format("the chosen version takes between {:.3f} and {:.3f} times as long as the model "
                  "as given, which says little: something else kept this machine busy meanwhile",
                  ratio.low, ratio.high)};
}

std::vector<search::Objective> objectives() {
  return {{"accuracy", search::Direction::maximise},
          {"latency", search::Direction::minimise},
          {"file bytes", search::Direction::minimise}};
}

std::vector<double> objective_values(const Measured& measured, const Limits& limits) {
  // The end of the interval that is nearer to 1: what is sure.
  double latency = 1;
  if (measured.ratio.high < 1 - limits.latency_tolerance) latency = measured.ratio.high;
  if (is_slower(measured, limits)) latency = measured.ratio.low;
  return {measured.accuracy(), latency, double(measured.file_bytes)};
}

Choice choose(std::span<const Candidate> candidates) {
  return best_of(candidates, [](const Candidate&) { return true; });
}

Choice choose_confirmed(std::span<const Candidate> candidates) {
  return best_of(candidates, [](const Candidate& candidate) { return candidate.confirmed; });
}

}  // namespace strata::study
