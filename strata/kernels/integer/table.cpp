#include <array>

#include "strata/kernels/built.hpp"
#include "strata/kernels/integer/plan.hpp"
#include "strata/kernels/row_of.hpp"

namespace strata::kernels {
namespace {

const IntegerConvProblem& conv(const Problem& problem) {
  return static_cast<const IntegerConvProblem&>(problem);
}

bool fits_int(const IntegerConvProblem& p) {
  constexpr double most = 1 << 30;
  const double padded = double(p.height + p.pad_top + p.pad_bottom) *
                        double(p.width + p.pad_left + p.pad_right) *
                        double(p.channels + 4 * p.groups);
  const double out = double(p.out_height) * double(p.out_width) * double(p.out_channels);
  const double weights = double(p.channels + 4 * p.groups) * double(p.kernel_h) *
                         double(p.kernel_w) * double(p.out_channels / p.groups + 32);
  for (const std::int64_t size : {p.kernel_h, p.kernel_w, p.stride_h, p.stride_w, p.dilation_h,
                                  p.dilation_w, p.pad_top, p.pad_left, p.pad_bottom, p.pad_right}) {
    if (double(size) >= most) return false;
  }
  return double(p.batch) * padded < most && double(p.batch) * out < most && weights < most;
}

constexpr double cycles_per_second = 3.5e9;
constexpr double bytes_per_second = 40e9;
constexpr double call_seconds = 1e-7;

double elements_in(const IntegerConvProblem& p) {
  return double(p.batch * p.channels) * double(p.height * p.width);
}
double elements_out(const IntegerConvProblem& p) {
  return double(p.batch * p.out_channels) * double(p.out_height * p.out_width);
}

/// What packing depends on besides the constants: one may be the weights of several convolutions.
std::uint64_t packed_form(const Problem& problem) {
  const IntegerConvProblem& p = conv(problem);
  std::uint64_t form = std::uint64_t(p.groups);
  form = form << 2 | std::uint64_t(p.arithmetic);
  form = form << 9 | std::uint64_t(p.x_zero + 128);
  for (const bool bit :
       {p.x_signed, p.transposed_weights, p.dilation_w == 1, p.constant_weights,
        p.output == IntegerConvProblem::Output::i32, p.output == IntegerConvProblem::Output::i8}) {
    form = form << 1 | std::uint64_t(bit);
  }
  return form;
}

/// The functions of a direct row.
template <const IntegerKernels& Kernels>
struct Direct {
  static IntegerPlan plan(const Problem& problem) { return plan_integer(conv(problem), Kernels); }

  static const char* rejects(const Problem& problem) {
    const IntegerConvProblem& p = conv(problem);
    if (!fits_int(p)) return "a size beyond 2^30";
    if (!p.constant_weights && !p.transposed_weights)
      return "weights of this order are no constant";
    return p.pad_top < 0 || p.pad_left < 0 ? "negative padding" : nullptr;
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    const IntegerConvProblem& p = conv(problem);
    options.push_back({std::vector<Layout>(p.constant_weights ? 1 : 2), {plain_layout}});
    if (p.matrix) return;
    options.push_back({{channels_last_layout}, {channels_last_layout}});
    options.push_back({{plain_layout}, {channels_last_layout}});
    options.push_back({{channels_last_layout}, {plain_layout}});
  }

  static CostEstimate cost(const Problem& problem, const Machine&) {
    return {integer_seconds(plan(problem), conv(problem))};
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return integer_packed_bytes(plan(problem));
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_integer(plan(problem), conv(problem), constants, packed);
  }
  static std::size_t scratch_bytes(const Problem& problem) {
    const IntegerPlan n = plan(problem);
    return n.prepared_bytes + n.matrices_bytes + n.transposed_bytes;
  }
  static int phases(const Problem& problem) { return plan(problem).phases(); }
  static std::int64_t units(const Problem& problem, int phase) {
    return integer_units(plan(problem), conv(problem), phase);
  }
  static const char* run(const Args& args, int phase, std::int64_t begin,
                         std::int64_t end) noexcept {
    if (is_vector_product(conv(*args.problem), Kernels)) {
      run_vector_product(conv(*args.problem), Kernels, args, begin, end);
      return nullptr;
    }
    run_integer(plan(*args.problem), Kernels, args, phase, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Direct>(name, ProblemKind::integer_conv, isa);
    row.packed_form = packed_form;
    return row;
  }
};

const char* reject_depthwise(const IntegerConvProblem& p) {
  if (p.matrix || p.groups != p.channels || p.out_channels != p.channels) return "not depthwise";
  if (p.output == IntegerConvProblem::Output::i32) return "sums are wanted";
  return fits_int(p) ? nullptr : "a size beyond 2^30";
}

void depthwise_layouts(const Problem&, std::vector<OperandLayouts>& options) {
  options.push_back({{channels_last_layout}, {channels_last_layout}});
}

/// The functions of a depthwise row.
template <const IntegerKernels& Kernels, int Lanes>
struct Depthwise {
  static const char* rejects(const Problem& problem) { return reject_depthwise(conv(problem)); }
  static constexpr auto layouts = depthwise_layouts;

  static CostEstimate cost(const Problem& problem, const Machine&) {
    const IntegerConvProblem& p = conv(problem);
    const double vectors = double((p.channels + 2 * Lanes - 1) / (2 * Lanes));
    const bool unrolled =
        p.dilation_w == 1 && p.stride_w <= 2 && (p.kernel_w == 3 || p.kernel_w == 5);
    const double pairs = double((p.kernel_h + 1) / 2 * p.kernel_w);
    const double outputs = double(p.batch) * double(p.out_height) * double(p.out_width);
    const double cycles = outputs * vectors * (pairs * (unrolled ? 2 : 6) + 10);
    return {call_seconds + cycles / cycles_per_second +
            (elements_in(p) + elements_out(p)) / bytes_per_second};
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return depthwise_integer_packed_bytes(conv(problem), Kernels);
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_depthwise_integer(conv(problem), Kernels, constants, packed);
  }
  static std::int64_t units(const Problem& problem, int) {
    return depthwise_integer_units(conv(problem));
  }
  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_depthwise_integer(conv(*args.problem), Kernels, args, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Depthwise>(name, ProblemKind::integer_conv, isa);
    row.packed_form = packed_form;
    return row;
  }
};

/// The functions of the row for windows of 3x3.
template <const IntegerKernels& Kernels>
struct Depthwise3 {
  static const char* rejects(const Problem& problem) {
    const IntegerConvProblem& p = conv(problem);
    if (const char* reason = reject_depthwise(p)) return reason;
    if (p.kernel_h != 3 || p.kernel_w != 3) return "the window is not 3x3";
    if (p.dilation_w != 1 || p.stride_w > 2) return "columns of the window lie apart";
    if (p.w_zeros) return "weights have zero points";
    if (integer_epilogue(p).rule != IntegerRule::float_even) return "scales are not f32";
    return nullptr;
  }

  static CostEstimate cost(const Problem& problem, const Machine&) {
    const IntegerConvProblem& p = conv(problem);
    const double vectors = double((p.channels + 31) / 32) / 2;
    const double rows = double(p.batch) * double(p.out_height) * vectors;
    const double cycles = rows * (60 + double(p.out_width) * (p.stride_w == 1 ? 24 : 30));
    return {call_seconds + cycles / cycles_per_second +
            (elements_in(p) + elements_out(p)) / bytes_per_second};
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return depthwise3_packed_bytes(conv(problem));
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_depthwise3(conv(problem), constants, packed);
  }
  static std::int64_t units(const Problem& problem, int) {
    return depthwise_integer_units(conv(problem));
  }
  static const char* run(const Args& args, int, std::int64_t begin, std::int64_t end) noexcept {
    run_depthwise3(conv(*args.problem), Kernels, args, begin, end);
    return nullptr;
  }
  static constexpr auto layouts = depthwise_layouts;

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Depthwise3>(name, ProblemKind::integer_conv, isa);
    row.packed_form = packed_form;
    return row;
  }
};

/// The functions of a row that makes its codes on the fly.
template <const IntegerKernels& Kernels, int Words>
struct Dynamic {
  static const DynamicConvProblem& conv(const Problem& problem) {
    return static_cast<const DynamicConvProblem&>(problem);
  }
  static IntegerPlan plan(const Problem& problem) { return plan_integer(conv(problem), Kernels); }

  static const char* rejects(const Problem& problem) {
    const DynamicConvProblem& p = conv(problem);
    if (!fits_int(p)) return "a size beyond 2^30";
    return p.pad_top < 0 || p.pad_left < 0 ? "negative padding" : nullptr;
  }

  static void layouts(const Problem& problem, std::vector<OperandLayouts>& options) {
    const DynamicConvProblem& p = conv(problem);
    if (p.matrix) return options.push_back({{plain_layout}, {plain_layout}});
    options.push_back({{channels_last_layout}, {channels_last_layout}});
    // Blocks are of vectors, as the convolutions of f32 have them.
    if (p.groups != 1 || Kernels.lanes < 8) return;
    const Layout blocks = channel_blocked_layout(Kernels.lanes);
    options.push_back({{blocks}, {blocks}});
    options.push_back({{channels_last_layout}, {blocks}});
    options.push_back({{blocks}, {channels_last_layout}});
  }

  static CostEstimate cost(const Problem& problem, const Machine&) {
    const DynamicConvProblem& p = conv(problem);
    const IntegerPlan n = plan(problem);
    const double vectors = double(n.groups) * (2.0 * (n.panels - 1) + n.last_vectors);
    const double positions = double(p.batch) * double(p.out_height) * double(p.out_width);
    constexpr double product_cycles = Words == 4 ? 0.55 : 1.1;
    double cycles = positions * vectors * (n.reduction * product_cycles + 6) +
                    60.0 * double(p.batch * n.groups) * n.tiles * n.panels + elements_in(p);
    if (p.grid_per_pixel) cycles += 80 * positions;
    const double bytes = 4 * (elements_in(p) + elements_out(p)) + 2 * double(n.prepared_bytes) +
                         double(integer_packed_bytes(n));
    return {call_seconds + cycles / cycles_per_second + bytes / bytes_per_second};
  }

  static std::size_t packed_bytes(const Problem& problem) {
    return integer_packed_bytes(plan(problem));
  }
  static void pack(const Problem& problem, const Constants& constants, std::byte* packed) {
    pack_dynamic(plan(problem), conv(problem), constants, packed);
  }
  static std::size_t scratch_bytes(const Problem& problem) {
    return dynamic_scratch_bytes(plan(problem), conv(problem));
  }
  static int phases(const Problem& problem) { return dynamic_phases(conv(problem)); }
  static std::int64_t units(const Problem& problem, int phase) {
    return dynamic_units(plan(problem), conv(problem), phase);
  }
  static const char* run(const Args& args, int phase, std::int64_t begin,
                         std::int64_t end) noexcept {
    run_dynamic(plan(*args.problem), Kernels, args, phase, begin, end);
    return nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    Row row = row_of<Dynamic>(name, ProblemKind::dynamic_conv, isa);
    row.packed_form = packed_form;
    return row;
  }
};

constexpr std::array dynamic_rows{
    Dynamic<avx512_vnni::integer_kernels, 4>::row("conv_f32i8_dynamic_avx512_vnni",
                                                  Isa::avx512_vnni),
    Dynamic<avx512::integer_kernels, 2>::row("conv_f32i8_dynamic_avx512", Isa::avx512),
    Dynamic<avx2::integer_kernels, 2>::row("conv_f32i8_dynamic_avx2", Isa::avx2),
    Dynamic<baseline::integer_kernels, 2>::row("conv_f32i8_dynamic_baseline", Isa::baseline),
};

constexpr std::array rows{
    Depthwise3<avx512_vnni::integer_kernels>::row("conv_i8_depthwise3_avx512_vnni",
                                                  Isa::avx512_vnni),
    Depthwise<avx512_vnni::integer_kernels, 16>::row("conv_i8_depthwise_avx512_vnni",
                                                     Isa::avx512_vnni),
    Direct<avx512_vnni::integer_kernels>::row("conv_i8_direct_avx512_vnni", Isa::avx512_vnni),
    Depthwise<avx512::integer_kernels, 16>::row("conv_i8_depthwise_avx512", Isa::avx512),
    Direct<avx512::integer_kernels>::row("conv_i8_direct_avx512", Isa::avx512),
    Depthwise<avx2::integer_kernels, 8>::row("conv_i8_depthwise_avx2", Isa::avx2),
    Direct<avx2::integer_kernels>::row("conv_i8_direct_avx2", Isa::avx2),
    Depthwise<baseline::integer_kernels, 4>::row("conv_i8_depthwise_baseline", Isa::baseline),
    Direct<baseline::integer_kernels>::row("conv_i8_direct_baseline", Isa::baseline),
};

}  // namespace

std::span<const Row> integer_conv_rows() { return built_rows<rows>; }
std::span<const Row> dynamic_conv_rows() { return built_rows<dynamic_rows>; }

}  // namespace strata::kernels
