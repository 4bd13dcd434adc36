#include <algorithm>
#include <cstring>

#include "strata/kernels/integer/constants.hpp"
#include "strata/kernels/integer/plan.hpp"

namespace strata::kernels {
namespace {

/// Channels that are computed together.
struct Part {
  std::int64_t first, lanes;  ///< 32 or 64 lanes; fewer channels only if there are no more
  std::int64_t before;        ///< lanes of the parts before

  std::int64_t channel_at(std::int64_t place) const {
    const std::int64_t words = lanes / 4;
    return first + place % words / 4 * 16 + place / words * 4 + place % 4;
  }
};

/// The last part overlaps the one before where its lanes are more than the channels that are left.
template <class F>
std::int64_t for_each_part(const IntegerConvProblem& p, F&& f) {
  std::int64_t before = 0;
  for (std::int64_t channel = 0; channel < p.channels;) {
    const std::int64_t left = p.channels - channel;
    const std::int64_t lanes = left > 32 ? 64 : 32;
    const std::int64_t first = p.channels < lanes ? 0 : std::min(channel, p.channels - lanes);
    f(Part{first, lanes, before});
    before += lanes;
    channel += lanes;
  }
  return before;
}
std::int64_t lanes_of(const IntegerConvProblem& p) {
  return for_each_part(p, [](const Part&) {});
}

/// Weights per lane: a word for each of three columns.
constexpr std::int64_t weight_bytes = 12;

}  // namespace

std::size_t depthwise3_packed_bytes(const IntegerConvProblem& p) {
  return std::size_t(lanes_of(p) * (weight_bytes + 2 * 4));
}

void pack_depthwise3(const IntegerConvProblem& p, const Constants& constants, std::byte* packed) {
  const IntegerConstants reader(p, constants);
  std::memset(packed, 0, depthwise3_packed_bytes(p));
  const std::int64_t count = lanes_of(p);
  auto* bias = reinterpret_cast<std::int32_t*>(packed + count * weight_bytes);
  const auto x_zero = std::uint32_t(p.x_zero + (p.x_signed ? 128 : 0));
  for_each_part(p, [&](const Part& part) {
    for (std::int64_t place = 0; place < part.lanes; ++place) {
      const std::int64_t channel = part.channel_at(place);
      if (channel >= p.channels) continue;
      std::byte* to = packed + part.before * weight_bytes + 4 * place;
      std::uint32_t sum = 0;
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const std::int32_t w = reader.weight(channel, tap) - reader.weight_zero(channel);
        to[tap % 3 * part.lanes * 4 + tap / 3] = std::byte(w);
        sum += std::uint32_t(w);
      }
      const std::int64_t at = part.before + place;
      bias[at] = std::int32_t(std::uint32_t(reader.bias(channel)) - x_zero * sum);
      bias[count + at] = integer_rule(reader.rescale(channel)).first;
    }
  });
}

void run_depthwise3(const IntegerConvProblem& p, const IntegerKernels& kernels, const Args& args,
                    std::int64_t begin, std::int64_t end) noexcept {
  const std::int64_t count = lanes_of(p);
  const auto* bias = reinterpret_cast<const std::int32_t*>(args.packed + count * weight_bytes);
  IntegerDepthwise d = depthwise_geometry(p);
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t image = u / p.out_height;
    for_each_part(p, [&](const Part& part) {
      d.lanes = int(std::min(p.channels, part.lanes));
      d.x = static_cast<const std::uint8_t*>(args.in[0]) + image * p.height * d.x_row + part.first;
      d.y = static_cast<std::uint8_t*>(args.out[0]) + image * p.out_height * d.y_row + part.first;
      d.w = args.packed + part.before * weight_bytes;
      d.bias = bias + part.before;
      d.words = {d.bias + count, nullptr};
      kernels.depthwise3(d, int(u % p.out_height));
    });
  }
}

}  // namespace strata::kernels
