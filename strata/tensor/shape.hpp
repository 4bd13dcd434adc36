#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

namespace strata {

/// Most axes a tensor may have.
constexpr int max_rank = 8;

/// Extents of a tensor whose sizes are all known; row-major, outermost first. No heap.
class Shape {
 public:
  Shape() = default;  ///< a scalar
  Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  /// Throws unsupported above max_rank, model for a negative extent.
  explicit Shape(std::span<const std::int64_t> dims);

  int rank() const { return rank_; }
  /// Extent of an axis; negative axes count from the end.
  std::int64_t operator[](int axis) const { return dims_[axis < 0 ? axis + rank_ : axis]; }
  void set(int axis, std::int64_t extent) { dims_[axis < 0 ? axis + rank_ : axis] = extent; }
  std::span<const std::int64_t> dims() const { return {dims_.data(), std::size_t(rank_)}; }
  const std::int64_t* begin() const { return dims_.data(); }
  const std::int64_t* end() const { return dims_.data() + rank_; }

  /// Product of the extents; throws model if that of the extents other than 0 leaves 63 bits.
  std::int64_t elements() const;
  /// Product of the extents of axes [first, last); 1 if empty.
  std::int64_t elements(int first, int last) const;

  bool operator==(const Shape& other) const;

 private:
  std::array<std::int64_t, max_rank> dims_{};
  std::uint8_t rank_ = 0;
};

/// "[1,3,224,224]"
std::string to_string(const Shape& shape);

/// The shape both operands broadcast to (numpy rules); throws model if they do not.
Shape broadcast(const Shape& a, const Shape& b);

}  // namespace strata
