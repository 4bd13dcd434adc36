#pragma once

#include <array>
#include <cstdint>

#include "strata/ir/ops/elementwise.hpp"

namespace strata::ir {

/// Which elements of the input belong to each element of a reduction's output.
class ReduceWalk {
 public:
  /// Bit i of `reduced`: axis i is summed over.
  ReduceWalk(const Shape& input, std::uint32_t reduced);

  std::int64_t outputs() const { return kept_.count; }
  /// Elements that are reduced to one.
  std::int64_t count() const { return reduced_.count; }

  /// Calls visit(element) for each element that belongs to the output.
  template <class C, class Visit>
  void visit(const Tensor& x, std::int64_t output, Visit visit) const {
    const std::int64_t start = kept_.offset(output);
    const std::int64_t row = reduced_.rank == 0 ? 1 : reduced_.extent[reduced_.rank - 1];
    const std::int64_t step = reduced_.rank == 0 ? 1 : reduced_.stride[reduced_.rank - 1];
    C values[chunk];
    for (std::int64_t done = 0; done < count(); done += row) {
      const std::int64_t offset = start + reduced_.offset(done);
      for (std::int64_t at = 0; at < row; at += chunk) {
        const std::int64_t n = std::min(chunk, row - at);
        load(x, offset + at * step, step, n, values);
        for (std::int64_t i = 0; i < n; ++i) visit(values[i]);
      }
    }
  }

 private:
  /// Some axes of the input, and where their i-th combination lies.
  struct Axes {
    std::size_t rank = 0;
    std::int64_t count = 1;
    std::array<std::int64_t, max_rank> extent{};
    std::array<std::int64_t, max_rank> stride{};
    void add(std::int64_t axis_extent, std::int64_t axis_stride);
    std::int64_t offset(std::int64_t i) const;
  };
  Axes kept_;
  Axes reduced_;
};

/// The axes that a reduction node names by its input 1, as bits; all of them if there are none,
/// unless noop_with_empty_axes is set.
std::uint32_t reduced_axes(const EvalArgs& args);

}  // namespace strata::ir
