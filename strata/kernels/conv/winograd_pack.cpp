#include <algorithm>

#include "strata/kernels/conv/weights.hpp"
#include "strata/kernels/conv/winograd.hpp"

namespace strata::kernels {
std::size_t winograd_packed_bytes(const WinogradPlan& plan) {
  const std::size_t lanes = std::size_t(plan.out_blocks) * std::size_t(plan.vector.lanes);
  const std::size_t zeros = 2 * std::size_t(plan.vector.lanes);
  return sizeof(float) *
         (std::size_t(plan.products) * std::size_t(plan.channels) * lanes + lanes + zeros);
}

void pack_winograd(const WinogradPlan& plan, const WinogradKernels& kernels, const ConvProblem& p,
                   const Constants& constants, std::byte* packed) {
  constexpr int most_taps = 9, most_lanes = 16;
  const int taps = plan.taps * plan.taps;
  const int lanes = plan.vector.lanes;
  const std::int64_t all_lanes = std::int64_t(plan.out_blocks) * lanes;
  float* to = reinterpret_cast<float*>(packed);
  float* bias = to + plan.products * plan.channels * all_lanes;
  std::fill(bias, bias + all_lanes + 2 * lanes, 0.0f);
  for (std::int64_t o = 0; o < p.out_channels && constants.data[2]; ++o) {
    bias[o] = WeightReader::at<float>(constants.data[2], o);
  }
  for (int block = 0; block < plan.out_blocks; ++block) {
    const std::int64_t first = std::int64_t(block) * lanes;
    const int valid = int(std::min<std::int64_t>(lanes, p.out_channels - first));
    const int vectors = block / 2 + 1 < plan.panels ? 2 : plan.last_vectors;
    float* panel = to + (first - block % 2 * lanes) * plan.channels + block % 2 * lanes;
    for (std::int64_t c = 0; c < p.channels; ++c) {
      float g[most_taps * most_lanes] = {};
      for (int lane = 0; lane < valid; ++lane) {
        const std::int64_t from = ((first + lane) * p.channels + c) * taps;
        for (int tap = 0; tap < taps; ++tap) {
          g[tap * lanes + lane] = WeightReader::at<float>(constants.data[0], from + tap);
        }
      }
      kernels.weights(g, panel + c * vectors * lanes, plan.channels * all_lanes);
    }
  }
}

}  // namespace strata::kernels
