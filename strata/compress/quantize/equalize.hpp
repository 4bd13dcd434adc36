#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

#include "strata/compress/quantize/batches.hpp"
#include "strata/compress/quantize/layerwise.hpp"
#include "strata/ir/graph.hpp"

namespace strata::compress {

struct EqualizeOptions {
  int weight_bits = 8, activation_bits = 8;
  std::vector<LayerBits> layer_bits;  ///< of some layers' weights instead
  /// Biases take over afterwards what the noise of weights shifts.
  bool corrects_biases = false;
  int threads = 1;  ///< 0: all this process may use
  /// Set by someone else to stop early: what is not equalised by then stays as it is.
  const std::atomic<bool>* cancel = nullptr;
};

/// Cross-layer equalisation (Nagel et al., "Data-Free Quantization Through Weight Equalization and
/// Bias Correction", ICCV 2019, section 4.1) for weights that have a scale for each output channel:
/// what a layer makes has one grid, and so have the weights by which an output reads all of it, so
/// each channel is multiplied by the factor that leaves the least noise of both kinds on these data
/// (factors.hpp), and what reads it divides by that. Relu, pools and Concat may lie between; a
/// bound (Relu6) may too, being at another number of the channel afterwards, whose noise is counted
/// with the others'. Without bounds it computes the same but for rounding. Returns how many layers
/// were scaled.
std::size_t equalize(ir::Graph& graph, const Batches& batches, const EqualizeOptions& options = {});

}  // namespace strata::compress
