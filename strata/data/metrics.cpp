#include "strata/data/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "strata/base/error.hpp"

namespace strata::data {
namespace {

constexpr double z = 1.959963984540054;  // 97.5 % quantile of the normal distribution

/// Whether score a goes before score b: larger, NaN last, then by index.
bool goes_before(std::span<const float> scores, std::int32_t a, std::int32_t b) {
  const float x = scores[std::size_t(a)];
  const float y = scores[std::size_t(b)];
  if (std::isnan(x) || std::isnan(y)) return std::isnan(x) == std::isnan(y) ? a < b : std::isnan(y);
  return x != y ? x > y : a < b;
}

/// Correlation of two paired outcomes, with Newcombe's continuity correction.
double corrected_phi(double both, double lost, double gained, double neither) {
  const double margins = (both + lost) * (gained + neither) * (both + gained) * (lost + neither);
  if (margins == 0) return 0;
  const double n = both + lost + gained + neither;
  double covariance = both * neither - lost * gained;
  if (covariance > 0) covariance = std::max(covariance - n / 2, 0.0);
  return covariance / std::sqrt(margins);
}

}  // namespace

Interval wilson(std::int64_t successes, std::int64_t trials) {
  if (trials == 0) return {0, 1};
  const double n = double(trials);
  const double p = double(successes) / n;
  const double middle = p + z * z / (2 * n);
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double scale = 1 + z * z / n;
  return {successes == 0 ? 0 : (middle - half) / scale,
          successes == trials ? 1 : (middle + half) / scale};
}

Accuracy accuracy(std::span<const std::uint8_t> correct) {
  return {std::accumulate(correct.begin(), correct.end(), std::int64_t(0)),
          std::int64_t(correct.size())};
}

PairedDrop paired_drop(std::span<const std::uint8_t> reference,
                       std::span<const std::uint8_t> candidate) {
  STRATA_ASSERT(reference.size() == candidate.size());
  PairedDrop result;
  result.count = std::int64_t(reference.size());
  if (result.count == 0) {
    result.interval = {-1, 1};
    return result;
  }
  std::int64_t both = 0;
  for (std::size_t i = 0; i < reference.size(); ++i) {
    both += reference[i] && candidate[i];
    result.lost += reference[i] && !candidate[i];
    result.gained += !reference[i] && candidate[i];
  }
  const std::int64_t neither = result.count - both - result.lost - result.gained;
  result.drop = double(result.lost - result.gained) / double(result.count);
  const double p1 = double(both + result.lost) / double(result.count);
  const double p2 = double(both + result.gained) / double(result.count);
  const Interval one = wilson(both + result.lost, result.count);
  const Interval two = wilson(both + result.gained, result.count);
  const double phi =
      corrected_phi(double(both), double(result.lost), double(result.gained), double(neither));
  const auto join = [phi](double a, double b) {
    return std::sqrt(std::max(0.0, a * a - 2 * phi * a * b + b * b));
  };
  result.interval.low = result.drop - join(p1 - one.low, two.high - p2);
  result.interval.high = result.drop + join(one.high - p1, p2 - two.low);
  return result;
}

double agreement(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  STRATA_ASSERT(a.size() == b.size());
  if (a.empty()) return 1;
  std::size_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i];
  return double(equal) / double(a.size());
}

std::int32_t argmax(std::span<const float> scores) {
  std::int32_t best = scores.empty() ? -1 : 0;
  for (std::int32_t i = 1; i < std::int32_t(scores.size()); ++i) {
    if (goes_before(scores, i, best)) best = i;
  }
  return best;
}

std::vector<std::int32_t> top_k(std::span<const float> scores, std::size_t k) {
  std::vector<std::int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  k = std::min(k, order.size());
  std::partial_sort(order.begin(), order.begin() + std::ptrdiff_t(k), order.end(),
                    [&](std::int32_t a, std::int32_t b) { return goes_before(scores, a, b); });
  order.resize(k);
  return order;
}

bool in_top_k(std::span<const float> scores, std::int32_t label, std::size_t k) {
  if (label < 0 || std::size_t(label) >= scores.size()) return false;
  std::size_t before = 0;
  for (std::int32_t i = 0; i < std::int32_t(scores.size()); ++i) {
    before += i != label && goes_before(scores, i, label);
  }
  return before < k;
}

}  // namespace strata::data
