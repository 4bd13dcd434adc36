#include "strata/data/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "strata/base/random.hpp"

namespace strata::data {

Interval bootstrap(std::size_t items, int resamples,
                   const std::function<double(std::span<const std::uint32_t> times)>& figure) {
  Random random(1);
  std::vector<std::uint32_t> times(items);
  std::vector<double> figures;
  for (int i = 0; i < resamples; ++i) {
    std::ranges::fill(times, 0u);
    for (std::size_t drawn = 0; drawn < items; ++drawn) ++times[random.below(items)];
    figures.push_back(figure(times));
  }
  std::ranges::sort(figures);
  const auto at = [&](double share) {
    return figures[std::size_t(std::lround(share * double(figures.size() - 1)))];
  };
  return {at(0.025), at(0.975)};
}

}  // namespace strata::data
