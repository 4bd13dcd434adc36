#include "strata/base/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <string>

#include "strata/base/error.hpp"
#include "strata/base/file.hpp"

namespace strata {
namespace {

/// The number in a file of the kernel; the largest there is if there is none ("max", no file).
std::size_t limit_in(const char* path) {
  constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  try {
    const std::string text = read_file(path, 64);
    std::size_t bytes = none;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), bytes);
    return result.ec == std::errc() && bytes > 0 ? bytes : none;
  } catch (const Error&) {
    return none;
  }
}

}  // namespace

std::size_t usable_memory() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  const std::size_t installed = pages > 0 && page > 0 ? std::size_t(pages) * std::size_t(page)
                                                      : std::numeric_limits<std::size_t>::max();
  // Version 2 of control groups, and version 1.
  return std::min({installed, limit_in("/sys/fs/cgroup/memory.max"),
                   limit_in("/sys/fs/cgroup/memory/memory.limit_in_bytes")});
}

void prefer_large_pages(void* begin, std::size_t size) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t skip = (large_page - address % large_page) % large_page;
  if (size < skip + large_page) return;
  const std::size_t whole = (size - skip) / large_page * large_page;
  madvise(static_cast<std::byte*>(begin) + skip, whole, MADV_HUGEPAGE);
}

}  // namespace strata
