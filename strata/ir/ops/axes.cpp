#include "strata/ir/ops/axes.hpp"

#include <algorithm>

#include "strata/base/error.hpp"

namespace strata::ir {

int normalize_axis(std::int64_t axis, int rank, std::string_view what) {
  if (axis < -rank || axis >= rank) {
    fail(ErrorCode::model, "{}: axis {} is out of range for rank {}; accepted: [{}, {}]", what,
         axis, rank, -rank, rank - 1);
  }
  return int(axis < 0 ? axis + rank : axis);
}

std::vector<int> normalize_axes(std::span<const std::int64_t> axes, int rank,
                                std::string_view what) {
  std::vector<int> result;
  for (const std::int64_t axis : axes) result.push_back(normalize_axis(axis, rank, what));
  std::sort(result.begin(), result.end());
  const auto twice = std::adjacent_find(result.begin(), result.end());
  if (twice != result.end()) fail(ErrorCode::model, "{}: axis {} is named twice", what, *twice);
  return result;
}

}  // namespace strata::ir
