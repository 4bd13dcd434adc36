#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "strata/compress/quantize/histogram.hpp"
#include "strata/compress/quantize/rounding.hpp"

namespace strata::compress {

/// A layer at sampled positions of the data: y = bound(w x + b), channels in equal groups.
struct SampledLayer {
  std::int64_t groups = 1, inputs = 0, channels = 0, positions = 0;  ///< inputs: of each group
  std::int64_t first = 0;      ///< so many positions are those of one half of the items
  std::vector<float> read;     ///< (groups, inputs, positions), quantized
  std::vector<float> targets;  ///< (channels, positions), what the layer made before the bound
  Interval bound;              ///< Relu, Clip; infinite where there is none
};

struct RefineOptions {
  QuantizedRange range{-127, 127};
  int sweeps = 12;  ///< over the codes of a channel, at most
  int threads = 1;
  std::function<bool()> stopped;  ///< asked often; true stops early
};

/// Betters codes, scales and biases for the least mean of (bound(w x + b) - bound(target))^2: what
/// a bound cuts off need not be right (the asymmetric objective with activation of Nagel et al.,
/// "AdaRound", ICML 2020, section 4.2). Coordinate descent from the codes given; a step is taken
/// only if the sum of squares falls. `bias`: (channels). The same for any number of threads.
void refine(const SampledLayer& layer, const RefineOptions& options, RoundedWeights& rounded,
            std::span<double> bias);

/// Whether codes refined on one half of the items have less error on the other half than those
/// given: few data are fitted too well. Not if all positions are in one.
bool refining_holds(const SampledLayer& layer, const RefineOptions& options,
                    const RoundedWeights& rounded, std::span<const double> bias);

/// That mean, summed over channels.
double sampled_error(const SampledLayer& layer, const RoundedWeights& rounded,
                     std::span<const double> bias);

}  // namespace strata::compress
