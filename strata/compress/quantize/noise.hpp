#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "strata/compress/quantize/batches.hpp"
#include "strata/compress/quantize/static_plan.hpp"

namespace strata::compress {

/// Signal to quantization noise: 10 log10(sum of squares of the signal / of the difference).
class Noise {
 public:
  void add(std::span<const float> signal, std::span<const float> noisy);
  /// Infinite where nothing differs.
  double decibels() const;

 private:
  double signal_ = 0, error_ = 0;
};

struct LayerNoise {
  std::size_t unit = 0;  ///< in the plan
  std::string layer;     ///< the user's name
  double decibels = 0;
};

struct NoiseOptions {
  int threads = 1;  ///< 0: all this process may use
  std::function<void(const std::string& layer)> progress;
  const std::atomic<bool>* cancel = nullptr;
};

/// The result of each unit in the quantized graph against the same value of the original, all
/// noise before it included; in the order of the graph. And that of the outputs together, in
/// `output` unless null.
std::vector<LayerNoise> layer_noise(const ir::Graph& original, const ir::Graph& quantized,
                                    const StaticPlan& plan, const Batches& batches,
                                    const NoiseOptions& options = {}, double* output = nullptr);

/// What the outputs of the original are like when one unit alone is quantized, for every unit that
/// computes; the worst first. Fewer if cancelled.
std::vector<LayerNoise> sensitivity(const ir::Graph& original, const StaticPlan& plan,
                                    const Batches& batches, const NoiseOptions& options = {});

}  // namespace strata::compress
