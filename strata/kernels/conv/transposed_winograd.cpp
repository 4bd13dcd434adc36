#include <algorithm>

#include "strata/kernels/conv/cost.hpp"
#include "strata/kernels/conv/transposed.hpp"

namespace strata::kernels {
namespace {

constexpr std::int64_t window = 2;

std::size_t packed_part_bytes(const WinogradPlan& plan) {
  return (winograd_packed_bytes(plan) + 63) / 64 * 64;
}

}  // namespace

const char* winograd_phases_rejects(const ConvTransposeProblem& p) {
  for (const TransposedAxis& axis : {p.h, p.w}) {
    if (axis.dilation != 1) return "dilated";
    if (axis.kernel != window * axis.stride) return "a phase is no window of 2 x 2";
  }
  return p.groups == 1 ? nullptr : "grouped";
}

WinogradPhasesPlan::Phase WinogradPhasesPlan::part(std::int64_t index) const {
  Phase phase;
  phase.h = axis_phase(p_.h, index / p_.w.stride);
  phase.w = axis_phase(p_.w, index % p_.w.stride);
  ConvProblem& conv = phase.conv;
  conv.batch = p_.batch;
  conv.channels = p_.channels;
  conv.height = p_.h.in;
  conv.width = p_.w.in;
  conv.out_channels = p_.out_channels;
  conv.out_height = phase.h.count;
  conv.out_width = phase.w.count;
  conv.kernel_h = conv.kernel_w = window;
  conv.pad_top = -phase.h.offset;
  conv.pad_left = -phase.w.offset;
  conv.epilogue = p_.epilogue;
  phase.plan = plan_winograd(conv, m_, vector_, {p_.h.out, p_.w.out, p_.h.stride, p_.w.stride});
  return phase;
}

std::int64_t WinogradPhasesPlan::units() const {
  std::int64_t units = 0;
  for (std::int64_t i = 0; i < parts(); ++i) {
    const Phase phase = part(i);
    if (phase.plan.tiles > 0) units += phase.plan.blocks;
  }
  return units;
}

std::size_t WinogradPhasesPlan::worker_scratch_bytes() const {
  std::size_t bytes = 0;
  for (std::int64_t i = 0; i < parts(); ++i) {
    bytes = std::max(bytes, winograd_block_bytes(part(i).plan));
  }
  return bytes;
}

std::size_t WinogradPhasesPlan::packed_bytes() const {
  return std::size_t(parts()) * packed_part_bytes(part(0).plan);
}

void WinogradPhasesPlan::pack(const WinogradKernels& kernels, const Constants& constants,
                              std::byte* packed) const {
  for (std::int64_t i = 0; i < parts(); ++i) {
    const Phase phase = part(i);
    const std::vector<float> taps = phase_taps(p_, phase.h, phase.w, constants);
    const void* const data[] = {taps.data(), nullptr, constants.data[1]};
    pack_winograd(phase.plan, kernels, phase.conv, {data}, packed);
    packed += packed_part_bytes(phase.plan);
  }
}

void WinogradPhasesPlan::run(const WinogradKernels& kernels, FindTile* tile, const Args& args,
                             std::int64_t begin, std::int64_t end) const {
  const float* residual = p_.epilogue.residual ? static_cast<const float*>(args.in[1]) : nullptr;
  const std::byte* packed = args.packed;
  for (std::int64_t i = 0; i < parts() && end > 0; ++i) {
    const Phase phase = part(i);
    const std::int64_t units = phase.plan.tiles > 0 ? phase.plan.blocks : 0;
    if (begin < units) {
      const std::ptrdiff_t first =
          (phase.h.first * p_.w.out + phase.w.first) * std::ptrdiff_t(vector_.block);
      const WinogradOperands operands{phase.conv,
                                      kernels,
                                      tile,
                                      static_cast<const float*>(args.in[0]),
                                      residual ? residual + first : nullptr,
                                      static_cast<float*>(args.out[0]) + first,
                                      packed};
      run_winograd_blocks(phase.plan, operands, reinterpret_cast<float*>(args.worker_scratch),
                          int(begin), int(std::min(end, units)));
    }
    begin = std::max<std::int64_t>(begin - units, 0);
    end -= units;
    packed += packed_part_bytes(phase.plan);
  }
}

double WinogradPhasesPlan::seconds() const {
  double seconds = 0;
  for (std::int64_t i = 0; i < parts(); ++i) {
    const Phase phase = part(i);
    if (phase.plan.tiles > 0) seconds += winograd_cost(phase.plan, phase.conv).seconds;
  }
  return seconds;
}

}  // namespace strata::kernels
