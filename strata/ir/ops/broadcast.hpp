#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>

#include "strata/tensor/shape.hpp"

namespace strata::ir {

/// Walks an output shape row by row while up to three operands are broadcast to it (numpy rules).
/// Adjacent axes on which all operands behave alike are merged, so equal shapes make one row.
class BroadcastWalk {
 public:
  static constexpr int max_operands = 3;

  BroadcastWalk(const Shape& output, std::initializer_list<Shape> operands);

  /// Elements of one row, and how far operand i moves from one to the next (0 or 1).
  std::int64_t row() const { return extent_[std::size_t(rank_ - 1)]; }
  std::int64_t step(int operand) const {
    return stride_[std::size_t(operand)][std::size_t(rank_ - 1)];
  }

  /// Calls visit(output_offset, offsets) at the start of each row; offsets[i] belongs to operand i.
  template <class Visit>
  void rows(Visit visit) const {
    std::array<std::int64_t, max_rank> counter{};
    std::array<std::int64_t, max_operands> offsets{};
    for (std::int64_t done = 0; done < elements_; done += row()) {
      visit(done, offsets);
      advance(counter, offsets);
    }
  }

 private:
  using Strides = std::array<std::array<std::int64_t, max_rank>, max_operands>;

  /// Adds an inner axis, or extends the innermost one if no operand tells them apart.
  void append(std::int64_t extent, const Strides& stride, std::size_t axis);
  void advance(std::array<std::int64_t, max_rank>& counter,
               std::array<std::int64_t, max_operands>& offsets) const;

  int rank_ = 0;
  std::int64_t elements_ = 0;
  std::array<std::int64_t, max_rank> extent_{1};
  Strides stride_{};
};

/// Where in an operand broadcast to `output` its element for element i of the output lies.
std::int64_t broadcast_offset(const Shape& output, std::int64_t i, const Shape& operand);

}  // namespace strata::ir
