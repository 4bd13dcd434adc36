#include "strata/compress/quantize/refine.hpp"

#include <algorithm>
#include <cmath>

#include "strata/base/error.hpp"
#include "strata/base/thread_pool.hpp"

namespace strata::compress {
namespace {

// Steps that gain less, relative to the error of the channel, are not worth a further look.
constexpr double least_gain = 1e-7;
// A sweep that gains less is the last.
constexpr double least_gain_of_sweep = 1e-3;

// Of each worker, before it is asked whether to stop.
constexpr std::int64_t channels_between_looks = 4;

// Sums run over so many lanes, so that compilers may use vectors, and over so many numbers before
// floats lose digits.
constexpr std::size_t lanes = 16, block = 64 * lanes;

/// f(i) for all i < count.
template <typename F>
double sum_of(std::size_t count, F f) {
  double total = 0;
  for (std::size_t begin = 0; begin < count; begin += block) {
    const std::size_t end = std::min(count, begin + block);
    float partial[lanes] = {};
    std::size_t i = begin;
    for (; i + lanes <= end; i += lanes) {
      for (std::size_t lane = 0; lane < lanes; ++lane) partial[lane] += f(i + lane);
    }
    for (; i < end; ++i) partial[0] += f(i);
    for (const float sum : partial) total += double(sum);
  }
  return total;
}

double square(double x) { return x * x; }

/// One channel at a time.
class Channel {
 public:
  Channel(const SampledLayer& layer, QuantizedRange range)
      : layer_(layer),
        range_(range),
        inputs_(std::size_t(layer.inputs)),
        count_(std::size_t(layer.positions)),
        low_(float(layer.bound.low)),
        high_(float(layer.bound.high)),
        products_(count_),
        target_(count_),
        off_(count_),
        counts_(count_) {}

  void set(std::size_t channel, const std::int8_t* codes, float scale, double bias) {
    const std::size_t group = channel / std::size_t(layer_.channels / layer_.groups);
    read_ = &layer_.read[group * inputs_ * count_];
    const float* target = &layer_.targets[channel * count_];
    for (std::size_t i = 0; i < count_; ++i) target_[i] = std::clamp(target[i], low_, high_);
    scale_ = scale;
    least_scale_ = double(scale) / 2;
    bias_ = bias;
    std::ranges::fill(products_, 0.0f);
    for (std::size_t k = 0; k < inputs_; ++k) {
      if (codes[k] == 0) continue;
      const float code = codes[k];
      const float* row = read_ + k * count_;
      for (std::size_t i = 0; i < count_; ++i) products_[i] += code * row[i];
    }
    look();
  }

  /// Sum of squares over the positions.
  double error() const { return error_; }

  void better(int sweeps, std::int8_t* codes, float& scale, double& bias) {
    for (int sweep = 0; sweep < sweeps; ++sweep) {
      const double before = error_;
      for (std::size_t k = 0; k < inputs_; ++k) better_code(read_ + k * count_, codes[k]);
      better_bias();
      better_scale();
      if (before - error_ <= before * least_gain_of_sweep) break;
    }
    scale = scale_;
    bias = bias_;
  }

 private:
  float made(float product, float scale, float bias) const {
    return std::clamp(product * scale + bias, low_, high_);
  }

  /// What is off now, and where a step would change it: not where both sides are cut off alike.
  void look() {
    const float scale = scale_, bias = float(bias_);
    for (std::size_t i = 0; i < count_; ++i) {
      const float y = made(products_[i], scale, bias), t = target_[i];
      const bool cut = (y <= low_ && t <= low_) || (y >= high_ && t >= high_);
      off_[i] = cut ? 0.0f : y - t;
      counts_[i] = cut ? 0.0f : 1.0f;
    }
    error_ = error_with([&](std::size_t i) { return made(products_[i], scale, bias); });
  }

  template <typename F>
  double error_with(F y) const {
    return sum_of(count_, [&](std::size_t i) {
      const float off = y(i) - target_[i];
      return off * off;
    });
  }

  bool falls(double error) const { return error < error_ - least_gain * error_; }

  void better_code(const float* row, std::int8_t& code) {
    const double slope = sum_of(count_, [&](std::size_t i) { return off_[i] * row[i]; });
    const double curve = square(double(scale_)) * sum_of(count_, [&](std::size_t i) {
                           return counts_[i] * row[i] * row[i];
                         });
    if (curve <= 0) return;
    const double wanted = double(code) - std::nearbyint(slope * double(scale_) / curve);
    const double next = std::clamp(wanted, double(range_.low), double(range_.high));
    const auto step = float(next - double(code));
    if (step == 0) return;
    const float scale = scale_, bias = float(bias_);
    if (!falls(error_with(
            [&](std::size_t i) { return made(products_[i] + step * row[i], scale, bias); }))) {
      return;
    }
    code = std::int8_t(next);
    for (std::size_t i = 0; i < count_; ++i) products_[i] += step * row[i];
    look();
  }

  void better_bias() {
    const double slope = sum_of(count_, [&](std::size_t i) { return off_[i]; });
    const double curve = sum_of(count_, [&](std::size_t i) { return counts_[i]; });
    if (curve > 0) attempt(scale_, bias_ - slope / curve);
  }

  void better_scale() {
    const double slope = sum_of(count_, [&](std::size_t i) { return off_[i] * products_[i]; });
    const double curve =
        sum_of(count_, [&](std::size_t i) { return counts_[i] * products_[i] * products_[i]; });
    const double next = curve > 0 ? double(scale_) - slope / curve : 0;
    if (next >= least_scale_) attempt(float(next), bias_);
  }

  void attempt(float scale, double bias) {
    if (!falls(error_with([&](std::size_t i) { return made(products_[i], scale, float(bias)); }))) {
      return;
    }
    scale_ = scale;
    bias_ = bias;
    look();
  }

  const SampledLayer& layer_;
  const QuantizedRange range_;
  const std::size_t inputs_, count_;
  const float low_, high_;
  const float* read_ = nullptr;
  float scale_ = 1;
  double least_scale_ = 0;  // products of scales stay normal numbers
  double bias_ = 0, error_ = 0;
  std::vector<float> products_;      // of codes with what is read
  std::vector<float> target_;        // within the bound
  std::vector<float> off_, counts_;  // made less target; 1 where a step changes it, else 0
};

void check(const SampledLayer& layer, const RoundedWeights& rounded, std::span<const double> bias) {
  const auto inputs = std::size_t(layer.inputs), channels = std::size_t(layer.channels);
  const auto positions = std::size_t(layer.positions);
  STRATA_ASSERT(layer.read.size() == std::size_t(layer.groups) * inputs * positions);
  STRATA_ASSERT(layer.targets.size() == channels * positions);
  STRATA_ASSERT(rounded.codes.size() == channels * inputs && rounded.scales.size() == channels &&
                bias.size() == channels);
}

/// Positions [begin, end) of a layer.
SampledLayer part_of(const SampledLayer& layer, std::int64_t begin, std::int64_t end) {
  SampledLayer part = layer;
  part.positions = end - begin;
  const auto cut = [&](const std::vector<float>& rows, std::vector<float>& to) {
    to.clear();
    for (auto row = rows.begin(); row != rows.end(); row += layer.positions) {
      to.insert(to.end(), row + begin, row + end);
    }
  };
  cut(layer.read, part.read);
  cut(layer.targets, part.targets);
  return part;
}

}  // namespace

void refine(const SampledLayer& layer, const RefineOptions& options, RoundedWeights& rounded,
            std::span<double> bias) {
  check(layer, rounded, bias);
  struct Work {
    const RefineOptions& options;
    RoundedWeights& rounded;
    std::span<double> bias;
    std::size_t inputs;
    std::int64_t first;
    std::vector<Channel> workers;
  };
  ThreadPool pool(options.threads);
  Work work{options, rounded, bias, std::size_t(layer.inputs), 0, {}};
  for (int i = 0; i < pool.size(); ++i) work.workers.emplace_back(layer, options.range);
  const auto body = [](void* context, std::int64_t begin, std::int64_t end, int worker) noexcept {
    Work& all = *static_cast<Work*>(context);
    Channel& channel = all.workers[std::size_t(worker)];
    for (auto c = std::size_t(all.first + begin); c < std::size_t(all.first + end); ++c) {
      std::int8_t* codes = &all.rounded.codes[c * all.inputs];
      channel.set(c, codes, all.rounded.scales[c], all.bias[c]);
      channel.better(all.options.sweeps, codes, all.rounded.scales[c], all.bias[c]);
    }
  };
  const std::int64_t at_once = channels_between_looks * pool.size();
  for (; work.first < layer.channels; work.first += at_once) {
    if (options.stopped && options.stopped()) return;
    pool.run(std::min(at_once, layer.channels - work.first), body, &work);
  }
}

bool refining_holds(const SampledLayer& layer, const RefineOptions& options,
                    const RoundedWeights& rounded, std::span<const double> bias) {
  if (layer.first == 0 || layer.first == layer.positions) return false;
  RoundedWeights refined = rounded;
  std::vector<double> refined_bias(bias.begin(), bias.end());
  refine(part_of(layer, 0, layer.first), options, refined, refined_bias);
  const SampledLayer other = part_of(layer, layer.first, layer.positions);
  return sampled_error(other, refined, refined_bias) < sampled_error(other, rounded, bias);
}

double sampled_error(const SampledLayer& layer, const RoundedWeights& rounded,
                     std::span<const double> bias) {
  check(layer, rounded, bias);
  Channel channel(layer, {});
  double sum = 0;
  for (std::size_t c = 0; c < std::size_t(layer.channels); ++c) {
    channel.set(c, &rounded.codes[c * std::size_t(layer.inputs)], rounded.scales[c], bias[c]);
    sum += channel.error();
  }
  return sum / double(layer.positions);
}

}  // namespace strata::compress
