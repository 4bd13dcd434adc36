#pragma once

#include <cstddef>

namespace strata {

/// Bytes of memory this process may use at most: what the machine has, or less where a control
/// group limits it.
std::size_t usable_memory();

/// Asks the system to back the whole large pages within these bytes by such, so that reading them
/// from end to end translates few addresses. A wish: without it all is as before.
constexpr std::size_t large_page = 2 << 20;
void prefer_large_pages(void* begin, std::size_t size);

}  // namespace strata
