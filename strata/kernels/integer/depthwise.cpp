#include <algorithm>
#include <cstring>

#include "strata/kernels/integer/constants.hpp"
#include "strata/kernels/integer/plan.hpp"

namespace strata::kernels {
namespace {

/// Vectors of channels and what is packed of each.
struct Vectors {
  Vectors(const IntegerConvProblem& p, const IntegerKernels& kernels)
      : lanes(2 * kernels.lanes),
        count((p.channels + lanes - 1) / lanes),
        pairs((p.kernel_h + 1) / 2 * p.kernel_w),
        shorts(pairs * 2 * lanes) {}

  /// The last vector overlaps the one before where there is one.
  std::int64_t first_channel(const IntegerConvProblem& p, std::int64_t v) const {
    return p.channels < lanes ? 0 : std::min(v * lanes, p.channels - lanes);
  }
  std::size_t weight_bytes() const { return std::size_t(count * shorts) * 2; }

  std::int64_t lanes, count, pairs, shorts;
};

/// The channel of each place when a vector's shorts, low halves of 128 bits first, then the high
/// ones, are taken apart into Ints.
std::int64_t channel_at(std::int64_t place, std::int64_t lanes) {
  const std::int64_t half = place / (lanes / 2), i = place % (lanes / 2);
  return i / 4 * 8 + half * 4 + i % 4;
}

}  // namespace

std::size_t depthwise_integer_packed_bytes(const IntegerConvProblem& p,
                                           const IntegerKernels& kernels) {
  const Vectors v(p, kernels);
  return v.weight_bytes() + std::size_t(3 * v.count * v.lanes) * 4;
}

void pack_depthwise_integer(const IntegerConvProblem& p, const IntegerKernels& kernels,
                            const Constants& constants, std::byte* packed) {
  const Vectors vectors(p, kernels);
  const IntegerConstants reader(p, constants);
  std::memset(packed, 0, depthwise_integer_packed_bytes(p, kernels));
  auto* w = reinterpret_cast<std::int16_t*>(packed);
  auto* bias = reinterpret_cast<std::int32_t*>(packed + vectors.weight_bytes());
  const std::int64_t all = vectors.count * vectors.lanes;
  for (std::int64_t v = 0; v < vectors.count; ++v) {
    for (std::int64_t place = 0; place < vectors.lanes; ++place) {
      const std::int64_t channel = vectors.first_channel(p, v) + channel_at(place, vectors.lanes);
      if (channel >= p.channels) continue;
      bias[v * vectors.lanes + place] = reader.bias(channel);
      const IntegerRuleOf rule = integer_rule(reader.rescale(channel));
      bias[all + v * vectors.lanes + place] = rule.first;
      bias[2 * all + v * vectors.lanes + place] = rule.second;
      for (std::int64_t i = 0; i < p.kernel_h; ++i) {
        for (std::int64_t j = 0; j < p.kernel_w; ++j) {
          const std::int64_t pair = i / 2 * p.kernel_w + j;
          w[v * vectors.shorts + pair * 2 * vectors.lanes + 2 * place + i % 2] = std::int16_t(
              reader.weight(channel, i * p.kernel_w + j) - reader.weight_zero(channel));
        }
      }
    }
  }
}

std::int64_t depthwise_integer_units(const IntegerConvProblem& p) { return p.batch * p.out_height; }

IntegerDepthwise depthwise_geometry(const IntegerConvProblem& p) {
  IntegerDepthwise d{};
  d.x_column = d.y_column = p.channels;
  d.x_row = p.width * p.channels;
  d.y_row = p.out_width * p.channels;
  d.height = int(p.height);
  d.width = int(p.width);
  d.out_width = int(p.out_width);
  d.kernel_h = int(p.kernel_h);
  d.kernel_w = int(p.kernel_w);
  d.stride_h = int(p.stride_h);
  d.stride_w = int(p.stride_w);
  d.dilation_h = int(p.dilation_h);
  d.dilation_w = int(p.dilation_w);
  d.pad_top = int(p.pad_top);
  d.pad_left = int(p.pad_left);
  d.zero = p.x_zero;
  d.is_signed = p.x_signed;
  d.epilogue = integer_epilogue(p);
  return d;
}

void run_depthwise_integer(const IntegerConvProblem& p, const IntegerKernels& kernels,
                           const Args& args, std::int64_t begin, std::int64_t end) noexcept {
  const Vectors vectors(p, kernels);
  const auto* bias = reinterpret_cast<const std::int32_t*>(args.packed + vectors.weight_bytes());
  const std::int64_t all = vectors.count * vectors.lanes;
  IntegerDepthwise d = depthwise_geometry(p);
  d.lanes = int(std::min(p.channels, vectors.lanes));
  for (std::int64_t u = begin; u < end;) {
    const std::int64_t image = u / p.out_height;
    const std::int64_t row = u % p.out_height;
    for (std::int64_t v = 0; v < vectors.count; ++v) {
      const std::int64_t channel = vectors.first_channel(p, v);
      d.x = static_cast<const std::uint8_t*>(args.in[0]) + image * p.height * d.x_row + channel;
      d.y = static_cast<std::uint8_t*>(args.out[0]) + image * p.out_height * d.y_row + channel;
      d.w = args.packed + 2 * v * vectors.shorts;
      d.bias = bias + v * vectors.lanes;
      d.words = {d.bias + all, d.bias + 2 * all};
      kernels.depthwise(d, int(row), int(row) + 1);
    }
    ++u;
  }
}

}  // namespace strata::kernels
