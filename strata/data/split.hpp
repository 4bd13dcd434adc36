#pragma once

#include <cstdint>
#include <vector>

#include "strata/data/dataset.hpp"

namespace strata::data {

/// Two disjoint parts of a data set that together are all of it; indices ascend.
struct Split {
  std::vector<std::int64_t> search;   ///< what a search may look at
  std::vector<std::int64_t> verdict;  ///< what judges its outcome
};

/// Draws round(share * size) items for the search, 0 <= share <= 1, each class (and the items
/// without label) in proportion up to rounding. The same seed, labels and share give the same
/// split everywhere.
Split split_dataset(const Dataset& dataset, double share, std::uint64_t seed);

/// This many of the items, evenly spread; all if there are not more.
std::vector<std::int64_t> spread(const std::vector<std::int64_t>& items, std::size_t count);

}  // namespace strata::data
