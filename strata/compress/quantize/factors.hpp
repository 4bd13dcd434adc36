#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

namespace strata::compress {

/// What decides over the factors of channels between a layer and those that read it: multiplied by
/// one where they are made, and divided by it where they are read, they leave more or less noise.
struct FactorProblem {
  /// Outputs that all read the same channels, each with weights of its own.
  struct Readers {
    std::size_t first = 0, channels = 0, outputs = 0;
    std::vector<float> largest;  ///< (channels, outputs), magnitude of the weights
    std::vector<float> others;   ///< (outputs), of weights that read other layers
    double taps = 1;             ///< weights of an output for each channel
    double levels = 127;         ///< steps of the weights between zero and their largest magnitude
  };
  /// Of each channel; these five have its length, or the last none.
  std::vector<double> lowest, highest;  ///< what the grid is to cover, at most and at least 0
  std::vector<double> energy;           ///< mean square of what the weights' noise is multiplied by
  std::vector<double> squares;          ///< sum of those of the weights that read it
  /// Of each channel and factor (`factor_of`): mean square of what an upper bound of the activation
  /// changes for being at another number of the channel. Empty: there is no such bound.
  std::vector<std::vector<double>> bounded;
  double bound = 0;  ///< the largest number that the activation lets pass, if any
  std::vector<Readers> readers;
  double grid_steps = 255;  ///< of the grid, from its lowest to its highest number
};

/// Factors are powers of 2^(1/8), given by their exponents.
double factor_of(int exponent);
/// Exponents lie between this and its negative; behind a bound channels move less.
constexpr int largest_exponent = 48, largest_bounded_exponent = 16;

/// Mean square of the noise in what the readers make, up to a constant factor: of the grid between,
/// of rounding weights to steps of the largest of their output, and of bounds.
double factor_noise(const FactorProblem& problem, const std::vector<int>& exponents);

/// Exponents of little noise: descent along one channel after another, from all zero, until none
/// moves or for 20 rounds. Deterministic. A flag set by someone else stops it early, with what is
/// best by then.
std::vector<int> choose_factors(const FactorProblem& problem,
                                const std::atomic<bool>* cancel = nullptr);

}  // namespace strata::compress
