#pragma once

#include <cstddef>

#include "strata/ir/graph.hpp"

namespace strata::compress {

/// Cross-layer equalisation (Nagel et al., "Data-Free Quantization Through Weight Equalization and
/// Bias Correction", ICCV 2019, section 4.1): along chains of convolutions and matrix products with
/// nothing or Relu between them, channels of one are scaled down by what the next scales them up
/// by, so that weights of both have like ranges in each channel. Computes the same but for
/// rounding. Returns how many pairs there are.
std::size_t equalize(ir::Graph& graph);

}  // namespace strata::compress
