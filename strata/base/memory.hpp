#pragma once

#include <cstddef>
#include <memory>

namespace strata {

/// Bytes of memory this process may use at most: what the machine has, or less where a control
/// group limits it.
std::size_t usable_memory();

/// Asks the system to back the whole large pages within these bytes by such, so that reading them
/// from end to end translates few addresses. A wish: without it all is as before.
constexpr std::size_t large_page = 2 << 20;
void prefer_large_pages(void* begin, std::size_t size);

/// Zeroed bytes straight from the system, from the begin of a large page on. Throws std::bad_alloc.
std::shared_ptr<std::byte> allocate_large(std::size_t size);

}  // namespace strata
