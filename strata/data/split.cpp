#include "strata/data/split.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "strata/base/error.hpp"
#include "strata/base/random.hpp"

namespace strata::data {

Split split_dataset(const Dataset& dataset, double share, std::uint64_t seed) {
  if (!(share >= 0 && share <= 1)) {
    fail(ErrorCode::usage, "share for the search is {}, accepted are 0 to 1", share);
  }
  std::map<std::int64_t, std::vector<std::int64_t>> by_class;  // -1: no label
  for (std::int64_t i = 0; i < dataset.size(); ++i) {
    by_class[dataset.label(i).value_or(-1)].push_back(i);
  }
  Random random(seed);
  Split split;
  std::int64_t seen = 0;
  std::int64_t taken = 0;
  for (auto& [label, items] : by_class) {
    for (std::size_t i = items.size(); i > 1; --i) {  // Fisher and Yates
      std::swap(items[i - 1], items[random.below(i)]);
    }
    // Rounding the running total keeps every class within one item of its share.
    seen += std::int64_t(items.size());
    const std::int64_t total = std::llround(share * double(seen));
    const auto middle = items.begin() + std::min(total - taken, std::int64_t(items.size()));
    taken += middle - items.begin();
    split.search.insert(split.search.end(), items.begin(), middle);
    split.verdict.insert(split.verdict.end(), middle, items.end());
  }
  std::ranges::sort(split.search);
  std::ranges::sort(split.verdict);
  return split;
}

std::vector<std::int64_t> spread(const std::vector<std::int64_t>& items, std::size_t count) {
  if (count >= items.size()) return items;
  std::vector<std::int64_t> some;
  for (std::size_t i = 0; i < count; ++i) some.push_back(items[i * items.size() / count]);
  return some;
}

}  // namespace strata::data
