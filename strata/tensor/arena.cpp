#include "strata/tensor/arena.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>

#include "strata/base/error.hpp"
#include "strata/base/memory.hpp"

namespace strata {

std::shared_ptr<std::byte> allocate_zeroed(std::size_t size) {
  if (size > max_allocation) {
    fail(ErrorCode::model, "{} bytes wanted, at most {} are accepted", size, max_allocation);
  }
  // calloc gets large blocks as untouched zero pages, which an aligned allocation and memset
  // would all touch; hence the alignment by hand.
  void* block = std::calloc(size + arena_alignment, 1);
  if (block == nullptr) fail(ErrorCode::io, "out of memory: {} bytes wanted", size);
  prefer_large_pages(block, size);
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  const std::size_t skip = arena_alignment - address % arena_alignment;
  try {
    return {static_cast<std::byte*>(block) + skip, [block](std::byte*) { std::free(block); }};
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::io, "out of memory: {} bytes wanted", size);
  }
}

Arena::Arena(std::size_t size) : owned_(allocate_zeroed(size)), data_(owned_.get()), size_(size) {}

}  // namespace strata
