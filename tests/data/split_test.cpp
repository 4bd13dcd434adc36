#include "strata/data/split.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/tensor/expect_error.hpp"

namespace strata::data {
namespace {

class Labelled : public Dataset {
 public:
  explicit Labelled(std::vector<std::int32_t> labels) : Dataset(make(std::move(labels))) {}
  void read(std::int64_t, void*) const override {}

 private:
  static About make(std::vector<std::int32_t> labels) {
    About about;
    about.size = std::int64_t(labels.size());
    about.labels = std::move(labels);
    return about;
  }
};

std::vector<std::int32_t> uneven_labels() {
  std::vector<std::int32_t> labels;
  for (int i = 0; i < 850; ++i) labels.push_back(i % 7 == 0 ? 11 : i % 5);
  return labels;
}

TEST(Split, IsAPartitionInProportion) {
  const Labelled dataset(uneven_labels());
  for (const double share : {0.0, 0.25, 0.5, 200.0 / 850, 1.0}) {
    const Split split = split_dataset(dataset, share, 1);
    EXPECT_EQ(split.search.size(), std::size_t(std::llround(share * 850)));
    EXPECT_TRUE(std::ranges::is_sorted(split.search));
    EXPECT_TRUE(std::ranges::is_sorted(split.verdict));
    std::vector<std::int64_t> all = split.search;
    all.insert(all.end(), split.verdict.begin(), split.verdict.end());
    std::ranges::sort(all);
    for (std::size_t i = 0; i < 850; ++i) EXPECT_EQ(all[i], std::int64_t(i));

    std::map<std::int32_t, std::pair<double, double>> counts;  // searched, all
    for (const std::int64_t i : all) counts[*dataset.label(i)].second += 1;
    for (const std::int64_t i : split.search) counts[*dataset.label(i)].first += 1;
    for (const auto& [label, count] : counts) {
      EXPECT_LE(std::abs(count.first - share * count.second), 1) << "class " << label;
    }
  }
}

TEST(Split, DependsOnTheSeedOnly) {
  const Labelled dataset(uneven_labels());
  EXPECT_EQ(split_dataset(dataset, 0.5, 3).search, split_dataset(dataset, 0.5, 3).search);
  EXPECT_NE(split_dataset(dataset, 0.5, 3).search, split_dataset(dataset, 0.5, 4).search);
  expect_error(ErrorCode::usage, "share for the search is 1.5",
               [&] { split_dataset(dataset, 1.5, 1); });
}

}  // namespace
}  // namespace strata::data
