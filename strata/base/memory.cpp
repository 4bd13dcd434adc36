#include "strata/base/memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <new>
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

std::shared_ptr<std::byte> allocate_large(std::size_t size) {
  const std::size_t mapped = size + large_page;
  void* begin = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) throw std::bad_alloc();
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t skip = (large_page - address % large_page) % large_page;
  std::byte* block = static_cast<std::byte*>(begin) + skip;
  prefer_large_pages(block, size);
  return {block, [begin, mapped](std::byte*) { munmap(begin, mapped); }};
}

void prefer_large_pages(void* begin, std::size_t size) {
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t skip = (large_page - address % large_page) % large_page;
  if (size < skip + large_page) return;
  const std::size_t whole = (size - skip) / large_page * large_page;
  madvise(static_cast<std::byte*>(begin) + skip, whole, MADV_HUGEPAGE);
}

}  // namespace strata
