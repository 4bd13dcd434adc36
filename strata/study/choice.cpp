#include "strata/study/choice.hpp"

#include <fmt/format.h>

namespace strata::study {
namespace {

bool is_slower(const Measured& measured, const Limits& limits) {
  return measured.ratio.low > 1 + limits.latency_tolerance;
}

/// Small and fast: the product of bytes and time decides where it differs clearly, else the bytes.
bool is_better(const Measured& a, const Measured& b) {
  const double bytes_a = double(a.file_bytes), bytes_b = double(b.file_bytes);
  if (bytes_a * a.ratio.high < bytes_b * b.ratio.low) return true;
  if (bytes_a * a.ratio.low > bytes_b * b.ratio.high) return false;
  return a.file_bytes < b.file_bytes;
}

template <class Eligible>
const Candidate* best_of(std::span<const Candidate> candidates, Eligible eligible) {
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!candidate.rejected.empty() || !eligible(candidate)) continue;
    const Measured& measured = candidate.measured;
    if (!best || is_better(measured, best->measured)) best = &candidate;
  }
  return best;
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
    return fmt::format("takes {:.3f} times as long as the float default", measured.ratio.median);
  }
  return {};
}

bool clearly_faster(const Measured& a, const Measured& b) { return a.ratio.high < b.ratio.low; }

std::optional<eval::Warning> noise_warning(const tune::Timing& ratio) {
  constexpr double telling = 0.2;  // versions that differ by less are what a search is about
  if (ratio.high - ratio.low <= telling) return std::nullopt;
  return eval::Warning{
      "noisy_latency",
      fmt::format("the chosen version takes between {:.3f} and {:.3f} times as long as the float "
                  "default, which says little: something else kept this machine busy meanwhile",
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

const Candidate* choose(std::span<const Candidate> candidates) {
  return best_of(candidates, [](const Candidate&) { return true; });
}

const Candidate* choose_confirmed(std::span<const Candidate> candidates) {
  return best_of(candidates, [](const Candidate& candidate) { return candidate.confirmed; });
}

}  // namespace strata::study
