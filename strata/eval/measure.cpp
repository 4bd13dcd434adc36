#include "strata/eval/measure.hpp"

#include <algorithm>

namespace strata::eval {

std::vector<std::uint8_t> Measure::right(const Evaluation& original,
                                         const Evaluation& version) const {
  if (labelled_) return version.correct;
  const std::size_t count = std::min(original.predictions.size(), version.predictions.size());
  std::vector<std::uint8_t> right(count);
  for (std::size_t i = 0; i < count; ++i) {
    right[i] = original.predictions[i] == version.predictions[i];
  }
  return right;
}

}  // namespace strata::eval
