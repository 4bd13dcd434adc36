#include "strata/kernels/conv/transposed.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "strata/kernels/conv/cost.hpp"
#include "strata/kernels/conv/weights.hpp"

namespace strata::kernels {
namespace {

constexpr std::int64_t modulo(std::int64_t a, std::int64_t b) { return ((a % b) + b) % b; }

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

constexpr std::int64_t most_phases = 1024;

bool fits_int(const TransposedAxis& axis) {
  constexpr std::int64_t most = 1 << 24;
  for (const std::int64_t size : {axis.in, axis.out, axis.kernel, axis.stride, axis.dilation}) {
    if (size >= most) return false;
  }
  return axis.pad >= 0 && axis.pad < most;
}

/// The input as the copy that phases read takes it.
ConvProblem source_of(const ConvTransposeProblem& p, const AxisPadding& h, const AxisPadding& w) {
  ConvProblem conv;
  conv.batch = p.batch;
  conv.channels = p.channels;
  conv.height = p.h.in;
  conv.width = p.w.in;
  conv.pad_top = h.before;
  conv.pad_left = w.before;
  // A window as large as the copy: what it reads is what is copied.
  conv.kernel_h = h.before + p.h.in + h.after;
  conv.kernel_w = w.before + p.w.in + w.after;
  conv.out_height = conv.out_width = 1;
  conv.out_channels = p.out_channels;
  conv.groups = p.groups;
  return conv;
}

}  // namespace

const char* transposed_rejects(std::int64_t batch, std::int64_t channels, std::int64_t out_channels,
                               std::int64_t groups, const TransposedAxis& h,
                               const TransposedAxis& w) {
  constexpr double most = 1 << 30;
  constexpr std::int64_t lanes = 32;
  const auto padded = [](const TransposedAxis& axis) {
    return double(axis.in) + 2.0 * double(axis.kernel * axis.dilation);
  };
  if (!fits_int(h) || !fits_int(w)) return "an extent beyond 2^24, or negative padding";
  const double in = double(batch) * double(channels + lanes * groups) * padded(h) * padded(w);
  const double out = double(batch) * double(out_channels + lanes * groups) * double(h.out * w.out);
  const double weights =
      double(channels) * double(h.kernel * w.kernel) * double(out_channels + lanes * groups);
  if (in >= most || out >= most || weights >= most) return "a size beyond 2^30";
  return h.stride * w.stride > most_phases ? "more than 1024 phases" : nullptr;
}

const char* spread_rejects(const TransposedAxis& h, const TransposedAxis& w) {
  if (h.in != 1 || w.in != 1) return "more than one input position";
  return spread(h).stride * spread(w).stride > most_phases ? "more than 1024 outputs" : nullptr;
}

TransposedAxis spread(const TransposedAxis& axis) {
  TransposedAxis wide = axis;
  wide.stride = (axis.kernel - 1) * axis.dilation + 1;
  return wide;
}

AxisPhase axis_phase(const TransposedAxis& axis, std::int64_t residue) {
  AxisPhase phase;
  phase.first = modulo(residue - axis.pad, axis.stride);
  phase.count =
      axis.out > phase.first ? (axis.out - phase.first + axis.stride - 1) / axis.stride : 0;
  const std::int64_t divisor = std::gcd(axis.stride, axis.dilation);
  phase.tap_step = axis.stride / divisor;
  phase.dilation = axis.dilation / divisor;
  if (residue % divisor != 0) return phase;
  std::int64_t lowest = 0;
  while (lowest * axis.dilation % axis.stride != residue) ++lowest;
  if (lowest >= axis.kernel) return phase;
  phase.taps = (axis.kernel - 1 - lowest) / phase.tap_step + 1;
  phase.tap = lowest + (phase.taps - 1) * phase.tap_step;
  phase.offset = (phase.first + axis.pad - phase.tap * axis.dilation) / axis.stride;
  return phase;
}

AxisPadding axis_padding(const TransposedAxis& axis) {
  AxisPadding padding;
  for (std::int64_t residue = 0; residue < axis.stride; ++residue) {
    const AxisPhase phase = axis_phase(axis, residue);
    if (phase.count == 0 || phase.taps == 0) continue;
    const std::int64_t last = phase.offset + phase.count - 1 + (phase.taps - 1) * phase.dilation;
    padding.before = std::max(padding.before, -phase.offset);
    padding.after = std::max(padding.after, last - (axis.in - 1));
  }
  return padding;
}

std::vector<float> phase_taps(const ConvTransposeProblem& p, const AxisPhase& h, const AxisPhase& w,
                              const Constants& constants) {
  const std::int64_t channels = p.channels / p.groups, filters = p.out_channels / p.groups;
  std::vector<float> taps;
  taps.reserve(std::size_t(p.out_channels * channels * h.taps * w.taps));
  for (std::int64_t o = 0; o < p.out_channels; ++o) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::int64_t plane = (o / filters * channels + c) * filters + o % filters;
      for (std::int64_t i = 0; i < h.taps; ++i) {
        const std::int64_t row = plane * p.h.kernel + h.tap - i * h.tap_step;
        for (std::int64_t j = 0; j < w.taps; ++j) {
          const std::int64_t at = row * p.w.kernel + w.tap - j * w.tap_step;
          taps.push_back(WeightReader::at<float>(constants.data[0], at));
        }
      }
    }
  }
  return taps;
}

TransposedPlan::TransposedPlan(const ConvTransposeProblem& p, bool spread, DirectForm form,
                               VectorForm vector)
    : p_(p),
      h_(spread ? kernels::spread(p.h) : p.h),
      w_(spread ? kernels::spread(p.w) : p.w),
      form_(form),
      vector_(vector),
      pad_h_(axis_padding(h_)),
      pad_w_(axis_padding(w_)),
      source_(source_of(p, pad_h_, pad_w_)),
      frame_(plan_direct(source_, form, vector)) {}

TransposedPhase TransposedPlan::part(std::int64_t index) const {
  TransposedPhase phase;
  phase.h = axis_phase(h_, index / w_.stride);
  phase.w = axis_phase(w_, index % w_.stride);
  ConvProblem& conv = phase.conv;
  conv.batch = p_.batch;
  conv.channels = p_.channels;
  conv.out_channels = p_.out_channels;
  conv.groups = p_.groups;
  conv.height = frame_.padded_height;
  conv.width = frame_.padded_width;
  conv.out_height = phase.h.count;
  conv.out_width = phase.w.count;
  conv.kernel_h = phase.w.taps == 0 ? 0 : phase.h.taps;
  conv.kernel_w = phase.h.taps == 0 ? 0 : phase.w.taps;
  conv.dilation_h = phase.h.dilation;
  conv.dilation_w = phase.w.dilation;
  conv.epilogue = p_.epilogue;
  phase.plan = plan_direct(conv, form_, vector_, {h_.out, w_.out, h_.stride, w_.stride});
  const std::ptrdiff_t pixel = phase.plan.copy_unit;
  phase.x_first =
      conv.kernel_h == 0
          ? 0
          : ((phase.h.offset + pad_h_.before) * conv.width + phase.w.offset + pad_w_.before) *
                pixel;
  phase.y_first = (phase.h.first * w_.out + phase.w.first) *
                  (form_ == DirectForm::channels_last ? p_.out_channels : vector_.block);
  return phase;
}

std::int64_t TransposedPlan::units(int run_phase) const {
  if (frame_.padded && run_phase == 0) return std::int64_t(frame_.copies) * frame_.padded_height;
  std::int64_t units = 0;
  for (std::int64_t i = 0; i < parts(); ++i) {
    const TransposedPhase phase = part(i);
    units += direct_units(phase.plan, phase.conv, 0);
  }
  return units;
}

std::size_t TransposedPlan::packed_bytes() const {
  std::size_t bytes = 0;
  for (std::int64_t i = 0; i < parts(); ++i) {
    bytes += round_up(direct_packed_bytes(part(i).plan, sizeof(float)));
  }
  return bytes;
}

void TransposedPlan::pack(const Constants& constants, std::byte* packed) const {
  for (std::int64_t i = 0; i < parts(); ++i) {
    const TransposedPhase phase = part(i);
    const std::vector<float> taps = phase_taps(p_, phase.h, phase.w, constants);
    const void* const data[] = {taps.data(), nullptr, constants.data[1]};
    pack_direct(phase.plan, phase.conv, form_, {data}, sizeof(float), packed);
    packed += round_up(direct_packed_bytes(phase.plan, sizeof(float)));
  }
}

void TransposedPlan::run(const TapKernels& kernels, const Args& args, int run_phase,
                         std::int64_t begin, std::int64_t end) const {
  const float* x = static_cast<const float*>(args.in[0]);
  if (frame_.padded) {
    float* padded = reinterpret_cast<float*>(args.scratch);
    if (run_phase == 0) return copy_padded(frame_, source_, x, padded, begin, end);
    x = padded;
  }
  const std::byte* packed = args.packed;
  for (std::int64_t i = 0; i < parts() && end > 0; ++i) {
    const TransposedPhase phase = part(i);
    const std::int64_t units = direct_units(phase.plan, phase.conv, 0);
    if (begin < units) {
      const DirectOperands operands{
          x + phase.x_first,
          p_.epilogue.residual ? static_cast<const float*>(args.in[1]) + phase.y_first : nullptr,
          static_cast<float*>(args.out[0]) + phase.y_first, packed,
          reinterpret_cast<const float*>(packed + direct_weight_bytes(phase.plan, sizeof(float)))};
      run_direct_tiles(phase.plan, kernels.tile, sizeof(float), operands, p_.groups, begin,
                       std::min(end, units));
    }
    begin = std::max<std::int64_t>(begin - units, 0);
    end -= units;
    packed += round_up(direct_packed_bytes(phase.plan, sizeof(float)));
  }
}

double TransposedPlan::seconds() const {
  double seconds = 0;
  for (std::int64_t i = 0; i < parts(); ++i) {
    const TransposedPhase phase = part(i);
    if (phase.h.count * phase.w.count == 0) continue;
    seconds += direct_cost(phase.plan, phase.conv, form_, sizeof(float)).seconds;
  }
  return seconds;
}

}  // namespace strata::kernels
