#include "strata/compress/quantize/factors.hpp"

#include <algorithm>
#include <cmath>

namespace strata::compress {
namespace {

using Readers = FactorProblem::Readers;

// What bounds change has one sign, so that it adds up over channels where noise averages out.
constexpr double one_sided = 3;
// Rounding to steps of 1 leaves noise of a mean square of 1/12.
constexpr double of_a_step = 1.0 / 12;
constexpr int rounds = 20;
constexpr int moves[] = {-4, -1, 1, 4};
constexpr auto none = std::size_t(-1);

double square(double x) { return x * x; }

/// The largest magnitude among the scaled weights of an output, and the largest of another channel.
struct Reach {
  double first = 0, second = 0;
  std::size_t channel = none;  ///< of `first`; none for weights that read other layers

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

/// Readers by the factors as they are.
struct Reading {
  const Readers* readers = nullptr;
  std::vector<Reach> reaches;  ///< by output
  double energy = 0;           ///< of what the noise of an output's weights is multiplied by
  double noise = 0;            ///< of all outputs

  const float* largest(std::size_t c) const {
    return readers->largest.data() + (c - readers->first) * readers->outputs;
  }
  void measure_reach(std::size_t output, const std::vector<double>& factors) {
    Reach reach{.first = readers->others[output]};
    for (std::size_t c = readers->first; c < readers->first + readers->channels; ++c) {
      reach.add(c, double(largest(c)[output]) / factors[c]);
    }
    reaches[output] = reach;
  }
  double noise_of(double squared_reaches, double energy_then) const {
    return squared_reaches / square(readers->levels) * energy_then;
  }
  void measure_noise() {
    double sum = 0;
    for (const Reach& reach : reaches) sum += square(reach.first);
    noise = noise_of(sum, energy);
  }
};

class Descent {
 public:
  Descent(const FactorProblem& problem, std::vector<int> exponents)
      : problem_(problem), exponents_(std::move(exponents)), uses_(exponents_.size()) {
    for (const int exponent : exponents_) factors_.push_back(factor_of(exponent));
    read_ = read();
    for (const Readers& readers : problem.readers) {
      Reading reading{.readers = &readers, .reaches = std::vector<Reach>(readers.outputs)};
      for (std::size_t c = readers.first; c < readers.first + readers.channels; ++c) {
        uses_[c].push_back(readings_.size());
        reading.energy += readers.taps * problem.energy[c] * square(factors_[c]);
      }
      for (std::size_t o = 0; o < readers.outputs; ++o) reading.measure_reach(o, factors_);
      reading.measure_noise();
      readings_.push_back(std::move(reading));
    }
  }

  double noise() const {
    double weights = 0, bounds = 0;
    for (const Reading& reading : readings_) weights += reading.noise;
    for (std::size_t c = 0; c < exponents_.size(); ++c) bounds += bound_noise(c, exponents_[c]);
    return of_a_step * (square(step(none, 1)) * read_ + weights) + bounds;
  }

  std::vector<int> run(const std::atomic<bool>* cancel) {
    const int limit = problem_.bounded.empty() ? largest_exponent : largest_bounded_exponent;
    bool moved = true;
    for (int round = 0; round < rounds && moved; ++round) {
      moved = false;
      for (std::size_t c = 0; c < exponents_.size(); ++c) {
        if (cancel && *cancel) return exponents_;
        if (problem_.squares[c] == 0 || problem_.lowest[c] == problem_.highest[c]) continue;
        for (const int move : moves) {
          const int to = std::clamp(exponents_[c] + move, -limit, limit);
          if (!(change(c, to) < 0)) continue;
          set(c, to);
          moved = true;
        }
      }
    }
    return exponents_;
  }

 private:
  /// Of the grid, with another factor for one channel.
  double step(std::size_t changed, double factor) const {
    double low = 0, high = 0;
    for (std::size_t c = 0; c < factors_.size(); ++c) {
      const double f = c == changed ? factor : factors_[c];
      low = std::min(low, problem_.lowest[c] * f);
      high = std::max(high, problem_.highest[c] * f);
    }
    if (!problem_.bounded.empty()) high = std::min(high, problem_.bound);
    return (high - low) / problem_.grid_steps;
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

  double energy_with(const Reading& reading, std::size_t c, double factor) const {
    return reading.energy +
           reading.readers->taps * problem_.energy[c] * (square(factor) - square(factors_[c]));
  }

  /// Of the noise, if a channel's exponent becomes another.
  double change(std::size_t c, int to) const {
    const double before = factors_[c], after = factor_of(to);
    double weights = 0;
    for (const std::size_t use : uses_[c]) {
      const Reading& reading = readings_[use];
      const float* largest = reading.largest(c);
      double sum = 0;
      for (std::size_t o = 0; o < reading.reaches.size(); ++o) {
        sum += square(std::max(reading.reaches[o].without(c), double(largest[o]) / after));
      }
      weights += reading.noise_of(sum, energy_with(reading, c, after)) - reading.noise;
    }
    const double read_then = read_ + problem_.squares[c] * (1 / square(after) - 1 / square(before));
    const double grid = square(step(c, after)) * read_then - square(step(none, 1)) * read_;
    return of_a_step * (grid + weights) + bound_noise(c, to) - bound_noise(c, exponents_[c]);
  }

  void set(std::size_t c, int to) {
    const double before = factors_[c], after = factor_of(to);
    for (const std::size_t use : uses_[c]) {
      readings_[use].energy = energy_with(readings_[use], c, after);
    }
    exponents_[c] = to;
    factors_[c] = after;
    read_ = read();
    for (const std::size_t use : uses_[c]) {
      Reading& reading = readings_[use];
      const float* largest = reading.largest(c);
      for (std::size_t o = 0; o < reading.reaches.size(); ++o) {
        if (double(largest[o]) / before >= reading.reaches[o].second) {
          reading.measure_reach(o, factors_);
        } else {
          reading.reaches[o].add(c, double(largest[o]) / after);
        }
      }
      reading.measure_noise();
    }
  }

  const FactorProblem& problem_;
  std::vector<int> exponents_;
  std::vector<double> factors_;
  double read_ = 0;
  std::vector<Reading> readings_;
  std::vector<std::vector<std::size_t>> uses_;  ///< by channel: readings
};

}  // namespace

double factor_of(int exponent) { return std::exp2(exponent / 8.0); }

double factor_noise(const FactorProblem& problem, const std::vector<int>& exponents) {
  return Descent(problem, exponents).noise();
}

std::vector<int> choose_factors(const FactorProblem& problem, const std::atomic<bool>* cancel) {
  return Descent(problem, std::vector<int>(problem.energy.size())).run(cancel);
}

}  // namespace strata::compress
