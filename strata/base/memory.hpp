#pragma once

#include <cstddef>

namespace strata {

/// Bytes of memory this process may use at most: what the machine has, or less where a control
/// group limits it.
std::size_t usable_memory();

}  // namespace strata
