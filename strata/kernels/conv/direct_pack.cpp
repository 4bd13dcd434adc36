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
    case DirectForm::windows: {
      const std::int64_t row = i / channels;
      return {i % channels, row % p.kernel_h, loop[2] + row / p.kernel_h};
    }
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

struct Panel {
  std::int64_t channel;  // the first
  int lanes, valid;
};

template <class F>
void for_each_panel(const DirectPlan& plan, const ConvProblem& p, F&& f) {
  const std::int64_t channels = p.out_channels / p.groups;
  for (std::int64_t u = 0; u < p.groups * plan.panels; ++u) {
    const int panel = int(u % plan.panels);
    const int lanes = (panel + 1 < plan.panels ? 2 : plan.last_vectors) * plan.vector.lanes;
    const std::int64_t first = std::int64_t(panel) * plan.panel_lanes;
    f(Panel{u / plan.panels * channels + first, lanes,
            int(std::min<std::int64_t>(lanes, channels - first))});
  }
}

/// Weights in the order in which tiles read them; lanes without a channel stay 0.
template <class T, class Read>
void pack_weights(const DirectPlan& plan, const ConvProblem& p, DirectForm form, T* to,
                  const Read& read) {
  for_each_panel(plan, p, [&](const Panel& panel) {
    const std::int64_t first = panel.channel * plan.reduction;
    for_each_tap(plan, p, form, [&](const Tap& tap) {
      std::int64_t index = first + (tap.channel * p.kernel_h + tap.row) * p.kernel_w + tap.column;
      for (int lane = 0; lane < panel.valid; ++lane, index += plan.reduction) {
        to[lane] = read(index);
      }
      to += panel.lanes;
    });
  });
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
  std::memset(packed, 0, direct_packed_bytes(plan, element));
  if (element == sizeof(float)) {
    weights.with_values([&](const auto& read) {
      pack_weights(plan, p, form, reinterpret_cast<float*>(packed), read);
    });
  } else if (element == 2) {
    pack_weights(plan, p, form, reinterpret_cast<std::uint16_t*>(packed), [&](std::int64_t i) {
      return WeightReader::at<std::uint16_t>(constants.data[0], i);
    });
  } else {
    pack_weights(plan, p, form, reinterpret_cast<std::int8_t*>(packed), [&](std::int64_t i) {
      return WeightReader::at<std::int8_t>(constants.data[0], i);
    });
  }
  float* bias = reinterpret_cast<float*>(packed + direct_weight_bytes(plan, element));
  float* scale = bias + plan.bias_count;
  for_each_panel(plan, p, [&](const Panel& panel) {
    for (int lane = 0; lane < panel.valid; ++lane) {
      const std::int64_t o = panel.channel + lane;
      if (constants.data[2]) bias[lane] = WeightReader::at<float>(constants.data[2], o);
      if (element == 1) scale[lane] = weights.scale(o);
    }
    bias += panel.lanes;
    scale += panel.lanes;
  });
}

}  // namespace strata::kernels
