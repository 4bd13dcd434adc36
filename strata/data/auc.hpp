#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "strata/data/metrics.hpp"

namespace strata::data {

/// An area under the curve of true against false positive rates: the share of pairs of a positive
/// and a negative item in which the positive one has the higher score, ties counting half.
struct Auc {
  double value = 0;
  Interval interval;  ///< 95 %
  std::int64_t positive = 0, negative = 0;
};

/// Two classes; `positive`: 1 or 0 for each item. Nothing unless there are items of both. The
/// variance is that of the components of DeLong et al. 1988 (Biometrics 44, 837-845); where they do
/// not vary, as all pairs are in order, the lower end is that of Wilson's interval for as many
/// items as the smaller class has.
std::optional<Auc> auc(std::span<const float> scores, std::span<const std::uint8_t> positive);

/// One class against all others, averaged over the classes that some items have and some have not;
/// `scores` (item, class). The sum of the influences that an item has on each class gives the
/// interval. Counts are items of all classes.
std::optional<Auc> auc_one_vs_rest(std::span<const float> scores,
                                   std::span<const std::int32_t> labels, std::int64_t classes);

}  // namespace strata::data
