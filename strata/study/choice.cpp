#include "strata/study/choice.hpp"

#include <fmt/format.h>

namespace strata::study {
namespace {

/// Accuracies are multiples of 1/count; sums of such fractions are off by less than this.
constexpr double rounding = 1e-9;

bool is_slower(const Measured& measured, const Limits& limits) {
  return measured.ratio.low > 1 + limits.latency_tolerance;
}

}  // namespace

std::string reason_against(const Measured& measured, const Limits& limits) {
  if (measured.failed()) return measured.failure;
  if (measured.drop() > limits.max_drop + rounding) {
    return fmt::format("accuracy on the search records falls by {:.2f} points, the limit is {:.2f}",
                       100 * measured.drop(), 100 * limits.max_drop);
  }
  if (is_slower(measured, limits)) {
    return fmt::format("takes {:.3f} times as long as the float default", measured.ratio.median);
  }
  return {};
}

bool clearly_faster(const Measured& a, const Measured& b) { return a.ratio.high < b.ratio.low; }

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
  const Candidate* best = nullptr;
  for (const Candidate& candidate : candidates) {
    if (!candidate.rejected.empty()) continue;
    const Measured& measured = candidate.measured;
    const bool better = !best || measured.file_bytes < best->measured.file_bytes ||
                        (measured.file_bytes == best->measured.file_bytes &&
                         clearly_faster(measured, best->measured));
    if (better) best = &candidate;
  }
  return best;
}

}  // namespace strata::study
