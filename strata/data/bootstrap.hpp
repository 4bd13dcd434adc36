#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "strata/data/metrics.hpp"

namespace strata::data {

/// The 95 % percentile interval of a figure by resampling the items it stands on (Efron 1979):
/// `figure` gets how often each item was drawn. The same for the same items everywhere.
Interval bootstrap(std::size_t items, int resamples,
                   const std::function<double(std::span<const std::uint32_t> times)>& figure);

}  // namespace strata::data
