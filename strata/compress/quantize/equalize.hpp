#pragma once

#include <atomic>
#include <cstddef>

#include "strata/compress/quantize/batches.hpp"
#include "strata/ir/graph.hpp"

namespace strata::compress {

struct EqualizeOptions {
  int weight_bits = 8, activation_bits = 8;
  int threads = 1;  ///< 0: all this process may use
  /// Set by someone else to stop early: what is not equalised by then stays as it is.
  const std::atomic<bool>* cancel = nullptr;
};

/// Cross-layer equalisation (Nagel et al., "Data-Free Quantization Through Weight Equalization and
/// Bias Correction", ICCV 2019, section 4.1) for weights that have a scale for each output channel:
/// what a layer makes has one grid, so channels of small numbers are scaled up, and what reads them
/// scales them down, as far as the least noise asks for by these data. Relu, pools and Concat may
/// lie between; a bound (Relu6) may if channels stay below it, and those that reach it keep their
/// scale. Computes the same on the data but for rounding. Returns how many layers were scaled.
std::size_t equalize(ir::Graph& graph, const Batches& batches, const EqualizeOptions& options = {});

}  // namespace strata::compress
