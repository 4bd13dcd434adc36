#pragma once

#include "strata/check/compare.hpp"

namespace strata::check {

/// `compare` for models whose sizes depend on data, on either side: layers are matched by
/// provenance, those of bodies call by call.
Comparison compare_in_segments(const Side& a, const Side& b,
                               std::span<const std::vector<Tensor>> inputs,
                               const CompareOptions& options);

}  // namespace strata::check
