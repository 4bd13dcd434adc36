#include <algorithm>
#include <vector>

#include "strata/kernels/conv/cost.hpp"
#include "strata/kernels/conv/transposed.hpp"
#include "strata/kernels/conv/weights.hpp"

namespace strata::kernels {
namespace {

/// Inputs, relative to o / stride, that outputs o of an axis read: from `first` to `last`.
struct Reach {
  std::int64_t first, last;
};
Reach reach_of(const TransposedAxis& axis) {
  // Far enough from the first output for o + pad - k to be positive, so that division rounds down.
  const std::int64_t steps = axis.kernel;
  const auto input = [&](std::int64_t o, std::int64_t k) {
    return (o + steps * axis.stride + axis.pad - k) / axis.stride - steps;
  };
  Reach reach{axis.kernel, -axis.kernel};
  for (std::int64_t o = 0; o < axis.stride; ++o) {
    for (std::int64_t k = 0; k < axis.kernel; ++k) {
      if ((o + axis.pad - k + steps * axis.stride) % axis.stride != 0) continue;
      reach.first = std::min(reach.first, input(o, k));
      reach.last = std::max(reach.last, input(o, k));
    }
  }
  return reach;
}

/// The tap that carries input o / stride + i to output o, for o < stride.
std::int64_t tap_between(const TransposedAxis& axis, std::int64_t o, std::int64_t i) {
  return o + axis.pad - i * axis.stride;
}

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

}  // namespace

SubPixelPlan::SubPixelPlan(const ConvTransposeProblem& p, DirectForm form, VectorForm vector)
    : p_(p), form_(form) {
  const Reach h = reach_of(p.h), w = reach_of(p.w);
  conv_.batch = p.batch;
  conv_.channels = p.channels;
  conv_.height = p.h.in;
  conv_.width = p.w.in;
  conv_.out_channels = p.h.stride * p.w.stride * p.out_channels;
  conv_.out_height = divide_up(p.h.out, p.h.stride);
  conv_.out_width = divide_up(p.w.out, p.w.stride);
  conv_.kernel_h = h.last - h.first + 1;
  conv_.kernel_w = w.last - w.first + 1;
  conv_.pad_top = -h.first;
  conv_.pad_left = -w.first;
  conv_.epilogue = p.epilogue;
  plan_ = plan_direct(conv_, form, vector);
}

std::size_t SubPixelPlan::scratch_bytes() const {
  const std::size_t pixels = std::size_t(conv_.batch) * std::size_t(plan_.y_image) * sizeof(float);
  return direct_scratch_bytes(plan_) + pixels;
}

std::int64_t SubPixelPlan::units(int phase) const {
  if (phase + 1 == phases()) return p_.batch * p_.out_channels * p_.h.out;
  return direct_units(plan_, conv_, phase);
}

void SubPixelPlan::pack(const Constants& constants, std::byte* packed) const {
  const Reach h = reach_of(p_.h), w = reach_of(p_.w);
  std::vector<float> weights, bias;
  for (std::int64_t o = 0; o < conv_.out_channels; ++o) {
    const std::int64_t filter = o % p_.out_channels;
    const std::int64_t column = o / p_.out_channels % p_.w.stride;
    const std::int64_t row = o / p_.out_channels / p_.w.stride;
    if (constants.data[1]) bias.push_back(WeightReader::at<float>(constants.data[1], filter));
    for (std::int64_t c = 0; c < p_.channels; ++c) {
      for (std::int64_t i = h.first; i <= h.last; ++i) {
        for (std::int64_t j = w.first; j <= w.last; ++j) {
          const std::int64_t y = tap_between(p_.h, row, i), x = tap_between(p_.w, column, j);
          const bool exists = y >= 0 && y < p_.h.kernel && x >= 0 && x < p_.w.kernel;
          const std::int64_t plane = c * p_.out_channels + filter;
          weights.push_back(
              exists ? WeightReader::at<float>(constants.data[0],
                                               (plane * p_.h.kernel + y) * p_.w.kernel + x)
                     : 0.0f);
        }
      }
    }
  }
  const void* const data[] = {weights.data(), nullptr, bias.empty() ? nullptr : bias.data()};
  pack_direct(plan_, conv_, form_, {data}, sizeof(float), packed);
}

/// Rows [begin, end) of the plain output.
void SubPixelPlan::shuffle(const float* pixels, float* y, std::int64_t begin,
                           std::int64_t end) const {
  const std::int64_t block =
      form_ == DirectForm::channels_last ? conv_.out_channels : plan_.vector.block;
  const std::int64_t plane = conv_.out_height * conv_.out_width * block;
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t row = u % p_.h.out;
    const std::int64_t filter = u / p_.h.out % p_.out_channels;
    const float* image = pixels + u / p_.h.out / p_.out_channels * plan_.y_image +
                         row / p_.h.stride * conv_.out_width * block;
    float* to = y + u * p_.w.out;
    for (std::int64_t phase = 0; phase < std::min(p_.w.stride, p_.w.out); ++phase) {
      const std::int64_t channel =
          (row % p_.h.stride * p_.w.stride + phase) * p_.out_channels + filter;
      const float* from = image + channel / block * plane + channel % block;
      for (std::int64_t x = phase; x < p_.w.out; x += p_.w.stride, from += block) to[x] = *from;
    }
  }
}

void SubPixelPlan::run(FindTile* find, const Args& args, int phase, std::int64_t begin,
                       std::int64_t end) const {
  auto* padded = reinterpret_cast<float*>(args.scratch);
  auto* pixels = reinterpret_cast<float*>(args.scratch + direct_scratch_bytes(plan_));
  const auto* x = static_cast<const float*>(args.in[0]);
  if (phase + 1 == phases()) return shuffle(pixels, static_cast<float*>(args.out[0]), begin, end);
  if (plan_.padded && phase == 0) return copy_padded(plan_, conv_, x, padded, begin, end);
  const DirectOperands operands{
      plan_.padded ? padded : x, nullptr, pixels, args.packed,
      reinterpret_cast<const float*>(args.packed + direct_weight_bytes(plan_, sizeof(float)))};
  run_direct_tiles(plan_, find, sizeof(float), operands, 1, begin, end);
}

double SubPixelPlan::seconds() const {
  constexpr double seconds_per_pixel = 1.2e-9;  // of the shuffle
  const double pixels = double(p_.batch * p_.out_channels) * double(p_.h.out * p_.w.out);
  return direct_cost(plan_, conv_, form_, sizeof(float)).seconds + seconds_per_pixel * pixels;
}

}  // namespace strata::kernels
