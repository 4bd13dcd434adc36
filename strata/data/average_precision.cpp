#include <algorithm>
#include <array>
#include <bitset>
#include <numeric>

#include "strata/data/bootstrap.hpp"
#include "strata/data/boxes.hpp"

// As evaluation for the COCO data set defines it (Lin et al. 2014 and the rules published with the
// data set).

namespace strata::data {
namespace {

constexpr std::size_t thresholds = 10;  // 0.50, 0.55 ... 0.95
constexpr std::size_t most_found = 100;
constexpr int recalls = 101;
constexpr int resamples = 200;

double threshold(std::size_t i) { return 0.5 + 0.05 * double(i); }

/// A box that was found, and at which thresholds it is right, or does not count.
struct Match {
  float score = 0;
  std::size_t item = 0;
  std::bitset<thresholds> right, ignored;
};

struct ClassMatches {
  std::vector<Match> matches;                                // best score first
  std::vector<std::pair<std::size_t, std::int64_t>> things;  // (item, how many)
};

/// How much of a found box lies in a true one; of a crowd, any part of it will do.
double share(const FoundBox& found, const TrueBox& thing) {
  if (!thing.crowd) return overlap(found.box, thing.box);
  const double width =
      std::min(found.box.right, thing.box.right) - std::max(found.box.left, thing.box.left);
  const double height =
      std::min(found.box.bottom, thing.box.bottom) - std::max(found.box.top, thing.box.top);
  const double area = found.box.area();
  return width > 0 && height > 0 && area > 0 ? width * height / area : 0;
}

/// The boxes of one class in one item, best first; each takes the thing it overlaps most of those
/// that no better box has taken.
void match_item(std::vector<FoundBox> found, std::vector<TrueBox> truth, std::size_t item,
                ClassMatches& result) {
  std::ranges::stable_sort(found, std::ranges::greater(), &FoundBox::score);
  if (found.size() > most_found) found.resize(most_found);
  std::ranges::stable_sort(truth, std::ranges::less(), &TrueBox::crowd);
  const auto things = std::ranges::count(truth, false, &TrueBox::crowd);
  if (things > 0) result.things.emplace_back(item, things);
  const std::size_t first = result.matches.size();
  for (const FoundBox& box : found) result.matches.push_back({box.score, item, {}, {}});
  for (std::size_t t = 0; t < thresholds; ++t) {
    std::vector<bool> taken(truth.size());
    for (std::size_t f = 0; f < found.size(); ++f) {
      double most = threshold(t);
      std::size_t best = truth.size();
      for (std::size_t g = 0; g < truth.size(); ++g) {
        if (taken[g] && !truth[g].crowd) continue;
        // Things go before crowds, whatever the overlap.
        if (best < truth.size() && !truth[best].crowd && truth[g].crowd) break;
        const double shared = share(found[f], truth[g]);
        if (shared < most) continue;
        most = shared;
        best = g;
      }
      if (best == truth.size()) continue;
      taken[best] = true;
      Match& match = result.matches[first + f];
      (truth[best].crowd ? match.ignored : match.right).set(t);
    }
  }
}

std::map<std::int32_t, ClassMatches> match(std::span<const DetectedItem> items) {
  std::map<std::int32_t, ClassMatches> classes;
  for (std::size_t i = 0; i < items.size(); ++i) {
    std::map<std::int32_t, DetectedItem> parts;
    for (const FoundBox& found : items[i].found) parts[found.label].found.push_back(found);
    for (const TrueBox& thing : items[i].truth) parts[thing.label].truth.push_back(thing);
    for (auto& [label, part] : parts) {
      match_item(std::move(part.found), std::move(part.truth), i, classes[label]);
    }
  }
  for (auto& [label, matches] : classes) {
    std::ranges::stable_sort(matches.matches, std::ranges::greater(), &Match::score);
  }
  return classes;
}

/// Of one class at one threshold; `times`: how often each item counts. Negative if nothing of the
/// class is there.
double precision_of(const ClassMatches& matches, std::size_t t,
                    std::span<const std::uint32_t> times) {
  double things = 0;
  for (const auto& [item, count] : matches.things) things += double(times[item]) * double(count);
  if (things == 0) return -1;
  std::vector<double> recall, precision;
  double right = 0, wrong = 0;
  for (const Match& match : matches.matches) {
    if (match.ignored[t]) continue;
    (match.right[t] ? right : wrong) += double(times[match.item]);
    recall.push_back(right / things);
    precision.push_back(right + wrong > 0 ? right / (right + wrong) : 0);
  }
  for (std::size_t i = precision.size(); i > 1; --i) {
    precision[i - 2] = std::max(precision[i - 2], precision[i - 1]);
  }
  double sum = 0;
  for (int r = 0; r < recalls; ++r) {
    const auto at = std::ranges::lower_bound(recall, double(r) / (recalls - 1));
    if (at != recall.end()) sum += precision[std::size_t(at - recall.begin())];
  }
  return sum / recalls;
}

struct Means {
  double at_50 = 0, mean = 0;
};

Means means(const std::map<std::int32_t, ClassMatches>& classes,
            std::span<const std::uint32_t> times) {
  Means result;
  double judged = 0;
  for (const auto& [label, matches] : classes) {
    const double at_50 = precision_of(matches, 0, times);
    if (at_50 < 0) continue;
    ++judged;
    result.at_50 += at_50;
    result.mean += at_50 / double(thresholds);
    for (std::size_t t = 1; t < thresholds; ++t) {
      result.mean += precision_of(matches, t, times) / double(thresholds);
    }
  }
  if (judged > 0) result = {result.at_50 / judged, result.mean / judged};
  return result;
}

}  // namespace

AveragePrecision average_precision(std::span<const DetectedItem> items) {
  const auto classes = match(items);
  AveragePrecision result;
  for (const auto& [label, matches] : classes) {
    for (const auto& [item, count] : matches.things) result.things += count;
    result.classes += !matches.things.empty();
  }
  const std::vector<std::uint32_t> once(items.size(), 1);
  const Means all = means(classes, once);
  result.at_50 = all.at_50;
  result.mean = all.mean;
  result.interval_at_50 = result.interval = {0, 1};
  if (items.size() < 2) return result;
  result.interval_at_50 =
      bootstrap(items.size(), resamples, [&](auto times) { return means(classes, times).at_50; });
  result.interval =
      bootstrap(items.size(), resamples, [&](auto times) { return means(classes, times).mean; });
  return result;
}

}  // namespace strata::data
