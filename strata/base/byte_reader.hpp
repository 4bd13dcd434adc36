#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "strata/base/error.hpp"

namespace strata {

/// Reads little-endian values from untrusted bytes; every step is bounds-checked and every error
/// names the offset.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::size_t offset() const { return offset_; }
  std::size_t remaining() const { return bytes_.size() - offset_; }

  template <class T>
  T read() {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

  /// The next `size` bytes; throws model if fewer remain.
  std::span<const std::byte> take(std::size_t size) {
    if (size > remaining()) {
      fail(ErrorCode::model, "at byte {}: {} bytes wanted, {} left", offset_, size, remaining());
    }
    auto piece = bytes_.subspan(offset_, size);
    offset_ += size;
    return piece;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t offset_ = 0;
};

}  // namespace strata
