#include "strata/compress/quantize/noise.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "strata/base/error.hpp"
#include "strata/compress/quantize/expose.hpp"
#include "strata/runtime/session.hpp"

namespace strata::compress {
namespace {

runtime::Session make_session(ir::Graph graph, int threads) {
  runtime::SessionOptions options;
  options.threads = threads;
  return runtime::Session(std::move(graph), options);
}

bool stopped(const NoiseOptions& options) { return options.cancel && *options.cancel; }

/// The numbers that codes stand for; floats are what they are.
std::vector<float> numbers(const Tensor& tensor, const Grid& grid) {
  std::vector<float> values = tensor.to_float();
  if (is_float(tensor.dtype())) return values;
  for (float& value : values) value = (value - float(grid.zero_point)) * grid.scale;
  return values;
}

/// Results of units in both graphs.
struct Watched {
  std::vector<std::size_t> units;
  std::vector<ir::ValueId> original, quantized;
};

Watched watched(const ir::Graph& original, const ir::Graph& quantized, const StaticPlan& plan) {
  Watched values;
  for (std::size_t i = 0; i < plan.units.size(); ++i) {
    const ir::ValueId value = plan.units[i].output;
    const auto same = quantized.find_value(original.value(value).name);
    if (!same || quantized.value(*same).producer == ir::no_node) continue;
    values.units.push_back(i);
    values.original.push_back(value);
    values.quantized.push_back(*same);
  }
  return values;
}

}  // namespace

void Noise::add(std::span<const float> signal, std::span<const float> noisy) {
  STRATA_ASSERT(signal.size() == noisy.size());
  for (std::size_t i = 0; i < signal.size(); ++i) {
    const double error = double(noisy[i]) - double(signal[i]);
    signal_ += double(signal[i]) * double(signal[i]);
    error_ += error * error;
  }
}

double Noise::decibels() const {
  if (error_ == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal_ / error_);
}

std::vector<LayerNoise> layer_noise(const ir::Graph& original, const ir::Graph& quantized,
                                    const StaticPlan& plan, const Batches& batches,
                                    const NoiseOptions& options, double* output) {
  const Watched values = watched(original, quantized, plan);
  const Exposed from = expose(original, values.original), to = expose(quantized, values.quantized);
  auto before = make_session(from.graph, options.threads);
  auto after = make_session(to.graph, options.threads);
  std::vector<Noise> noises(values.units.size());
  Noise of_outputs;
  for (std::size_t batch = 0; batch < batches.size() && !stopped(options); ++batch) {
    const Tensor input = batches.read(batch);
    const std::vector<Tensor> signal = before.run(std::span(&input, 1));
    const std::vector<Tensor> noisy = after.run(std::span(&input, 1));
    for (std::size_t i = 0; i < original.outputs.size(); ++i) {
      of_outputs.add(signal[i].to_float(), noisy[i].to_float());
    }
    for (std::size_t i = 0; i < noises.size(); ++i) {
      const Grid& grid = plan.grid(values.original[i]);
      noises[i].add(signal[from.places[i]].to_float(), numbers(noisy[to.places[i]], grid));
    }
  }
  std::vector<LayerNoise> layers;
  for (std::size_t i = 0; i < noises.size(); ++i) {
    const std::size_t unit = values.units[i];
    layers.push_back({unit, plan.units[unit].name, noises[i].decibels()});
  }
  if (output) *output = of_outputs.decibels();
  return layers;
}

std::vector<LayerNoise> sensitivity(const ir::Graph& original, const StaticPlan& plan,
                                    const Batches& batches, const NoiseOptions& options) {
  std::vector<std::vector<Tensor>> signal;  // of each batch
  auto session = make_session(original, options.threads);
  for (std::size_t batch = 0; batch < batches.size(); ++batch) {
    const Tensor input = batches.read(batch);
    signal.push_back(session.run(std::span(&input, 1)));
  }
  std::vector<LayerNoise> layers;
  for (std::size_t i = 0; i < plan.units.size() && !stopped(options); ++i) {
    if (plan.units[i].kind == UnitKind::shared) continue;
    if (options.progress) options.progress(plan.units[i].name);
    auto only = make_session(with_quantizers(original, alone(original, plan, i)), options.threads);
    Noise noise;
    for (std::size_t batch = 0; batch < batches.size(); ++batch) {
      const Tensor input = batches.read(batch);
      const std::vector<Tensor> noisy = only.run(std::span(&input, 1));
      for (std::size_t o = 0; o < noisy.size(); ++o) {
        noise.add(signal[batch][o].to_float(), noisy[o].to_float());
      }
    }
    layers.push_back({i, plan.units[i].name, noise.decibels()});
  }
  std::ranges::stable_sort(layers, {}, &LayerNoise::decibels);
  return layers;
}

}  // namespace strata::compress
