#pragma once

#include <cstdint>

namespace strata::runtime::testing {

/// Calls of operator new in this program so far.
std::int64_t allocation_count();

}  // namespace strata::runtime::testing
