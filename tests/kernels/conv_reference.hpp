#pragma once

#include <vector>

#include "strata/kernels/conv/conv.hpp"

namespace strata::kernels {

/// Operands of a convolution in plain layout, and what a kernel should make of them.
struct ConvCase {
  ConvProblem problem;
  std::vector<float> x, residual, bias;
  std::vector<std::byte> weights;     ///< as stored, one byte after the start: unaligned
  std::vector<float> scales;          ///< of integer weights
  std::vector<double> weight_values;  ///< what they stand for
  std::vector<double> expected;
  double tolerance = 0;
};

/// Fills in the output's extent from everything else.
void set_output(ConvProblem& p);
/// Random operands, and the result by plain loops in double precision.
ConvCase make_case(const ConvProblem& p, std::uint64_t seed);

/// Elements between the start of a rank-4 buffer and (n, c, h, w).
std::int64_t stored_at(const Layout& layout, std::int64_t channels, std::int64_t height,
                       std::int64_t width, std::int64_t n, std::int64_t c, std::int64_t h,
                       std::int64_t w);

/// Runs a row on a case: padding lanes and scratch hold NaN, buffers are aligned to their elements
/// only and end where memory ends. `split`: units in random ranges, in random order.
/// Returns the output in plain layout.
std::vector<float> run_row(const Row& row, const ConvCase& c, const OperandLayouts& layouts,
                           std::uint64_t split_seed);

}  // namespace strata::kernels
