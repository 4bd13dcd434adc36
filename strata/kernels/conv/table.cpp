#include <array>

#include "strata/kernels/built.hpp"
#include "strata/kernels/conv/bf16.hpp"
#include "strata/kernels/conv/cost.hpp"
#include "strata/kernels/row_of.hpp"

namespace strata::kernels {
namespace {

const ConvProblem& conv(const Problem& problem) { return static_cast<const ConvProblem&>(problem); }

/// One constant may be the weights of convolutions with other numbers of groups.
std::uint64_t packed_form(const Problem& problem) { return std::uint64_t(conv(problem).groups); }

}  // namespace

bool fits_int(const ConvProblem& p) {
  constexpr double most = 2147483647.0;
  const double padded = double(p.height + p.pad_top + p.pad_bottom) *
                        double(p.width + p.pad_left + p.pad_right) * double(p.channels + 16);
  const double out =
      double(p.out_height) * double(p.out_width) * double(p.out_channels + 16 * p.groups);
  const double weights = double(p.channels) * double(p.kernel_h) * double(p.kernel_w) *
                         double(p.out_channels + 32 * p.groups);
  for (const std::int64_t size : {p.kernel_h, p.kernel_w, p.stride_h, p.stride_w, p.dilation_h,
                                  p.dilation_w, p.pad_top, p.pad_left, p.pad_bottom, p.pad_right}) {
    if (double(size) >= most) return false;
  }
  return double(p.batch) * padded < most && double(p.batch) * out < most && weights < most;
}

namespace {

/// The copy has kernel_h pixels for each of a row.
bool fits_im2win(const ConvProblem& p) {
  ConvProblem copied = p;
  copied.channels *= p.kernel_h;
  return fits_int(p) && fits_int(copied);
}

/// One layout for all operands.
void offer(const Layout& layout, const Problem& problem, std::vector<OperandLayouts>& options) {
  OperandLayouts option{{layout}, {layout}};
  if (conv(problem).epilogue.residual) option.in.push_back(layout);
  options.push_back(option);
}

/// The functions of a direct row.
template <DirectForm Form, const VectorForm& Vector, std::size_t Element, FindTile* Find>
struct Direct {
  static DirectPlan plan(const Problem& problem) {
    return plan_direct(conv(problem), Form, Vector);
  }

  static const char* rejects(const Problem& problem) {
    const ConvProblem& p = conv(problem);
    if (!p.constant_weights) return "weights are not constant";
    if (!fits_int(p)) return "a size beyond 2^31";
    if (p.pad_top < 0 || p.pad_left < 0) return "negative padding";
    if (Element == 2 && p.weights != WeightType::f16) return "weights are not f16";
    if (Element == 1 && p.weights != WeightType::i8_tensor && p.weights != WeightType::i8_channel) {
      return "weights are not i8";
    }
    if (is_part(p) && Form == DirectForm::channels_last) return "a part";
    if (Form == DirectForm::stem && p.groups > 1) return "grouped";
    if (Form == DirectForm::stem && p.channels >= 16) return "16 or more input channels";
    if (Form == DirectForm::blocked && p.groups > 1 &&
        (p.channels / p.groups % Vector.block != 0 ||
         p.out_channels / p.groups % Vector.block != 0)) {
      return "channels of a group are no multiple of the layout's block";
    }
    return nullptr;
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    const Layout blocked = channel_blocked_layout(Vector.block);
    const Layout out = Form == DirectForm::channels_last ? channels_last_layout : blocked;
    OperandLayouts option{{Form == DirectForm::stem ? plain_layout : out}, {out}};
    if (conv(problem).epilogue.residual) option.in.push_back(out);
    options.push_back(option);
  }

  static CostEstimate cost(const Problem& problem, const Machine&) {
    return direct_cost(plan(problem), conv(problem), Form, Element);
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return direct_packed_bytes(plan(problem), Element);
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_direct(plan(problem), conv(problem), Form, constants, Element, packed);
  }
  static std::size_t scratch_bytes(const Problem& problem) {
    return direct_scratch_bytes(plan(problem));
  }
  static int phases(const Problem& problem) { return plan(problem).padded ? 2 : 1; }
  static std::int64_t units(const Problem& problem, int phase) {
    return direct_units(plan(problem), conv(problem), phase);
  }
  static std::uint32_t in_place(const Problem& problem) { return residual_in_place(conv(problem)); }

  static const char* run(const Args& args, int phase, std::int64_t begin,
                         std::int64_t end) noexcept {
    run_direct(plan(*args.problem), Find, Element, args, phase, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Direct>(name, ProblemKind::conv, isa);
    row.packed_form = packed_form;
    return row;
  }
};

/// The functions of a depthwise row, and of one whose groups share vectors.
template <bool ChannelsLast, bool Grouped, const VectorForm& Vector, DepthwiseFunction* Rows>
struct Depthwise {
  static DepthwisePlan plan(const Problem& problem) {
    return plan_depthwise(conv(problem), ChannelsLast, Vector);
  }

  static const char* rejects(const Problem& problem) {
    const ConvProblem& p = conv(problem);
    if (!p.constant_weights) return "weights are not constant";
    if (Grouped) {
      const std::int64_t group = p.channels / p.groups;
      if (group == 1) return "one channel in a group";
      if (p.out_channels != p.channels) return "as many channels out as in are wanted";
      if (Vector.lanes % group != 0) return "groups do not fill a vector";
    } else if (p.groups != p.channels || p.out_channels != p.channels) {
      return "not depthwise";
    }
    if (is_part(p) && ChannelsLast) return "a part";
    return fits_int(p) ? nullptr : "a size beyond 2^31";
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    const Layout layout =
        ChannelsLast ? channels_last_layout : channel_blocked_layout(Vector.block);
    offer(layout, problem, options);
  }

  static CostEstimate cost(const Problem& problem, const Machine&) {
    return depthwise_cost(plan(problem), conv(problem));
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return depthwise_packed_bytes(plan(problem));
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_depthwise(plan(problem), conv(problem), constants, packed);
  }
  static std::int64_t units(const Problem& problem, int) {
    return depthwise_units(plan(problem), conv(problem));
  }
  static std::uint32_t in_place(const Problem& problem) {
    return ChannelsLast ? 0 : residual_in_place(conv(problem));  // there, vectors may overlap
  }
  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_depthwise(plan(*args.problem), Vector, Rows, args, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Depthwise>(name, ProblemKind::conv, isa);
    row.packed_form = packed_form;
    return row;
  }
};

/// The functions of an im2col row.
template <const VectorForm& Vector, FindTile* Find>
struct Im2col {
  static Im2colPlan plan(const Problem& problem) { return plan_im2col(conv(problem), Vector); }

  static const char* rejects(const Problem& problem) {
    if (is_part(conv(problem))) return "a part";
    return fits_int(conv(problem)) ? nullptr : "a size beyond 2^31";
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    const ConvProblem& p = conv(problem);
    const std::size_t weights = p.constant_weights ? 0 : p.epilogue.bias ? 2 : 1;
    const std::size_t inputs = 1 + weights + (p.epilogue.residual ? 1 : 0);
    options.push_back({std::vector<Layout>(inputs, plain_layout), {plain_layout}});
  }

  static CostEstimate cost(const Problem& problem, const Machine&) {
    return im2col_cost(plan(problem), conv(problem));
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return im2col_packed_bytes(conv(problem));
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_im2col(conv(problem), constants, packed);
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) {
    return im2col_worker_bytes(plan(problem));
  }
  static std::int64_t units(const Problem& problem, int) {
    return im2col_units(plan(problem), conv(problem));
  }
  static std::uint32_t in_place(const Problem& problem) { return residual_in_place(conv(problem)); }
  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_im2col(plan(*args.problem), Find, args, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Im2col>(name, ProblemKind::conv, isa);
    row.packed_form = packed_form;
    return row;
  }
};

/// The functions of a row that puts its input in the order of windows.
template <const VectorForm& Vector, FindTile* Find>
struct Im2win {
  static Im2winPlan plan(const Problem& problem) { return plan_im2win(conv(problem), Vector); }

  static const char* rejects(const Problem& problem) {
    const ConvProblem& p = conv(problem);
    if (!p.constant_weights) return "weights are not constant";
    if (is_part(p)) return "a part";
    if (p.kernel_h == 1) return "one row in a window, nothing to put in order";
    if (p.out_height <= 0 || p.out_width <= 0) return "no output";
    if (p.groups != 1) return "grouped";
    if (p.pad_top < 0 || p.pad_left < 0) return "negative padding";
    return fits_im2win(p) ? nullptr : "a size beyond 2^31";
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    offer(channels_last_layout, problem, options);
  }

  static CostEstimate cost(const Problem& problem, const Machine&) {
    return im2win_cost(plan(problem), conv(problem));
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return direct_packed_bytes(plan(problem).whole, sizeof(float));
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_direct(plan(problem).whole, conv(problem), DirectForm::windows, constants, sizeof(float),
                packed);
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) { return plan(problem).bytes; }
  static std::int64_t units(const Problem& problem, int) {
    return im2win_units(plan(problem), conv(problem));
  }
  static std::uint32_t in_place(const Problem& problem) { return residual_in_place(conv(problem)); }
  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_im2win(plan(*args.problem), Find, args, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Im2win>(name, ProblemKind::conv, isa);
    row.packed_form = packed_form;
    return row;
  }
};

/// The functions of a Winograd row.
template <int M, const VectorForm& Vector, const WinogradKernels& Kernels, FindTile* Find>
struct Winograd {
  static WinogradPlan plan(const Problem& problem) {
    return plan_winograd(conv(problem), M, Vector);
  }

  static const char* rejects(const Problem& problem) {
    const ConvProblem& p = conv(problem);
    if (!p.constant_weights) return "weights are not constant";
    if (p.weights != WeightType::f32) return "weights are not f32";
    if (is_part(p)) return "a part";
    if (p.kernel_h != 3 || p.kernel_w != 3) return "not 3 x 3";
    if (p.stride_h != 1 || p.stride_w != 1) return "strided";
    if (p.dilation_h != 1 || p.dilation_w != 1) return "dilated";
    if (p.groups != 1) return "grouped";
    if (p.pad_top < 0 || p.pad_left < 0) return "negative padding";
    return fits_int(p) ? nullptr : "a size beyond 2^31";
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    offer(channel_blocked_layout(Vector.block), problem, options);
  }

  static CostEstimate cost(const Problem& problem, const Machine&) {
    return winograd_cost(plan(problem), conv(problem));
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return winograd_packed_bytes(plan(problem));
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_winograd(plan(problem), Kernels, conv(problem), constants, packed);
  }
  static std::size_t scratch_bytes(const Problem& problem) {
    const WinogradPlan n = plan(problem);
    return n.phased ? winograd_block_bytes(n) : 0;
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) {
    const WinogradPlan n = plan(problem);
    return n.phased ? 0 : winograd_block_bytes(n);
  }
  static int phases(const Problem& problem) { return plan(problem).phased ? 3 : 1; }
  static std::int64_t units(const Problem& problem, int phase) {
    return winograd_units(plan(problem), phase);
  }
  static std::uint32_t in_place(const Problem& problem) { return residual_in_place(conv(problem)); }
  static const char* run(const Args& args, int phase, std::int64_t begin,
                         std::int64_t end) noexcept {
    run_winograd(plan(*args.problem), Kernels, Find, args, phase, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Winograd>(name, ProblemKind::conv, isa);
    row.packed_form = packed_form;
    row.rounding = winograd_rounding(M, 3);
    return row;
  }
};

/// The functions of a row of Strassen's algorithm.
template <const VectorForm& Vector, const StrassenKernels& Kernels>
struct Strassen {
  static StrassenPlan plan(const Problem& problem) { return plan_strassen(conv(problem), Vector); }

  static const char* rejects(const Problem& problem) {
    return strassen_rejects(conv(problem), Vector);
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    offer(channel_blocked_layout(Vector.block), problem, options);
  }

  static CostEstimate cost(const Problem& problem, const Machine&) {
    return strassen_cost(plan(problem), conv(problem));
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return strassen_packed_bytes(plan(problem));
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_strassen(plan(problem), constants, 1, std::ptrdiff_t(conv(problem).channels), packed);
  }
  static std::size_t worker_scratch_bytes(const Problem& problem) {
    return strassen_worker_scratch_bytes(plan(problem));
  }
  static std::int64_t units(const Problem& problem, int) { return strassen_units(plan(problem)); }
  static std::uint32_t in_place(const Problem& problem) {
    return plan(problem).shares_row ? 0 : residual_in_place(conv(problem));
  }
  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_strassen(plan(*args.problem), Kernels, args, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Strassen>(name, ProblemKind::conv, isa);
    row.packed_form = packed_form;
    row.rounding = strassen_rounding;
    return row;
  }
};

template <const VectorForm& Vector, FindTile* Find, std::size_t Element = sizeof(float)>
using Blocked = Direct<DirectForm::blocked, Vector, Element, Find>;
template <const VectorForm& Vector, FindTile* Find>
using ChannelsLast = Direct<DirectForm::channels_last, Vector, sizeof(float), Find>;
template <const VectorForm& Vector, FindTile* Find>
using Stem = Direct<DirectForm::stem, Vector, sizeof(float), Find>;

template <const VectorForm& Vector, DepthwiseFunction* Rows>
using DepthwiseBlocked = Depthwise<false, false, Vector, Rows>;
template <const VectorForm& Vector, DepthwiseFunction* Rows>
using DepthwiseChannelsLast = Depthwise<true, false, Vector, Rows>;
template <const VectorForm& Vector, DepthwiseFunction* Rows>
using GroupedBlocked = Depthwise<false, true, Vector, Rows>;

constexpr std::array rows{
    Bf16Conv<avx512_bf16::pair_kernels>::row("conv_bf16_direct_avx512_bf16", Isa::avx512_bf16),
    DepthwiseBlocked<avx512_form, avx512::depthwise_rows>::row("conv_f32_depthwise_nchwc_avx512",
                                                               Isa::avx512),
    DepthwiseChannelsLast<avx512_form, avx512::depthwise_rows>::row(
        "conv_f32_depthwise_nhwc_avx512", Isa::avx512),
    GroupedBlocked<avx512_form, avx512::depthwise_rows>::row("conv_f32_grouped_nchwc_avx512",
                                                             Isa::avx512),
    Stem<avx512_form, avx512::f32_tile>::row("conv_f32_stem_avx512", Isa::avx512),
    Winograd<4, avx512_form, avx512::winograd4, avx512::f32_tile>::row(
        "conv_f32_winograd4_nchwc_avx512", Isa::avx512),
    Winograd<2, avx512_form, avx512::winograd2, avx512::f32_tile>::row(
        "conv_f32_winograd2_nchwc_avx512", Isa::avx512),
    Strassen<avx512_form, avx512::strassen>::row("conv_f32_strassen_nchwc_avx512", Isa::avx512),
    Blocked<avx512_form, avx512::f32_tile>::row("conv_f32_direct_nchwc_avx512", Isa::avx512),
    Blocked<avx512_form, avx512::f16_tile, 2>::row("conv_f32f16_direct_nchwc_avx512", Isa::avx512),
    Blocked<avx512_form, avx512::i8_tile, 1>::row("conv_f32i8_direct_nchwc_avx512", Isa::avx512),
    ChannelsLast<avx512_form, avx512::f32_tile>::row("conv_f32_direct_nhwc_avx512", Isa::avx512),
    Im2col<avx512_form, avx512::f32_tile>::row("conv_f32_im2col_avx512", Isa::avx512),
    Im2win<avx512_form, avx512::f32_tile>::row("conv_f32_im2win_avx512", Isa::avx512),
    DepthwiseBlocked<avx2_form, avx2::depthwise_rows>::row("conv_f32_depthwise_nchwc_avx2",
                                                           Isa::avx2),
    DepthwiseChannelsLast<avx2_form, avx2::depthwise_rows>::row("conv_f32_depthwise_nhwc_avx2",
                                                                Isa::avx2),
    GroupedBlocked<avx2_form, avx2::depthwise_rows>::row("conv_f32_grouped_nchwc_avx2", Isa::avx2),
    Stem<avx2_form, avx2::f32_tile>::row("conv_f32_stem_avx2", Isa::avx2),
    Winograd<4, avx2_form, avx2::winograd4, avx2::f32_tile>::row("conv_f32_winograd4_nchwc_avx2",
                                                                 Isa::avx2),
    Winograd<2, avx2_form, avx2::winograd2, avx2::f32_tile>::row("conv_f32_winograd2_nchwc_avx2",
                                                                 Isa::avx2),
    Strassen<avx2_form, avx2::strassen>::row("conv_f32_strassen_nchwc_avx2", Isa::avx2),
    Blocked<avx2_form, avx2::f32_tile>::row("conv_f32_direct_nchwc_avx2", Isa::avx2),
    Blocked<avx2_form, avx2::f16_tile, 2>::row("conv_f32f16_direct_nchwc_avx2", Isa::avx2),
    Blocked<avx2_form, avx2::i8_tile, 1>::row("conv_f32i8_direct_nchwc_avx2", Isa::avx2),
    ChannelsLast<avx2_form, avx2::f32_tile>::row("conv_f32_direct_nhwc_avx2", Isa::avx2),
    Im2col<avx2_form, avx2::f32_tile>::row("conv_f32_im2col_avx2", Isa::avx2),
    Im2win<avx2_form, avx2::f32_tile>::row("conv_f32_im2win_avx2", Isa::avx2),
    DepthwiseBlocked<baseline_form, baseline::depthwise_rows>::row(
        "conv_f32_depthwise_nchwc_baseline", Isa::baseline),
    DepthwiseChannelsLast<baseline_form, baseline::depthwise_rows>::row(
        "conv_f32_depthwise_nhwc_baseline", Isa::baseline),
    Stem<baseline_form, baseline::f32_tile>::row("conv_f32_stem_baseline", Isa::baseline),
    Blocked<baseline_form, baseline::f32_tile>::row("conv_f32_direct_nchwc_baseline",
                                                    Isa::baseline),
    ChannelsLast<baseline_form, baseline::f32_tile>::row("conv_f32_direct_nhwc_baseline",
                                                         Isa::baseline),
    Im2col<baseline_form, baseline::f32_tile>::row("conv_f32_im2col_baseline", Isa::baseline),
    Im2win<baseline_form, baseline::f32_tile>::row("conv_f32_im2win_baseline", Isa::baseline),
};

}  // namespace

std::span<const Row> conv_rows() { return built_rows<rows>; }

}  // namespace strata::kernels
