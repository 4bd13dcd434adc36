#include "strata/compress/quantize/factors.hpp"

#include <algorithm>
#include <cmath>

namespace strata::compress {
namespace {

// What bounds change has one sign, so that it adds up over channels where noise averages out.
constexpr double one_sided = 3;
// Rounding to steps of 1 leaves noise of a mean square of 1/12.
constexpr double of_a_step = 1.0 / 12;
constexpr int sweeps = 20;
constexpr int moves[] = {-4, -1, 1, 4};

double square(double x) { return x * x; }

/// The largest magnitude among the scaled weights of an output, and the largest of another channel.
struct Reach {
  double first = 0, second = 0;
  std::size_t channel = std::size_t(-1);  ///< of `first`; none for weights that read other layers

  void add(std::size_t of, double magnitude) {
    if (magnitude > first) {
      second = first;
      first = magnitude;
      channel = of;
    } else {
      second = std::max(second, magnitude);
    }
  }
  double without(std::size_t of) const { return of == channel ? second : first; }
};

class Descent {
 public:
  explicit Descent(const FactorProblem& problem, std::vector<int> exponents)
      : problem_(problem),
        exponents_(std::move(exponents)),
        uses_(exponents_.size()),
        reaches_(problem.outputs.size()),
        energies_(problem.outputs.size()) {
    for (const int exponent : exponents_) factors_.push_back(factor_of(exponent));
    read_ = read();
    for (std::size_t o = 0; o < problem.outputs.size(); ++o) {
      const auto& weights = problem.outputs[o].weights;
      for (std::size_t i = 0; i < weights.size(); ++i) {
        const std::size_t c = weights[i].channel;
        uses_[c].push_back({o, i});
        energies_[o] += weights[i].count * problem.energy[c] * square(factors_[c]);
      }
      measure_reach(o);
    }
  }

  double noise() const {
    double weights = 0, bounds = 0;
    for (std::size_t o = 0; o < reaches_.size(); ++o) weights += weight_noise(o);
    for (std::size_t c = 0; c < exponents_.size(); ++c) bounds += bound_noise(c, exponents_[c]);
    const double grid = square(reach(0, factors_.empty() ? 1 : factors_[0])) * read_;
    return of_a_step * (grid / square(problem_.grid_levels) + weights) + bounds;
  }

  std::vector<int> run(const std::atomic<bool>* cancel) {
    const int limit = problem_.bounded.empty() ? largest_exponent : largest_bounded_exponent;
    bool moved = true;
    for (int sweep = 0; sweep < sweeps && moved; ++sweep) {
      moved = false;
      for (std::size_t c = 0; c < exponents_.size(); ++c) {
        if (problem_.largest[c] == 0 || uses_[c].empty()) continue;
        for (const int move : moves) {
          const int to = std::clamp(exponents_[c] + move, -limit, limit);
          if (!(change(c, to) < 0)) continue;
          set(c, to);
          moved = true;
        }
        if (cancel && *cancel) return exponents_;
      }
    }
    return exponents_;
  }

 private:
  struct Use {
    std::size_t output, index;
  };

  /// Largest magnitude on the grid, with another factor for one channel.
  double reach(std::size_t changed, double factor) const {
    double all = 0;
    for (std::size_t c = 0; c < factors_.size(); ++c) {
      all = std::max(all, problem_.largest[c] * (c == changed ? factor : factors_[c]));
    }
    return problem_.bounded.empty() ? all : std::min(all, problem_.bound);
  }

  /// Sum of squares of the weights as they read the grid.
  double read() const {
    double sum = 0;
    for (std::size_t c = 0; c < factors_.size(); ++c) {
      sum += problem_.squares[c] / square(factors_[c]);
    }
    return sum;
  }

  double bound_noise(std::size_t c, int exponent) const {
    if (problem_.bounded.empty()) return 0;
    const double mean = problem_.bounded[c][std::size_t(exponent + largest_bounded_exponent)];
    return one_sided * problem_.squares[c] * mean;
  }

  double weight_noise(std::size_t o) const {
    return square(reaches_[o].first / problem_.weight_levels) * energies_[o];
  }

  void measure_reach(std::size_t o) {
    reaches_[o] = {.first = problem_.outputs[o].others};
    for (const FactorProblem::Weights& weights : problem_.outputs[o].weights) {
      reaches_[o].add(weights.channel, weights.largest / factors_[weights.channel]);
    }
  }

  /// Of an output's energy, if a channel's factor becomes another.
  double energy_change(const FactorProblem::Weights& weights, double after) const {
    const double before = factors_[weights.channel];
    return weights.count * problem_.energy[weights.channel] * (square(after) - square(before));
  }

  /// Of the noise, if a channel's exponent becomes another.
  double change(std::size_t c, int to) const {
    const double before = factors_[c], after = factor_of(to);
    double weights = 0;
    for (const Use& use : uses_[c]) {
      const FactorProblem::Weights& read = problem_.outputs[use.output].weights[use.index];
      const double reach = std::max(reaches_[use.output].without(c), read.largest / after);
      const double energy = energies_[use.output] + energy_change(read, after);
      weights += square(reach / problem_.weight_levels) * energy - weight_noise(use.output);
    }
    const double read_after =
        read_ + problem_.squares[c] * (1 / square(after) - 1 / square(before));
    const double grid = square(reach(c, after)) * read_after - square(reach(c, before)) * read_;
    return of_a_step * (grid / square(problem_.grid_levels) + weights) + bound_noise(c, to) -
           bound_noise(c, exponents_[c]);
  }

  void set(std::size_t c, int to) {
    const double before = factors_[c], after = factor_of(to);
    for (const Use& use : uses_[c]) {
      energies_[use.output] +=
          energy_change(problem_.outputs[use.output].weights[use.index], after);
    }
    exponents_[c] = to;
    factors_[c] = after;
    read_ = read();
    for (const Use& use : uses_[c]) {
      const FactorProblem::Weights& read = problem_.outputs[use.output].weights[use.index];
      Reach& reach = reaches_[use.output];
      if (read.largest / before >= reach.second) {
        measure_reach(use.output);
      } else {
        reach.add(c, read.largest / after);
      }
    }
  }

  const FactorProblem& problem_;
  std::vector<int> exponents_;
  std::vector<double> factors_;
  double read_ = 0;
  std::vector<std::vector<Use>> uses_;  ///< by channel
  std::vector<Reach> reaches_;          ///< by output
  std::vector<double> energies_;        ///< by output: of what its weights' noise is multiplied by
};

}  // namespace

double factor_of(int exponent) { return std::exp2(exponent / 8.0); }

double factor_noise(const FactorProblem& problem, const std::vector<int>& exponents) {
  return Descent(problem, exponents).noise();
}

std::vector<int> choose_factors(const FactorProblem& problem, const std::atomic<bool>* cancel) {
  return Descent(problem, std::vector<int>(problem.largest.size())).run(cancel);
}

}  // namespace strata::compress
