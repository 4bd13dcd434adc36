#include <algorithm>
#include <cstring>

#include "strata/kernels/conv/direct.hpp"
#include "strata/kernels/conv/weights.hpp"

namespace strata::kernels {
namespace {

struct Tap {
  std::int64_t channel, row, column;
};

Tap tap_at(const TileShape& s, const ConvProblem& p, DirectForm form, int block,
           const int (&loop)[3], int i) {
  const std::int64_t channels = p.channels / p.groups;
  switch (form) {
    case DirectForm::blocked:
      return {std::int64_t(loop[0]) * block + i, loop[1], loop[2]};
    case DirectForm::channels_last:
      return {i % channels, loop[1], loop[2] + i / channels};
    case DirectForm::stem:
      break;
  }
  return {loop[0], loop[1], s.count[2] == 1 ? i : loop[2]};
}

/// Calls f(tap) for each step of the reduction, in order.
template <class F>
void for_each_tap(const DirectPlan& plan, const ConvProblem& p, DirectForm form, F&& f) {
  const TileShape& s = plan.shape;
  int loop[3];
  for (loop[0] = 0; loop[0] < s.count[0]; ++loop[0]) {
    const int inner = loop[0] + 1 < s.count[0] ? s.inner : s.last_inner;
    for (loop[1] = 0; loop[1] < s.count[1]; ++loop[1]) {
      for (loop[2] = 0; loop[2] < s.count[2]; ++loop[2]) {
        for (int i = 0; i < inner; ++i) f(tap_at(s, p, form, plan.vector.block, loop, i));
      }
    }
  }
}

}  // namespace

std::size_t direct_packed_bytes(const DirectPlan& plan, std::size_t element) {
  const std::size_t vectors_of_floats = element == 1 ? 2 : 1;  // bias, and scales if kept
  return direct_weight_bytes(plan, element) +
         vectors_of_floats * std::size_t(plan.bias_count) * sizeof(float);
}

void pack_direct(const DirectPlan& plan, const ConvProblem& p, DirectForm form,
                 const Constants& constants, std::size_t element, std::byte* packed) {
  const WeightReader weights(p, constants);
  const std::byte* stored = static_cast<const std::byte*>(constants.data[0]);
  const std::int64_t channels = p.out_channels / p.groups;
  std::memset(packed, 0, direct_packed_bytes(plan, element));
  std::byte* to = packed;
  float* bias = reinterpret_cast<float*>(packed + direct_weight_bytes(plan, element));
  float* scale = bias + plan.bias_count;
  for (std::int64_t u = 0; u < p.groups * plan.panels; ++u) {
    const int panel = int(u % plan.panels);
    const int lanes = (panel + 1 < plan.panels ? 2 : plan.last_vectors) * plan.vector.lanes;
    const std::int64_t first = std::int64_t(panel) * plan.panel_lanes;
    const std::int64_t o = u / plan.panels * channels + first;
    const int valid = int(std::min<std::int64_t>(lanes, channels - first));
    for_each_tap(plan, p, form, [&](const Tap& tap) {
      const std::int64_t at = (tap.channel * p.kernel_h + tap.row) * p.kernel_w + tap.column;
      for (int lane = 0; lane < valid; ++lane) {
        const std::int64_t index = (o + lane) * plan.reduction + at;
        if (element == sizeof(float)) {
          reinterpret_cast<float*>(to)[lane] = weights[index];
        } else {
          std::memcpy(to + std::size_t(lane) * element, stored + std::size_t(index) * element,
                      element);
        }
      }
      to += std::size_t(lanes) * element;
    });
    for (int lane = 0; lane < valid; ++lane) {
      if (constants.data[2]) bias[lane] = WeightReader::at<float>(constants.data[2], o + lane);
      if (element == 1) scale[lane] = weights.scale(o + lane);
    }
    bias += lanes;
    scale += lanes;
  }
}

}  // namespace strata::kernels
