#pragma once

#include <vector>

#include "strata/kernels/conv/conv.hpp"

namespace strata::kernels {

/// One convolution of a block.
struct BlockStage {
  const Row* row = nullptr;
  ConvProblem problem;  ///< the whole convolution
  const std::byte* packed = nullptr;
  std::int64_t window = 0;  ///< most rows of its result that are alive at a time; of the last: 0
};

/// Convolutions, each of which reads what the one before it writes, run by bands of rows of the
/// last one's result: what lies between them stays in the cache. Rows that a band shares with the
/// one before it are kept; the first band of a worker computes them anew. The base has the numbers
/// of the last stage. Every stage runs with its own row on some of its rows, so the results have
/// the bits of the convolutions run one after the other.
/// in: {X of the first stage, residual of the last if it has one}; out: {Y}; all in blocks of
/// channels. A fused pointwise-depthwise block as of ConvFirst (Hassani et al., 2024), by rows.
struct ConvBlockProblem : ConvProblem {
  explicit ConvBlockProblem(std::vector<BlockStage> all);

  /// Rows of a band, which decide on the windows.
  void set_band_rows(std::int64_t rows);

  std::vector<BlockStage> stages;
  std::int64_t band_rows = 0;
  std::int64_t bands = 0;  ///< per image
};

/// Most stages of a block.
inline constexpr std::size_t most_block_stages = 8;

/// Bytes of all windows, which one worker needs.
std::size_t block_window_bytes(const ConvBlockProblem& block);

/// Bytes of the packed constants of all stages.
std::size_t block_weight_bytes(const ConvBlockProblem& block);

/// Why a convolution cannot be a stage of a block, or null.
const char* rejects_as_stage(const Row& row, const ConvProblem& p);

/// The row of blocks whose stages need this instruction set. It is no candidate for nodes.
const Row& conv_block_row(Isa isa);

}  // namespace strata::kernels
