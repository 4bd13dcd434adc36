#include "strata/kernels/conv/depthwise.hpp"

#include <algorithm>
#include <cstring>

#include "strata/kernels/conv/weights.hpp"

namespace strata::kernels {
namespace {

/// First channel of a vector.
std::int64_t first_channel(const DepthwisePlan& plan, const ConvProblem& p, int vector) {
  const std::int64_t first = std::int64_t(vector) * plan.lanes;
  if (!plan.channels_last || p.channels < plan.lanes) return first;
  return std::min(first, p.channels - plan.lanes);
}

/// Floats between the start of an image and a channel, given the floats of a plane.
std::ptrdiff_t channel_offset(const DepthwisePlan& plan, int block, std::int64_t channel,
                              std::ptrdiff_t plane) {
  if (plan.channels_last) return channel;
  return channel / block * plane + channel % block;
}

}  // namespace

DepthwisePlan plan_depthwise(const ConvProblem& p, bool channels_last, VectorForm vector) {
  DepthwisePlan plan;
  plan.channels_last = channels_last;
  plan.group = int(p.channels / p.groups);
  plan.lanes = vector.lanes;
  plan.vectors = int((p.channels + vector.lanes - 1) / vector.lanes);
  plan.height = int(p.height);
  plan.width = int(p.width);
  plan.out_height = int(p.out_height);
  plan.out_width = int(p.out_width);
  plan.kernel_h = int(p.kernel_h);
  plan.kernel_w = int(p.kernel_w);
  plan.stride_h = int(p.stride_h);
  plan.stride_w = int(p.stride_w);
  plan.dilation_h = int(p.dilation_h);
  plan.dilation_w = int(p.dilation_w);
  plan.pad_top = int(p.pad_top);
  plan.pad_left = int(p.pad_left);
  plan.epilogue = p.epilogue;
  const std::int64_t blocks = (p.channels + vector.block - 1) / vector.block;
  plan.x_column = plan.y_column = channels_last ? p.channels : vector.block;
  plan.x_row = p.width * plan.x_column;
  plan.y_row = p.out_width * plan.y_column;
  const std::int64_t planes = channels_last ? 1 : blocks;
  plan.x_plane = (p.in_plane_rows > 0 ? p.in_plane_rows : p.height) * plan.x_row;
  plan.y_plane = (p.out_plane_rows > 0 ? p.out_plane_rows : p.out_height) * plan.y_row;
  plan.x_image = planes * plan.x_plane;
  plan.y_image = planes * plan.y_plane;
  const std::int64_t enough_units = is_part(p) ? 1 : 16;  // a part is one worker's
  const std::int64_t others =
      std::max<std::int64_t>(1, p.batch * (channels_last ? 1 : plan.vectors));
  const std::int64_t row_blocks =
      channels_last ? p.out_height : (enough_units + others - 1) / others;
  plan.blocks =
      int(std::clamp<std::int64_t>(row_blocks, 1, std::max<std::int64_t>(1, p.out_height)));
  return plan;
}

std::int64_t depthwise_units(const DepthwisePlan& plan, const ConvProblem& p) {
  return p.batch * plan.blocks * (plan.channels_last ? 1 : plan.vectors);
}

std::size_t depthwise_packed_bytes(const DepthwisePlan& plan) {
  return std::size_t(plan.vectors) * std::size_t(plan.lanes) *
         std::size_t(plan.kernel_h * plan.group * plan.kernel_w + 1) * sizeof(float);
}

void pack_depthwise(const DepthwisePlan& plan, const ConvProblem& p, const Constants& constants,
                    std::byte* packed) {
  const WeightReader weights(p, constants);
  const std::int64_t taps = p.kernel_h * plan.group * p.kernel_w;
  std::memset(packed, 0, depthwise_packed_bytes(plan));
  float* w = reinterpret_cast<float*>(packed);
  float* bias = w + std::int64_t(plan.vectors) * plan.lanes * taps;
  for (int v = 0; v < plan.vectors; ++v) {
    const std::int64_t first = first_channel(plan, p, v);
    const std::int64_t valid = std::min<std::int64_t>(plan.lanes, p.channels - first);
    weights.with_values([&](const auto& read) {
      for (std::int64_t lane = 0; lane < valid; ++lane) {
        float* to = w + v * taps * plan.lanes + lane;
        for (std::int64_t i = 0; i < p.kernel_h; ++i) {
          for (int c = 0; c < plan.group; ++c) {
            const std::int64_t row = ((first + lane) * plan.group + c) * p.kernel_h + i;
            for (std::int64_t j = 0; j < p.kernel_w; ++j, to += plan.lanes) {
              *to = read(row * p.kernel_w + j);
            }
          }
        }
      }
    });
    for (std::int64_t lane = 0; lane < valid && constants.data[2]; ++lane) {
      bias[v * plan.lanes + lane] = WeightReader::at<float>(constants.data[2], first + lane);
    }
  }
}

void run_depthwise(const DepthwisePlan& plan, VectorForm vector, DepthwiseFunction* rows,
                   const Args& args, std::int64_t begin, std::int64_t end) noexcept {
  const ConvProblem& p = *static_cast<const ConvProblem*>(args.problem);
  const std::ptrdiff_t taps =
      std::ptrdiff_t(plan.kernel_h) * plan.group * plan.kernel_w * plan.lanes;
  const float* packed = reinterpret_cast<const float*>(args.packed);
  const auto operands = [&](std::int64_t image, int v) {
    const std::int64_t channel = first_channel(plan, p, v);
    const std::ptrdiff_t y =
        image * plan.y_image + channel_offset(plan, vector.block, channel, plan.y_plane);
    const float* residual =
        p.epilogue.residual ? static_cast<const float*>(args.in[1]) + y : nullptr;
    const float* x = static_cast<const float*>(args.in[0]) + image * plan.x_image +
                     channel_offset(plan, vector.block, channel, plan.x_plane);
    const int lanes = plan.channels_last
                          ? int(std::min<std::int64_t>(plan.lanes, p.channels - channel))
                          : plan.lanes;
    return DepthwiseOperands{x,
                             packed + v * taps,
                             packed + plan.vectors * taps + v * plan.lanes,
                             residual,
                             static_cast<float*>(args.out[0]) + y,
                             lanes};
  };
  const auto row_of = [&](std::int64_t block) {
    return int(std::int64_t(plan.out_height) * block / plan.blocks);
  };
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t block = u % plan.blocks;
    const std::int64_t rest = u / plan.blocks;
    if (!plan.channels_last) {
      rows(plan, operands(rest / plan.vectors, int(rest % plan.vectors)), row_of(block),
           row_of(block + 1));
      continue;
    }
    for (int row = row_of(block); row < row_of(block + 1); ++row) {
      for (int v = 0; v < plan.vectors; ++v) rows(plan, operands(rest, v), row, row + 1);
    }
  }
}

}  // namespace strata::kernels
