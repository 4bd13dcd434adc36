#include <algorithm>
#include <cstring>

#include "strata/kernels/conv/bf16.hpp"
#include "strata/kernels/conv/weights.hpp"

namespace strata::kernels {
namespace {

/// One output channel: its own group's place among the merged ones, and where its weights start.
struct Channel {
  std::int64_t group;
  std::int64_t weights;
};

/// A word of the reduction: the tap, and the first of its two channels.
struct WordTap {
  std::int64_t tap, channel;
};

template <class F>
void for_each_word(const Bf16Plan& plan, const ConvProblem& p, F&& f) {
  for (int plane = 0; plane < plan.planes; ++plane) {
    const std::int64_t first = std::int64_t(plane) * plan.plane_channels;
    const std::int64_t channels =
        std::min<std::int64_t>(plan.plane_channels, plan.group_channels - first);
    for (std::int64_t tap = 0; tap < p.kernel_h * p.kernel_w; ++tap) {
      for (std::int64_t c = 0; c < channels; c += 2) f(WordTap{tap, first + c});
    }
  }
}

/// Weights in the order in which tiles read them; lanes and channels that do not exist stay 0.
template <class Read>
void pack_weights(const Bf16Plan& plan, const ConvProblem& p, Bf16Pair* to, const Read& read) {
  constexpr int lanes = avx512_form.lanes;
  const std::int64_t channels = p.channels / p.groups, taps = p.kernel_h * p.kernel_w;
  const std::int64_t outputs = p.out_channels / p.groups;
  const auto half = [&](const Channel& o, const WordTap& at, int i) -> std::uint32_t {
    const std::int64_t c = at.channel + i;
    if (c >= plan.group_channels || c / channels != o.group) return 0;
    return BFloat16(read(o.weights + c % channels * taps + at.tap)).bits;
  };
  Channel panel[2 * lanes];
  for (std::int64_t u = 0; u < plan.groups * plan.panels; ++u) {
    const std::int64_t first = u % plan.panels * 2 * lanes;
    const int width = (u % plan.panels + 1 < plan.panels ? 2 : plan.last_vectors) * lanes;
    const int valid = int(std::min<std::int64_t>(width, plan.group_outputs - first));
    for (int lane = 0; lane < valid; ++lane) {
      const std::int64_t o = u / plan.panels * plan.group_outputs + first + lane;
      panel[lane] = {o / outputs % plan.merged, o * channels * taps};
    }
    for_each_word(plan, p, [&](const WordTap& at) {
      for (int lane = 0; lane < valid; ++lane) {
        to[lane].bits = half(panel[lane], at, 0) | half(panel[lane], at, 1) << 16;
      }
      to += width;
    });
  }
}

}  // namespace

void pack_bf16(const Bf16Plan& plan, const ConvProblem& p, const Constants& constants,
               std::byte* packed) {
  const WeightReader weights(p, constants);
  std::memset(packed, 0, bf16_packed_bytes(plan));
  weights.with_values(
      [&](const auto& read) { pack_weights(plan, p, reinterpret_cast<Bf16Pair*>(packed), read); });
  if (!constants.data[2]) return;
  auto* bias = reinterpret_cast<float*>(packed + bf16_weight_bytes(plan));
  const std::int64_t group_lanes = plan.lane_count / plan.groups;
  for (std::int64_t o = 0; o < p.out_channels; ++o) {
    bias[o / plan.group_outputs * group_lanes + o % plan.group_outputs] =
        WeightReader::at<float>(constants.data[2], o);
  }
}

}  // namespace strata::kernels
