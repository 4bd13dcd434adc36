#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace strata::data {

struct Interval {
  double low = 0;
  double high = 0;
};

/// The 95 % score interval of a proportion (Wilson 1927); [0, 1] for no trials.
Interval wilson(std::int64_t successes, std::int64_t trials);

struct Accuracy {
  std::int64_t correct = 0;
  std::int64_t count = 0;
  double value() const { return count ? double(correct) / double(count) : 0; }
  Interval interval() const { return wilson(correct, count); }
};
/// `correct`: 1 for each item that is right, else 0.
Accuracy accuracy(std::span<const std::uint8_t> correct);

/// What a candidate loses against a reference judged on the same items.
struct PairedDrop {
  std::int64_t count = 0;
  std::int64_t lost = 0;    ///< right only by the reference
  std::int64_t gained = 0;  ///< right only by the candidate
  double drop = 0;          ///< (lost - gained) / count
  /// 95 %, for the difference of paired proportions: Newcombe 1998 (Statistics in Medicine 17,
  /// 2635-2650), method 10: Wilson intervals of both, joined under their correlation phi.
  Interval interval;
};
PairedDrop paired_drop(std::span<const std::uint8_t> reference,
                       std::span<const std::uint8_t> candidate);

/// Share of items on which two lists of predictions agree; 1 for no items.
double agreement(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

/// Index of the largest score; NaN counts as the smallest, of equals the first wins. -1 if empty.
std::int32_t argmax(std::span<const float> scores);
/// Indices of the k largest scores, best first, in the order of argmax.
std::vector<std::int32_t> top_k(std::span<const float> scores, std::size_t k);
/// Whether `label` is among top_k(scores, k).
bool in_top_k(std::span<const float> scores, std::int32_t label, std::size_t k);

}  // namespace strata::data
