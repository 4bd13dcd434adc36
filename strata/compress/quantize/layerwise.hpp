#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "strata/compress/quantize/batches.hpp"
#include "strata/compress/quantize/static_plan.hpp"

namespace strata::compress {

/// Weights of layers that a pattern (* and ?) fits have so many bits.
struct LayerBits {
  std::string pattern;
  int bits = 8;
};

struct LayerwiseOptions {
  int weight_bits = 8;
  std::vector<LayerBits> layer_bits;  ///< the last that fits counts, before weight_bits
  /// Codes by least squares on the calibration data (see rounding.hpp) instead of the nearest.
  bool reconstruct = false;
  /// The bias takes over what quantizing shifts the mean of each channel by, measured on the
  /// calibration data (Nagel et al. 2019, section 4.2, empirical). Part of reconstruction.
  bool bias_correction = false;
  int threads = 1;  ///< 0: all this process may use
  /// Most bytes of activations that are held at a time; fewer batches are used if need be.
  std::int64_t byte_limit = std::int64_t(2) << 30;
  std::function<void(const std::string& layer)> progress;  ///< called before each layer
  std::function<void()> poll;  ///< called often, to set cancel if time is up
  const std::atomic<bool>* cancel = nullptr;

  bool stopped() const {
    if (poll) poll();
    return cancel && *cancel;
  }
};

/// What the unit's weights have by these options.
int weight_bits(const std::string& name, int usual, const std::vector<LayerBits>& layers);

/// Chooses the codes of every weighted unit of a plan whose grids are set, in the order of the
/// graph: each layer is made to compute, from inputs as the layers before it compute them on
/// integers, what the float network computes there. Returns false if cancelled. Data are used for
/// reconstruction and bias correction only.
bool choose_weights(const ir::Graph& graph, StaticPlan& plan, const Batches& batches,
                    const LayerwiseOptions& options = {});

}  // namespace strata::compress
