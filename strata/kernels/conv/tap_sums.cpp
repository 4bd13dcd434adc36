#include <algorithm>
#include <vector>

#include "strata/kernels/conv/cost.hpp"
#include "strata/kernels/conv/transposed.hpp"
#include "strata/kernels/conv/weights.hpp"

namespace strata::kernels {
namespace {

/// Inputs [begin, end) of an axis that a tap carries into the output.
struct Inputs {
  std::int64_t begin, end;
};
Inputs carried(const TransposedAxis& axis, std::int64_t tap) {
  const std::int64_t offset = tap * axis.dilation - axis.pad;  // where input 0 goes
  const std::int64_t begin = offset >= 0 ? 0 : (axis.stride - 1 - offset) / axis.stride;
  const std::int64_t room = axis.out - 1 - offset;
  const std::int64_t end = room < 0 ? 0 : std::min(axis.in, room / axis.stride + 1);
  return {std::min(begin, axis.in), end};
}

}  // namespace

TapSumsPlan::TapSumsPlan(const ConvTransposeProblem& p, DirectForm form, VectorForm vector)
    : p_(p), form_(form) {
  conv_.batch = p.batch;
  conv_.channels = p.channels;
  conv_.height = conv_.out_height = p.h.in;
  conv_.width = conv_.out_width = p.w.in;
  conv_.out_channels = p.h.kernel * p.w.kernel * p.out_channels;
  plan_ = plan_direct(conv_, form, vector);
}

std::size_t TapSumsPlan::packed_bytes() const {
  return direct_packed_bytes(plan_, sizeof(float)) + std::size_t(p_.out_channels) * sizeof(float);
}

std::size_t TapSumsPlan::scratch_bytes() const {
  return std::size_t(p_.batch) * std::size_t(plan_.y_image) * sizeof(float);
}

std::int64_t TapSumsPlan::units(int phase) const {
  return phase == 0 ? direct_units(plan_, conv_, 0) : p_.batch * p_.out_channels * p_.h.out;
}

/// The bias is added with the sums, behind what the convolution packs.
void TapSumsPlan::pack(const Constants& constants, std::byte* packed) const {
  const std::int64_t taps = p_.h.kernel * p_.w.kernel;
  std::vector<float> weights(std::size_t(p_.channels * p_.out_channels * taps));
  for (std::int64_t c = 0; c < p_.channels; ++c) {
    for (std::int64_t o = 0; o < p_.out_channels; ++o) {
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        weights[std::size_t((tap * p_.out_channels + o) * p_.channels + c)] =
            WeightReader::at<float>(constants.data[0], (c * p_.out_channels + o) * taps + tap);
      }
    }
  }
  const void* const data[] = {weights.data(), nullptr, nullptr};
  pack_direct(plan_, conv_, form_, {data}, sizeof(float), packed);
  auto* bias = reinterpret_cast<float*>(packed + direct_packed_bytes(plan_, sizeof(float)));
  for (std::int64_t o = 0; o < p_.out_channels; ++o) {
    bias[o] = constants.data[1] ? WeightReader::at<float>(constants.data[1], o) : 0.0f;
  }
}

/// Row `row` of the plain output: what all taps carry there.
void TapSumsPlan::add_row(const float* products, std::int64_t filter, std::int64_t row,
                          float* y) const {
  const std::int64_t pixel =
      form_ == DirectForm::channels_last ? conv_.out_channels : plan_.vector.block;
  const std::int64_t plane = p_.h.in * p_.w.in * pixel;
  for (std::int64_t i = 0; i < p_.h.kernel; ++i) {
    const std::int64_t distance = row + p_.h.pad - i * p_.h.dilation;
    if (distance < 0 || distance % p_.h.stride != 0) continue;
    const std::int64_t in_row = distance / p_.h.stride;
    if (in_row >= p_.h.in) continue;
    for (std::int64_t j = 0; j < p_.w.kernel; ++j) {
      const std::int64_t channel = (i * p_.w.kernel + j) * p_.out_channels + filter;
      const Inputs inputs = carried(p_.w, j);
      const float* from = products + channel / pixel * plane + channel % pixel +
                          (in_row * p_.w.in + inputs.begin) * pixel;
      float* to = y + inputs.begin * p_.w.stride - p_.w.pad + j * p_.w.dilation;
      for (std::int64_t x = inputs.begin; x < inputs.end; ++x) {
        *to += *from;
        to += p_.w.stride;
        from += pixel;
      }
    }
  }
}

void TapSumsPlan::run(const TapKernels& kernels, const Args& args, int phase, std::int64_t begin,
                      std::int64_t end) const {
  auto* products = reinterpret_cast<float*>(args.scratch);
  if (phase == 0) {
    const DirectOperands operands{
        static_cast<const float*>(args.in[0]), nullptr, products, args.packed,
        reinterpret_cast<const float*>(args.packed + direct_weight_bytes(plan_, sizeof(float)))};
    return run_direct_tiles(plan_, kernels.tile, sizeof(float), operands, 1, begin, end);
  }
  const auto* bias =
      reinterpret_cast<const float*>(args.packed + direct_packed_bytes(plan_, sizeof(float)));
  for (std::int64_t u = begin; u < end; ++u) {
    const std::int64_t filter = u / p_.h.out % p_.out_channels;
    float* y = static_cast<float*>(args.out[0]) + u * p_.w.out;
    std::fill_n(y, p_.w.out, bias[filter]);
    add_row(products + u / p_.h.out / p_.out_channels * plan_.y_image, filter, u % p_.h.out, y);
    if (p_.epilogue.activation != Activation::none) kernels.activate(y, p_.w.out, p_.epilogue);
  }
}

double TapSumsPlan::seconds() const {
  constexpr double seconds_per_sum = 0.5e-9;
  const double sums = double(p_.batch * conv_.out_channels) * double(p_.h.in) * double(p_.w.in);
  return direct_cost(plan_, conv_, form_, sizeof(float)).seconds + seconds_per_sum * sums;
}

}  // namespace strata::kernels
