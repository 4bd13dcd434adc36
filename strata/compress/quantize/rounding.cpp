#include "strata/compress/quantize/rounding.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "strata/base/error.hpp"
#include "strata/base/thread_pool.hpp"

namespace strata::compress {
namespace {

using Vector = std::vector<double>;

// Scales that are tried, relative to the one that reaches the largest magnitude.
constexpr double least_ratio = 0.3;
constexpr int ratios = 15;
double ratio(int i) { return 1 - (1 - least_ratio) * i / (ratios - 1); }

// Dampings that are tried, for how many inputs at most (time grows with their third power), and on
// how many channels.
constexpr double dampings[] = {0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10};
constexpr std::int64_t least_damped_inputs = 16, most_damped_inputs = 1200;
constexpr std::int64_t damped_channels = 12;

// Of each worker, before it is asked whether to stop.
constexpr std::size_t channels_between_looks = 4;

// Times that codes and scale are bettered in turn.
constexpr int rounds = 4;

double code_for(double value, double scale, QuantizedRange range) {
  return std::clamp(std::nearbyint(value / scale), double(range.low), double(range.high));
}

double largest_magnitude(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

bool stopped(const RoundingOptions& options) { return options.stopped && options.stopped(); }

/// Lower triangle with L L^T = matrix; positive definite.
Vector cholesky(Vector matrix, std::size_t n, const RoundingOptions& options) {
  for (std::size_t i = 0; i < n && !stopped(options); ++i) {
    double* row = &matrix[i * n];
    for (std::size_t j = 0; j <= i; ++j) {
      const double* other = &matrix[j * n];
      double sum = row[j];
      for (std::size_t k = 0; k < j; ++k) sum -= row[k] * other[k];
      if (i != j) {
        row[j] = sum / other[j];
      } else {
        // Rounding may take away what damping added.
        row[i] = std::sqrt(std::max(sum, std::numeric_limits<double>::min()));
      }
    }
    std::fill(row + i + 1, row + n, 0.0);
  }
  return matrix;
}

/// One layer in the order in which columns are rounded, last first: those whose errors weigh most.
struct Ordered {
  std::size_t inputs;
  std::vector<std::size_t> order;
  double damping = 0;
  Vector second, factor;  // in that order, damped; factor * factor^T = second

  Ordered(const RoundingProblem& problem, const RoundingOptions& options)
      : inputs(std::size_t(problem.inputs)), order(inputs), second(inputs * inputs) {
    double trace = 0;
    for (std::size_t i = 0; i < inputs; ++i) trace += problem.second[i * inputs + i];
    damping = trace > 0 ? options.damping * trace / double(inputs) : 1;
    std::iota(order.begin(), order.end(), std::size_t(0));
    std::ranges::stable_sort(order, {},
                             [&](std::size_t i) { return problem.second[i * inputs + i]; });
    for (std::size_t i = 0; i < inputs; ++i) {
      for (std::size_t j = 0; j < inputs; ++j) {
        second[i * inputs + j] = problem.second[order[i] * inputs + order[j]];
      }
      second[i * inputs + i] += damping;
    }
    factor = cholesky(second, inputs, options);
  }
};

/// Rounds one channel of it at a time.
class LeastSquares {
 public:
  LeastSquares(const Ordered& layer, const RoundingOptions& options)
      : options_(options),
        n_(layer.inputs),
        order_(layer.order),
        damping_(layer.damping),
        second_(layer.second),
        factor_(layer.factor),
        best_(n_),
        right_(n_),
        carried_(n_),
        slope_(n_),
        tried_(n_),
        kept_(n_) {}

  /// Writes the codes of one channel; returns its scale.
  float round(const RoundingProblem& problem, std::size_t channel, std::int8_t* codes) {
    find_best(problem, std::span(problem.weights).subspan(channel * n_, n_));
    const double reach = largest_magnitude(best_);
    if (reach == 0) {
      std::fill_n(codes, n_, std::int8_t(0));
      return 0;
    }
    double least = std::numeric_limits<double>::infinity();
    std::ranges::fill(kept_, 0.0);
    double scale = 1;
    for (int i = 0; i < ratios; ++i) {
      const double tried = double(float(reach / options_.range.high * ratio(i)));
      const double error = round_in_turn(tried, tried_);
      if (error >= least) continue;
      least = error;
      scale = tried;
      std::swap(kept_, tried_);
    }
    for (int i = 0; i < rounds; ++i) {
      descend(scale, kept_);
      const double fitted = fit_scale(kept_, scale);
      if (fitted == scale) break;
      scale = fitted;
    }
    for (std::size_t i = 0; i < n_; ++i) codes[order_[i]] = std::int8_t(kept_[i]);
    return float(scale);
  }

 private:
  /// The real weights w that suit the quantized inputs best:
  /// w (second + damping) = w_0 (cross + damping).
  void find_best(const RoundingProblem& problem, std::span<const double> weights) {
    std::ranges::fill(right_, 0.0);
    for (std::size_t i = 0; i < n_; ++i) {
      const double* row = &problem.cross[i * n_];
      for (std::size_t j = 0; j < n_; ++j) right_[j] += weights[i] * row[j];
    }
    for (std::size_t i = 0; i < n_; ++i) {
      best_[i] = right_[order_[i]] + damping_ * weights[order_[i]];
    }
    for (std::size_t i = 0; i < n_; ++i) {
      const double* row = &factor_[i * n_];
      for (std::size_t j = 0; j < i; ++j) best_[i] -= row[j] * best_[j];
      best_[i] /= row[i];
    }
    for (std::size_t i = n_; i-- > 0;) {
      const double* row = &factor_[i * n_];
      best_[i] /= row[i];
      for (std::size_t j = 0; j < i; ++j) best_[j] -= row[j] * best_[i];
    }
  }

  /// |L^T (w - best)|^2 with each code nearest to what the errors so far leave to be done.
  double round_in_turn(double scale, Vector& codes) {
    std::ranges::fill(carried_, 0.0);
    double sum = 0;
    for (std::size_t i = n_; i-- > 0;) {
      const double* row = &factor_[i * n_];
      codes[i] = code_for(best_[i] - carried_[i] / row[i], scale, options_.range);
      const double error = codes[i] * scale - best_[i];
      const double component = row[i] * error + carried_[i];
      sum += component * component;
      for (std::size_t j = 0; j < i; ++j) carried_[j] += row[j] * error;
    }
    return sum;
  }

  void descend(double scale, Vector& codes) {
    std::ranges::fill(slope_, 0.0);
    for (std::size_t i = 0; i < n_; ++i) {
      const double error = codes[i] * scale - best_[i];
      for (std::size_t j = 0; j < n_; ++j) slope_[j] += second_[i * n_ + j] * error;
    }
    for (int sweep = 0; sweep < options_.sweeps; ++sweep) {
      bool changed = false;
      for (std::size_t i = 0; i < n_; ++i) {
        const double* row = &second_[i * n_];
        const double code = std::clamp(codes[i] - std::nearbyint(slope_[i] / (scale * row[i])),
                                       double(options_.range.low), double(options_.range.high));
        const double step = (code - codes[i]) * scale;
        // Ends for certain: the sum of squares falls by more than rounding each time.
        if (step == 0 || step * (step * row[i] + 2 * slope_[i]) > -1e-12 * step * step * row[i]) {
          continue;
        }
        codes[i] = code;
        changed = true;
        for (std::size_t j = 0; j < n_; ++j) slope_[j] += row[j] * step;
      }
      if (!changed) return;
    }
  }

  /// The scale of least error for these codes; the present one where there is none.
  double fit_scale(const Vector& codes, double scale) const {
    double with_best = 0, with_itself = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      if (codes[i] == 0) continue;
      const double* row = &second_[i * n_];
      double best = 0, itself = 0;
      for (std::size_t j = 0; j < n_; ++j) {
        best += row[j] * best_[j];
        itself += row[j] * codes[j];
      }
      with_best += codes[i] * best;
      with_itself += codes[i] * itself;
    }
    const double fitted = with_itself > 0 ? with_best / with_itself : 0;
    return fitted > 0 ? double(float(fitted)) : scale;
  }

  const RoundingOptions& options_;
  const std::size_t n_;
  const std::vector<std::size_t>& order_;
  const double damping_;
  const Vector &second_, &factor_;
  Vector best_, right_, carried_;
  Vector slope_;  // second * (w - best)
  Vector tried_, kept_;
};

float nearest_scale(std::span<const double> weights, QuantizedRange range, bool clip) {
  const double reach = largest_magnitude(weights);
  double least = std::numeric_limits<double>::infinity();
  double scale = 0;
  for (int i = 0; i < (clip ? ratios : 1); ++i) {
    const double tried = double(float(reach / range.high * ratio(i)));
    double error = 0;
    for (const double w : weights) {
      const double off = tried > 0 ? code_for(w, tried, range) * tried - w : w;
      error += off * off;
    }
    if (error >= least) continue;
    least = error;
    scale = tried;
  }
  return float(scale);
}

/// Products of scales stay normal f32 numbers, also of channels whose weights are almost nothing;
/// their codes, if there are any yet, follow.
void bound_scales(RoundedWeights& rounded, std::size_t inputs) {
  const float largest = std::ranges::max(rounded.scales);
  for (std::size_t c = 0; c < rounded.scales.size(); ++c) {
    float& scale = rounded.scales[c];
    const float least = largest > 0 ? std::max(largest * 0x1p-20f, 0x1p-60f) : 1.0f;
    if (scale >= least) continue;
    for (std::size_t i = c * inputs; i < (c + 1) * inputs && !rounded.codes.empty(); ++i) {
      rounded.codes[i] = std::int8_t(std::nearbyint(float(rounded.codes[i]) * scale / least));
    }
    scale = least;
  }
}

/// Evenly spread ones.
RoundingProblem some_channels(const RoundingProblem& problem) {
  RoundingProblem some = problem;
  some.channels = std::min(problem.channels, damped_channels);
  some.weights.clear();
  for (std::int64_t i = 0; i < some.channels; ++i) {
    const std::int64_t channel = i * problem.channels / some.channels;
    const auto row = problem.weights.begin() + channel * problem.inputs;
    some.weights.insert(some.weights.end(), row, row + problem.inputs);
  }
  return some;
}

}  // namespace

RoundedWeights round_to_nearest(const RoundingProblem& problem, QuantizedRange range, bool clip) {
  const auto inputs = std::size_t(problem.inputs), channels = std::size_t(problem.channels);
  RoundedWeights rounded;
  for (std::size_t c = 0; c < channels; ++c) {
    rounded.scales.push_back(
        nearest_scale(std::span(problem.weights).subspan(c * inputs, inputs), range, clip));
  }
  bound_scales(rounded, inputs);
  for (std::size_t i = 0; i < problem.weights.size(); ++i) {
    rounded.codes.push_back(
        std::int8_t(code_for(problem.weights[i], double(rounded.scales[i / inputs]), range)));
  }
  return rounded;
}

RoundedWeights round_by_least_squares(const RoundingProblem& problem,
                                      const RoundingOptions& options) {
  const auto inputs = std::size_t(problem.inputs), channels = std::size_t(problem.channels);
  STRATA_ASSERT(problem.second.size() == inputs * inputs &&
                problem.cross.size() == inputs * inputs);
  const Ordered layer(problem, options);
  RoundedWeights rounded;
  rounded.codes.resize(channels * inputs);
  rounded.scales.resize(channels, 1.0f);
  struct Work {
    const RoundingProblem& problem;
    RoundedWeights& rounded;
    std::size_t first = 0;
    std::vector<LeastSquares> workers;
  };
  ThreadPool pool(int(std::clamp<std::int64_t>(problem.channels, 1, options.threads)));
  Work work{problem, rounded, 0, {}};
  for (int i = 0; i < pool.size(); ++i) work.workers.emplace_back(layer, options);
  const auto body = [](void* context, std::int64_t begin, std::int64_t end, int worker) noexcept {
    Work& all = *static_cast<Work*>(context);
    const auto n = std::size_t(all.problem.inputs);
    for (auto c = all.first + std::size_t(begin); c < all.first + std::size_t(end); ++c) {
      all.rounded.scales[c] =
          all.workers[std::size_t(worker)].round(all.problem, c, &all.rounded.codes[c * n]);
    }
  };
  const auto at_once = channels_between_looks * std::size_t(pool.size());
  for (; work.first < channels && !stopped(options); work.first += at_once) {
    pool.run(std::int64_t(std::min(at_once, channels - work.first)), body, &work);
  }
  bound_scales(rounded, inputs);
  return rounded;
}

double choose_damping(const RoundingProblem& part, const RoundingProblem& other,
                      const RoundingOptions& options) {
  if (part.inputs < least_damped_inputs || part.inputs > most_damped_inputs) {
    return options.damping;
  }
  const RoundingProblem first = some_channels(part), second = some_channels(other);
  double least = std::numeric_limits<double>::infinity();
  double best = options.damping;
  for (const double damping : dampings) {
    if (stopped(options)) break;
    RoundingOptions tried = options;
    tried.damping = damping;
    const double error = rounding_error(second, round_by_least_squares(first, tried)) +
                         rounding_error(first, round_by_least_squares(second, tried));
    if (error >= least) continue;
    least = error;
    best = damping;
  }
  return best;
}

double rounding_error(const RoundingProblem& problem, const RoundedWeights& rounded) {
  const auto n = std::size_t(problem.inputs);
  double sum = 0;
  for (std::size_t c = 0; c < std::size_t(problem.channels); ++c) {
    for (std::size_t i = 0; i < n; ++i) {
      const double w = rounded.codes[c * n + i] * double(rounded.scales[c]);
      double row = 0;
      for (std::size_t j = 0; j < n; ++j) {
        const double other = rounded.codes[c * n + j] * double(rounded.scales[c]);
        row += problem.second[i * n + j] * other;
        row -= 2 * problem.weights[c * n + j] * problem.cross[j * n + i];
      }
      sum += w * row;
    }
  }
  return sum;
}

}  // namespace strata::compress
