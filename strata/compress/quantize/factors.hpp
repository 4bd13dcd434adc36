#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

namespace strata::compress {

/// What decides over the factors of channels between a layer and those that read it: multiplied by
/// one where they are made, and divided by it where they are read, they leave more or less noise.
struct FactorProblem {
  /// Weights by which one output of a reader reads one channel.
  struct Weights {
    std::size_t channel;
    double largest;  ///< magnitude
    double count;
  };
  struct Output {
    std::vector<Weights> weights;  ///< one for each channel at most
    double others = 0;             ///< largest magnitude of weights that read other layers
  };
  /// Of each channel; all vectors have its length.
  std::vector<double> largest;  ///< magnitude that the grid is to cover
  std::vector<double> energy;   ///< mean square of what the weights' noise is multiplied by
  std::vector<double> squares;  ///< sum of those of the weights that read it
  /// Of each channel and factor (`factor_of`): mean square of what an upper bound of the activation
  /// changes for being at another number of the channel. Empty: there is no such bound.
  std::vector<std::vector<double>> bounded;
  double bound = 0;  ///< the largest number that the activation lets pass, if any
  std::vector<Output> outputs;
  double grid_levels = 255, weight_levels = 127;  ///< steps between zero and the largest magnitude
};

/// Factors are powers of 2^(1/8), given by their exponents.
double factor_of(int exponent);
/// Exponents lie between this and its negative; behind a bound channels move less.
constexpr int largest_exponent = 48, largest_bounded_exponent = 16;

/// Mean square of the noise in what the readers make, up to a constant factor: of the grid between,
/// of rounding weights to steps of the largest of their output, and of bounds.
double factor_noise(const FactorProblem& problem, const std::vector<int>& exponents);

/// Exponents of least noise, by descent along one channel after another from all zero.
/// Deterministic. A flag set by someone else stops it early, with what is best by then.
std::vector<int> choose_factors(const FactorProblem& problem,
                                const std::atomic<bool>* cancel = nullptr);

}  // namespace strata::compress
