#pragma once

#include <limits>
#include <vector>

namespace strata {

/// Shares of the range of the elements that are tried, the whole first: it wins a tie.
inline constexpr double range_shares[] = {1,   0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65,
                                          0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3};

/// The grid make(share) on which `elements` have the least squared error; rounded(x, grid) is what
/// decodes. With few levels a narrower range that cuts off the outliers is better than all of it.
template <class Make, class Rounded>
auto best_grid(const std::vector<double>& elements, Make&& make, Rounded&& rounded) {
  auto best = make(range_shares[0]);
  double least = std::numeric_limits<double>::infinity();
  for (const double share : range_shares) {
    const auto grid = make(share);
    double error = 0;
    for (const double x : elements) {
      const double e = x - rounded(x, grid);
      error += e * e;
      if (error >= least) break;
    }
    if (error < least) least = error, best = grid;
    if (least == 0) break;
  }
  return best;
}

}  // namespace strata
