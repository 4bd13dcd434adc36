#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "strata/tensor/integer_arithmetic.hpp"

namespace strata::compress {

/// What decides over the weights w of a linear layer y = w x, in a group of channels that read the
/// same inputs: codes are chosen for the least mean of (w x - target(x))^2 over calibration data.
struct RoundingProblem {
  std::int64_t inputs = 0;      ///< K
  std::int64_t channels = 0;    ///< of the output
  std::vector<double> weights;  ///< (channels, K), the layer as it was
  /// Second moments about the means, (K, K): of what the layer reads when quantized, and of what it
  /// read before (rows) with that (columns). Empty: rounding to nearest.
  std::vector<double> second, cross;
};

struct RoundingOptions {
  QuantizedRange range{-127, 127};
  /// Of the mean of the diagonal of the second moments, added to it: how far the data are trusted.
  double damping = 0.01;
  int sweeps = 20;  ///< of coordinate descent, at most
  int threads = 1;  ///< at least 1; the result is the same for any number
  /// Asked often; true stops early, with codes that are not to be used.
  std::function<bool()> stopped;
};

struct RoundedWeights {
  std::vector<std::int8_t> codes;  ///< (channels, K)
  std::vector<float> scales;       ///< of each channel
};

/// Nearest codes, scales by the largest magnitude of each channel (or, `clip`, by the least square
/// error of the weights).
RoundedWeights round_to_nearest(const RoundingProblem& problem, QuantizedRange range, bool clip);

/// Codes and scales by least squares, layer by layer and without gradients: the weights that suit
/// the quantized inputs best, their rounding column by column with the error of each carried on to
/// the columns that follow (Frantar et al., "Optimal Brain Compression", NeurIPS 2022, and "GPTQ",
/// ICLR 2023), then coordinate descent on the codes, the objective being that of AdaRound (Nagel et
/// al., ICML 2020, eq. 20), alternating with the best scale for the codes. Deterministic.
RoundedWeights round_by_least_squares(const RoundingProblem& problem,
                                      const RoundingOptions& options = {});

/// The damping with which codes chosen on one part of the data have the least error on the other:
/// few data ask for more. The parts differ in their moments alone. Some channels are tried.
double choose_damping(const RoundingProblem& part, const RoundingProblem& other,
                      const RoundingOptions& options = {});

/// Mean of (w x - target)^2 less what no choice of w changes, summed over channels.
double rounding_error(const RoundingProblem& problem, const RoundedWeights& rounded);

}  // namespace strata::compress
