#include <array>

#include "strata/kernels/built.hpp"
#include "strata/kernels/conv/transposed.hpp"
#include "strata/kernels/row_of.hpp"

namespace strata::kernels {
namespace {

const ConvTransposeProblem& transposed(const Problem& problem) {
  return static_cast<const ConvTransposeProblem&>(problem);
}

const char* rejects_any(const ConvTransposeProblem& p) {
  return transposed_rejects(p.batch, p.channels, p.out_channels, p.groups, p.h, p.w);
}

/// What packing depends on besides the weights.
std::uint64_t packed_form(const Problem& problem) {
  const ConvTransposeProblem& p = transposed(problem);
  std::uint64_t form = std::uint64_t(p.groups);
  for (const TransposedAxis& axis : {p.h, p.w}) {
    for (const std::int64_t value : {axis.stride, axis.dilation, axis.pad}) {
      form = form * 0x9e3779b97f4a7c15u + std::uint64_t(value);
    }
  }
  return form;
}

/// The functions of a row that runs one convolution per phase.
template <bool Spread, DirectForm Form, const VectorForm& Vector>
struct Phases {
  static TransposedPlan plan(const Problem& problem) {
    return {transposed(problem), Spread, Form, Vector};
  }

  static const char* rejects(const Problem& problem) {
    const ConvTransposeProblem& p = transposed(problem);
    if (const char* reason = rejects_any(p)) return reason;
    if (Spread) {
      if (const char* reason = spread_rejects(p.h, p.w)) return reason;
    }
    if (Form == DirectForm::blocked && p.groups > 1 &&
        (p.channels / p.groups % Vector.block != 0 ||
         p.out_channels / p.groups % Vector.block != 0)) {
      return "channels of a group are no multiple of the layout's block";
    }
    return nullptr;
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    const Layout layout = Form == DirectForm::channels_last ? channels_last_layout
                                                            : channel_blocked_layout(Vector.block);
    OperandLayouts option{{layout}, {layout}};
    if (transposed(problem).epilogue.residual) option.in.push_back(layout);
    options.push_back(option);
  }
};

/// What a row for few output channels says for itself.
template <DirectForm Form, const VectorForm& Vector>
struct Taps {
  static TapSumsPlan plan(const Problem& problem) { return {transposed(problem), Form, Vector}; }

  static const char* rejects(const Problem& problem) {
    constexpr std::int64_t most_products = 256;
    const ConvTransposeProblem& p = transposed(problem);
    if (const char* reason = rejects_any(p)) return reason;
    if (p.groups > 1) return "grouped";
    if (p.epilogue.residual) return "adds a residual";
    if (p.h.kernel * p.w.kernel * p.out_channels > most_products) return "many channels";
    return nullptr;
  }

  static void layouts(const Problem&, std::vector<OperandLayouts>& options) {
    options.push_back({{Form == DirectForm::channels_last ? channels_last_layout
                                                          : channel_blocked_layout(Vector.block)},
                       {plain_layout}});
  }
};

/// The row of Functions, which say what to reject, the layouts and the plan.
template <const TapKernels& Kernels, class Functions>
struct Planned : Functions {
  using Functions::plan;

  static CostEstimate cost(const Problem& problem, const Machine&) {
    return {plan(problem).seconds()};
  }
  static std::size_t packed_bytes(const Problem& problem) { return plan(problem).packed_bytes(); }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    plan(problem).pack(constants, packed);
  }
  static std::size_t scratch_bytes(const Problem& problem) { return plan(problem).scratch_bytes(); }
  static int phases(const Problem& problem) { return plan(problem).phases(); }
  static std::int64_t units(const Problem& problem, int phase) {
    return plan(problem).units(phase);
  }
  static const char* run(const Args& args, int phase, std::int64_t begin,
                         std::int64_t end) noexcept {
    plan(*args.problem).run(Kernels, args, phase, begin, end);
    return nullptr;
  }
};

/// The functions of a row by F(M x M, 2 x 2).
template <int M, const VectorForm& Vector, const WinogradKernels& Kernels, FindTile* Find>
struct WinogradPhases {
  static WinogradPhasesPlan plan(const Problem& problem) {
    return {transposed(problem), M, Vector};
  }

  static const char* rejects(const Problem& problem) {
    const ConvTransposeProblem& p = transposed(problem);
    if (const char* reason = rejects_any(p)) return reason;
    return winograd_phases_rejects(p);
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    Phases<false, DirectForm::blocked, Vector>::layouts(problem, options);
  }
  static CostEstimate cost(const Problem& problem, const Machine&) {
    return {plan(problem).seconds()};
  }
  static std::size_t packed_bytes(const Problem& problem) { return plan(problem).packed_bytes(); }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    plan(problem).pack(Kernels, constants, packed);
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) {
    return plan(problem).worker_scratch_bytes();
  }
  static std::int64_t units(const Problem& problem, int) { return plan(problem).units(); }
  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    plan(*args.problem).run(Kernels, Find, args, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<WinogradPhases>(name, ProblemKind::conv_transpose, isa);
    row.packed_form = packed_form;
    row.rounding = winograd_rounding(M, 2);
    return row;
  }
};

template <const TapKernels& Kernels, class Form>
constexpr Row row(std::string_view name, Isa isa) {
  Row row = row_of<Planned<Kernels, Form>>(name, ProblemKind::conv_transpose, isa);
  row.packed_form = packed_form;
  return row;
}

constexpr TapKernels avx512_kernels{avx512::f32_tile, avx512::activate_row};
constexpr TapKernels avx2_kernels{avx2::f32_tile, avx2::activate_row};
constexpr TapKernels baseline_kernels{baseline::f32_tile, baseline::activate_row};

constexpr auto blocked = DirectForm::blocked;
constexpr auto last = DirectForm::channels_last;

constexpr std::array rows{
    row<avx512_kernels, Taps<blocked, avx512_form>>("convtranspose_f32_taps_nchwc_avx512",
                                                    Isa::avx512),
    row<avx512_kernels, Taps<last, avx512_form>>("convtranspose_f32_taps_nhwc_avx512", Isa::avx512),
    row<avx512_kernels, Phases<true, blocked, avx512_form>>("convtranspose_f32_spread_nchwc_avx512",
                                                            Isa::avx512),
    WinogradPhases<4, avx512_form, avx512::winograd4_taps2, avx512::f32_tile>::row(
        "convtranspose_f32_wino4_nchwc_avx512", Isa::avx512),
    WinogradPhases<2, avx512_form, avx512::winograd2_taps2, avx512::f32_tile>::row(
        "convtranspose_f32_wino2_nchwc_avx512", Isa::avx512),
    row<avx512_kernels, Phases<false, blocked, avx512_form>>(
        "convtranspose_f32_phases_nchwc_avx512", Isa::avx512),
    row<avx512_kernels, Phases<false, last, avx512_form>>("convtranspose_f32_phases_nhwc_avx512",
                                                          Isa::avx512),
    row<avx2_kernels, Taps<blocked, avx2_form>>("convtranspose_f32_taps_nchwc_avx2", Isa::avx2),
    row<avx2_kernels, Taps<last, avx2_form>>("convtranspose_f32_taps_nhwc_avx2", Isa::avx2),
    row<avx2_kernels, Phases<true, blocked, avx2_form>>("convtranspose_f32_spread_nchwc_avx2",
                                                        Isa::avx2),
    WinogradPhases<4, avx2_form, avx2::winograd4_taps2, avx2::f32_tile>::row(
        "convtranspose_f32_wino4_nchwc_avx2", Isa::avx2),
    WinogradPhases<2, avx2_form, avx2::winograd2_taps2, avx2::f32_tile>::row(
        "convtranspose_f32_wino2_nchwc_avx2", Isa::avx2),
    row<avx2_kernels, Phases<false, blocked, avx2_form>>("convtranspose_f32_phases_nchwc_avx2",
                                                         Isa::avx2),
    row<avx2_kernels, Phases<false, last, avx2_form>>("convtranspose_f32_phases_nhwc_avx2",
                                                      Isa::avx2),
    row<baseline_kernels, Taps<blocked, baseline_form>>("convtranspose_f32_taps_nchwc_baseline",
                                                        Isa::baseline),
    row<baseline_kernels, Phases<true, blocked, baseline_form>>(
        "convtranspose_f32_spread_nchwc_baseline", Isa::baseline),
    row<baseline_kernels, Phases<false, blocked, baseline_form>>(
        "convtranspose_f32_phases_nchwc_baseline", Isa::baseline),
    row<baseline_kernels, Phases<false, last, baseline_form>>(
        "convtranspose_f32_phases_nhwc_baseline", Isa::baseline),
};

}  // namespace

std::span<const Row> conv_transpose_rows() { return built_rows<rows>; }

}  // namespace strata::kernels
