#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "strata/eval/evaluate.hpp"

namespace strata::eval {

/// What counts as right when versions of a model are compared: predicting the label or, for data
/// without labels, what the original model predicts.
class Measure {
 public:
  explicit Measure(const data::Dataset& dataset) : labelled_(dataset.labelled()) {}

  bool by_labels() const { return labelled_; }
  /// "top-1", or "agreement with the original".
  std::string_view name() const { return labelled_ ? "top-1" : "agreement with the original"; }
  /// 1 for each item on which the version is right; both evaluations are of the same items.
  std::vector<std::uint8_t> right(const Evaluation& original, const Evaluation& version) const;

 private:
  bool labelled_;
};

}  // namespace strata::eval
