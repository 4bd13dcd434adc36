#pragma once

#include <cstddef>
#include <memory>

namespace strata {

/// Alignment of every buffer in an arena, and of its start.
constexpr std::size_t arena_alignment = 64;

/// One block of memory in which a plan places its buffers by offset.
class Arena {
 public:
  Arena() = default;
  /// Owns `size` bytes.
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
