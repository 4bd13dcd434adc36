#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "strata/data/dataset.hpp"
#include "strata/data/metrics.hpp"

namespace strata::data {

/// x to the right, y down.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;
  double area() const { return (right - left) * (bottom - top); }
};
/// Share of the union that two boxes have in common; 0 where they touch at most.
double overlap(const Box& a, const Box& b);

/// Something that is there. A crowd stands for any number of things: finding it, or not, is neither
/// right nor wrong.
struct TrueBox {
  Box box;
  std::int32_t label = 0;
  bool crowd = false;
};

/// Something that was found.
struct FoundBox {
  Box box;
  std::int32_t label = 0;
  float score = 0;
};

/// Where things are in the items of a data set, by a csv with a header line (docs/data.md).
class BoxTable {
 public:
  /// Throws model with the line.
  static BoxTable parse(std::string_view csv);
  /// From `given`, else from what the data set's sidecar names. Throws usage if neither says.
  static BoxTable open(const Dataset& dataset, const std::filesystem::path& given = {});

  /// By the item's name, its file name alone, or its number; none if no line names it.
  std::span<const TrueBox> of(const Dataset& dataset, std::int64_t item) const;

 private:
  std::map<std::string, std::vector<TrueBox>, std::less<>> boxes_;
};

/// What is in one item and what was found there.
struct DetectedItem {
  std::vector<TrueBox> truth;
  std::vector<FoundBox> found;
};

/// Average precision as COCO defines it: precision at 101 recalls, over the classes that occur, at
/// most 100 boxes of a class in an item.
struct AveragePrecision {
  double at_50 = 0;                   ///< boxes count as found from an overlap of 0.5 on
  double mean = 0;                    ///< the same from 0.5 to 0.95 in steps of 0.05, averaged
  Interval interval_at_50, interval;  ///< by resampling items
  std::int64_t things = 0;            ///< crowds aside
  std::int64_t classes = 0;
};
AveragePrecision average_precision(std::span<const DetectedItem> items);

}  // namespace strata::data
