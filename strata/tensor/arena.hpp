#pragma once

#include <cstddef>
#include <memory>

namespace strata {

/// Alignment of every buffer in an arena, and of its start.
constexpr std::size_t arena_alignment = 64;

/// Most bytes one tensor or arena may take: more is a malformed model.
constexpr std::size_t max_allocation = std::size_t(1) << 47;

/// Zeroed bytes, aligned to arena_alignment; never null. Throws model above max_allocation, io if
/// there is no memory.
std::shared_ptr<std::byte> allocate_zeroed(std::size_t size);

/// One block of memory in which a plan places its buffers by offset.
class Arena {
 public:
  Arena() = default;
  /// Owns `size` zeroed bytes; throws as allocate_zeroed does.
  explicit Arena(std::size_t size);
  /// Uses memory of the caller, aligned to arena_alignment, which must outlive the arena.
  Arena(std::byte* memory, std::size_t size) : data_(memory), size_(size) {}

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::shared_ptr<std::byte> owned_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace strata
