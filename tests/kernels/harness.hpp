#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "strata/kernels/row.hpp"

namespace strata::kernels {

using Dims = std::vector<std::int64_t>;

/// A tensor in row-major order.
struct Plain {
  Dims dims;
  std::vector<std::byte> bytes;
};

std::int64_t count(const Dims& dims);
/// Uniform in [low, high), reproducible from the seed.
Plain random_floats(const Dims& dims, std::uint64_t seed, float low = -1, float high = 1);
Plain of_floats(const Dims& dims, std::span<const float> values);
std::span<const float> floats(const Plain& tensor);

/// The bytes of a buffer in a layout; padding lanes hold all ones (NaN).
std::vector<std::byte> to_stored(const Plain& tensor, const Layout& layout, std::size_t element);
Plain from_stored(std::span<const std::byte> stored, const Dims& dims, const Layout& layout,
                  std::size_t element);

/// Runs `row` with `problem.layouts` on buffers that are aligned to their elements only and end
/// where memory ends. Outputs, scratch and packed memory start as NaN; a guard precedes outputs.
/// Checks that other splits into units, and the in-place forms that the row allows, give the same
/// bits. Returns the output, whose elements have `out_element` bytes (0: as the inputs').
Plain run_row(const Row& row, const Problem& problem, std::span<const Plain> inputs,
              const Dims& out_dims, const std::vector<const void*>& constants = {},
              std::size_t element = sizeof(float), std::size_t out_element = 0);

/// For each row of this family that this processor executes and that takes the problem, and each of
/// its layout options: sets problem.layouts and calls check. Returns how many rows took it.
int for_each_option(std::span<const Row> rows, Problem& problem, const std::string& what,
                    const std::function<void(const Row&)>& check);

/// Each element within `tolerance(index)` of what is expected; the first that is not is reported.
void expect_close(const Plain& got, const std::vector<double>& expected,
                  const std::function<double(std::size_t)>& tolerance);

}  // namespace strata::kernels
