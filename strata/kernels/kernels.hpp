#pragma once

#include <vector>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

/// Rows of all families that are built in, each family's in its own order of preference.
std::vector<const Row*> builtin_rows();

}  // namespace strata::kernels
