#include "strata/data/auc.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "strata/base/error.hpp"

namespace strata::data {
namespace {

constexpr double z = 1.959963984540054;  // 97.5 % quantile of the normal distribution

/// One class against the rest: the area and what each item adds to its deviation.
struct Components {
  double value = 0;
  std::int64_t positive = 0, negative = 0;
  std::vector<double> influence;  // by item
};

std::optional<Components> components(std::span<const float> scores,
                                     std::span<const std::uint8_t> positive) {
  Components result;
  for (const std::uint8_t p : positive) ++(p ? result.positive : result.negative);
  if (result.positive == 0 || result.negative == 0) return std::nullopt;
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });

  // The share of the other class that an item is on the right side of.
  std::vector<double>& won = result.influence;
  won.resize(scores.size());
  std::int64_t below[2] = {0, 0};  // negatives, positives
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    std::int64_t equal[2] = {0, 0};
    while (last < order.size() && scores[order[last]] == scores[order[first]]) {
      ++equal[positive[order[last++]] ? 1 : 0];
    }
    for (std::size_t i = first; i < last; ++i) {
      const double negatives_below = double(below[0]) + 0.5 * double(equal[0]);
      const double positives_above = double(result.positive - below[1]) - 0.5 * double(equal[1]);
      won[order[i]] = positive[order[i]] ? negatives_below / double(result.negative)
                                         : positives_above / double(result.positive);
    }
    below[0] += equal[0];
    below[1] += equal[1];
    first = last;
  }
  for (std::size_t i = 0; i < won.size(); ++i) {
    if (positive[i]) result.value += won[i] / double(result.positive);
  }
  for (std::size_t i = 0; i < won.size(); ++i) {
    won[i] = (won[i] - result.value) / double(positive[i] ? result.positive : result.negative);
  }
  return result;
}

Interval interval_of(double value, std::span<const double> influence, std::int64_t least) {
  double variance = 0;
  for (const double i : influence) variance += i * i;
  if (variance == 0) {
    const Interval sure = wilson(least, least);
    return value == 1 ? sure : value == 0 ? Interval{1 - sure.high, 1 - sure.low} : Interval{0, 1};
  }
  const double half = z * std::sqrt(variance);
  return {std::max(0.0, value - half), std::min(1.0, value + half)};
}

}  // namespace

std::optional<Auc> auc(std::span<const float> scores, std::span<const std::uint8_t> positive) {
  STRATA_ASSERT(scores.size() == positive.size());
  const auto parts = components(scores, positive);
  if (!parts) return std::nullopt;
  const std::int64_t least = std::min(parts->positive, parts->negative);
  return Auc{parts->value, interval_of(parts->value, parts->influence, least), parts->positive,
             parts->negative};
}

std::optional<Auc> auc_one_vs_rest(std::span<const float> scores,
                                   std::span<const std::int32_t> labels, std::int64_t classes) {
  STRATA_ASSERT(scores.size() == labels.size() * std::size_t(classes));
  std::vector<double> influence(labels.size());
  std::vector<float> own(labels.size());
  std::vector<std::uint8_t> positive(labels.size());
  double sum = 0;
  std::int64_t judged = 0, least = std::int64_t(labels.size());
  for (std::int64_t c = 0; c < classes; ++c) {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      own[i] = scores[i * std::size_t(classes) + std::size_t(c)];
      positive[i] = labels[i] == c;
    }
    const auto parts = components(own, positive);
    if (!parts) continue;
    ++judged;
    sum += parts->value;
    least = std::min({least, parts->positive, parts->negative});
    for (std::size_t i = 0; i < influence.size(); ++i) influence[i] += parts->influence[i];
  }
  if (judged == 0) return std::nullopt;
  for (double& i : influence) i /= double(judged);
  Auc result;
  result.value = sum / double(judged);
  result.interval = interval_of(result.value, influence, least);
  result.positive = result.negative = std::int64_t(labels.size());
  return result;
}

}  // namespace strata::data
