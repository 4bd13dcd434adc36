#pragma once

#include <cmath>
#include <cstring>
#include <functional>
#include <span>
#include <vector>

#include "strata/kernels/epilogue.hpp"
#include "strata/tensor/dtype.hpp"

namespace strata::kernels {

/// Constant weights as the graph stores them, one byte behind an aligned address, and what they
/// stand for.
struct StoredWeights {
  std::vector<std::byte> stored;
  std::vector<float> scales;
  std::vector<double> values;
  const void* data() const { return stored.data() + 1; }
};

/// Stores weights in [-1, 1] as `type`; channel_of(i) is the output channel of weight i.
inline StoredWeights store_weights(WeightType type, std::span<const float> weights,
                                   std::int64_t channels,
                                   const std::function<std::int64_t(std::size_t)>& channel_of) {
  StoredWeights w;
  w.stored.resize(1);
  const auto append = [&](auto code, double value) {
    const std::size_t end = w.stored.size();
    w.stored.resize(end + sizeof code);
    std::memcpy(w.stored.data() + end, &code, sizeof code);
    w.values.push_back(value);
  };
  const bool each = type == WeightType::i8_channel;
  if (each || type == WeightType::i8_tensor) {
    for (std::int64_t c = 0; c < (each ? channels : 1); ++c) {
      w.scales.push_back(0.004f + 0.001f * float(c % 5));
    }
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const float weight = weights[i];
    switch (type) {
      case WeightType::f32:
        append(weight, double(weight));
        break;
      case WeightType::f16:
        append(Half(weight), double(float(Half(weight))));
        break;
      case WeightType::bf16:
        append(BFloat16(weight), double(float(BFloat16(weight))));
        break;
      case WeightType::i8_tensor:
      case WeightType::i8_channel: {
        const auto code = std::int8_t(std::lround(weight * 127));
        append(code, double(code) * double(w.scales[each ? std::size_t(channel_of(i)) : 0]));
      }
    }
  }
  return w;
}

}  // namespace strata::kernels
