#include "strata/kernels/conv/transposed.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "strata/kernels/built.hpp"
#include "strata/kernels/integer/plan.hpp"

namespace strata::kernels {
namespace {

std::size_t round_up(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// The quantization of a problem, without its geometry and layouts.
IntegerConvProblem quantized_as(const IntegerConvProblem& p) {
  IntegerConvProblem q;
  q.batch = p.batch;
  q.channels = p.channels;
  q.out_channels = p.out_channels;
  q.groups = p.groups;
  q.x_signed = p.x_signed;
  q.w_signed = p.w_signed;
  q.w_zero_per_channel = p.w_zero_per_channel;
  q.w_scale_per_channel = p.w_scale_per_channel;
  q.x_zero = p.x_zero;
  q.y_zero = p.y_zero;
  q.w_zeros = p.w_zeros;
  q.output = p.output;
  q.arithmetic = p.arithmetic;
  q.sum = p.sum;
  return q;
}

/// One convolution per phase, as TransposedPlan has them; their input is always prepared, once for
/// all. Phases: prepare, tiles, and transpose where the output is planar. Packed: per phase what
/// integer convolution packs, each from a 64-byte boundary.
class Phases {
 public:
  Phases(const IntegerConvTransposeProblem& p, const IntegerKernels& kernels, bool spread)
      : p_(p),
        kernels_(kernels),
        h_(spread ? kernels::spread(p.h) : p.h),
        w_(spread ? kernels::spread(p.w) : p.w),
        pad_h_(axis_padding(h_)),
        pad_w_(axis_padding(w_)),
        whole_(quantized_as(p)) {
    whole_.height = p.h.in;
    whole_.width = p.w.in;
    whole_.pad_top = pad_h_.before;
    whole_.pad_left = pad_w_.before;
    whole_.out_height = p.h.out;
    whole_.out_width = p.w.out;
    frame_ = part(0).plan;
    frame_.x_planar = p.layouts.in[0].is_plain() && p.channels > 1;
    transposed_ = p.layouts.out[0].is_plain() && p.out_channels > 1 && p.h.out * p.w.out > 1;
  }

  int phases() const { return transposed_ ? 3 : 2; }

  std::int64_t units(int phase) const {
    if (phase == 0) return p_.batch * frame_.prepared_height;
    if (phase == 2) {
      return p_.batch * ((p_.out_channels + transpose_channels - 1) / transpose_channels);
    }
    std::int64_t units = 0;
    for (std::int64_t i = 0; i < parts(); ++i) units += units_of(part(i));
    return units;
  }

  std::size_t packed_bytes() const {
    std::size_t bytes = 0;
    for (std::int64_t i = 0; i < parts(); ++i)
      bytes += round_up(integer_packed_bytes(part(i).plan));
    return bytes;
  }

  std::size_t scratch_bytes() const {
    return frame_.prepared_bytes + (transposed_ ? std::size_t(p_.batch * frame_.y_image) : 0);
  }

  void pack(const Constants& constants, std::byte* packed) const {
    for (std::int64_t i = 0; i < parts(); ++i) {
      const Part phase = part(i);
      const std::vector<std::byte> taps = taps_of(phase, constants.data[0]);
      const void* const data[] = {taps.data(),       constants.data[1], constants.data[2],
                                  constants.data[3], constants.data[4], constants.data[5]};
      pack_integer(phase.plan, phase.conv, {data}, packed);
      packed += round_up(integer_packed_bytes(phase.plan));
    }
  }

  void run(const Args& args, int phase, std::int64_t begin, std::int64_t end) const {
    auto* prepared = reinterpret_cast<std::uint8_t*>(args.scratch);
    std::byte* unordered = args.scratch + frame_.prepared_bytes;
    auto* y = static_cast<std::byte*>(args.out[0]);
    if (phase == 0) {
      return prepare_integer(frame_, kernels_, whole_, static_cast<const std::uint8_t*>(args.in[0]),
                             prepared, begin, end);
    }
    if (phase == 2) return transpose_integer(frame_, whole_, unordered, y, begin, end);
    auto* to = reinterpret_cast<std::uint8_t*>(transposed_ ? unordered : y);
    const std::byte* packed = args.packed;
    for (std::int64_t i = 0; i < parts() && end > 0; ++i) {
      const Part phase_part = part(i);
      const IntegerPlan& plan = phase_part.plan;
      const std::int64_t units = units_of(phase_part);
      if (begin < units) {
        const std::byte* bias = packed + integer_weight_bytes(plan);
        const IntegerOperands operands{
            prepared + phase_part.x_first,
            to + phase_part.y_first,
            packed,
            bias,
            0,
            reinterpret_cast<const std::int32_t*>(bias) + plan.lane_count};
        run_integer_tiles(plan, kernels_, phase_part.conv, operands, begin, std::min(end, units));
      }
      begin = std::max<std::int64_t>(begin - units, 0);
      end -= units;
      packed += round_up(integer_packed_bytes(plan));
    }
  }

  double seconds() const {
    double seconds = 0;
    for (std::int64_t i = 0; i < parts(); ++i) {
      const Part phase = part(i);
      if (phase.plan.tiles > 0) seconds += integer_seconds(phase.plan, phase.conv);
    }
    return seconds + (transposed_ ? 0.6e-9 * double(p_.batch * frame_.y_image) : 0);
  }

 private:
  struct Part {
    IntegerConvProblem conv;  // over the padded input
    IntegerPlan plan;
    AxisPhase h, w;
    std::ptrdiff_t x_first = 0, y_first = 0;  // bytes
  };

  std::int64_t parts() const { return h_.stride * w_.stride; }

  std::int64_t units_of(const Part& part) const {
    const IntegerPlan& plan = part.plan;
    return plan.tiles > 0 ? p_.batch * p_.groups * plan.blocks * plan.panels : 0;
  }

  Part part(std::int64_t index) const {
    Part part{
        quantized_as(p_), {}, axis_phase(h_, index / w_.stride), axis_phase(w_, index % w_.stride)};
    IntegerConvProblem& conv = part.conv;
    conv.height = pad_h_.before + p_.h.in + pad_h_.after;
    conv.width = pad_w_.before + p_.w.in + pad_w_.after;
    conv.out_height = part.h.count;
    conv.out_width = part.w.count;
    const bool reads = part.h.taps > 0 && part.w.taps > 0;
    conv.kernel_h = reads ? part.h.taps : 0;
    conv.kernel_w = reads ? part.w.taps : 0;
    conv.dilation_h = part.h.dilation;
    conv.dilation_w = part.w.dilation;
    part.plan = plan_integer_part(conv, kernels_, {p_.h.out, p_.w.out, h_.stride, w_.stride});
    const std::ptrdiff_t row = part.plan.x_image / conv.height;
    if (reads) {
      part.x_first = (part.h.offset + pad_h_.before) * row +
                     (part.w.offset + pad_w_.before) * (row / conv.width);
    }
    part.y_first = (part.h.first * p_.w.out + part.w.first) * p_.out_channels;
    return part;
  }

  /// A phase's weights (O, C/G, taps of h, taps of w).
  std::vector<std::byte> taps_of(const Part& part, const void* weights) const {
    const std::int64_t channels = p_.channels / p_.groups, filters = p_.out_channels / p_.groups;
    std::vector<std::byte> taps;
    for (std::int64_t o = 0; o < p_.out_channels; ++o) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t plane = (o / filters * channels + c) * filters + o % filters;
        for (std::int64_t i = 0; i < part.conv.kernel_h; ++i) {
          const std::int64_t row = plane * p_.h.kernel + part.h.tap - i * part.h.tap_step;
          for (std::int64_t j = 0; j < part.conv.kernel_w; ++j) {
            const std::int64_t column = part.w.tap - j * part.w.tap_step;
            taps.push_back(static_cast<const std::byte*>(weights)[row * p_.w.kernel + column]);
          }
        }
      }
    }
    return taps;
  }

  const IntegerConvTransposeProblem& p_;
  const IntegerKernels& kernels_;
  TransposedAxis h_, w_;
  AxisPadding pad_h_, pad_w_;
  IntegerConvProblem whole_;  // the input as it comes, the output as it is wanted
  IntegerPlan frame_;         // of the prepared input
  bool transposed_ = false;
};

const IntegerConvTransposeProblem& transposed(const Problem& problem) {
  return static_cast<const IntegerConvTransposeProblem&>(problem);
}

void layouts(const Problem&, std::vector<OperandLayouts>& options) {
  options.push_back({{channels_last_layout}, {channels_last_layout}});
  options.push_back({{plain_layout}, {channels_last_layout}});
  options.push_back({{channels_last_layout}, {plain_layout}});
  options.push_back({{plain_layout}, {plain_layout}});
}

template <const IntegerKernels& Kernels, bool Spread>
struct Transposed {
  static Phases plan(const Problem& problem) { return {transposed(problem), Kernels, Spread}; }

  static const char* rejects(const Problem& problem) {
    const IntegerConvTransposeProblem& p = transposed(problem);
    if (!p.constant_weights) return "weights are not constant";
    if (const char* reason =
            transposed_rejects(p.batch, p.channels, p.out_channels, p.groups, p.h, p.w)) {
      return reason;
    }
    return Spread ? spread_rejects(p.h, p.w) : nullptr;
  }

  static constexpr Row row(std::string_view name, Isa isa) {
    return {.name = name,
            .kind = ProblemKind::integer_conv_transpose,
            .isa = isa,
            .rejects = rejects,
            .layouts = layouts,
            .cost = [](const Problem& p, const Machine&) -> CostEstimate {
              return {plan(p).seconds()};
            },
            .packed_bytes = [](const Problem& p) { return plan(p).packed_bytes(); },
            .pack = [](const Problem& p, const Constants& constants,
                       std::byte* packed) { plan(p).pack(constants, packed); },
            .packed_form =
                [](const Problem& p) {
                  const IntegerConvTransposeProblem& t = transposed(p);
                  std::uint64_t form = std::uint64_t(t.arithmetic) << 12 |
                                       std::uint64_t(t.x_zero + 128) << 2 |
                                       std::uint64_t(t.x_signed);
                  for (const std::int64_t value : {t.groups, t.h.stride, t.h.dilation, t.w.stride,
                                                   t.w.dilation, std::int64_t(t.output)}) {
                    form = form * 0x9e3779b97f4a7c15u + std::uint64_t(value);
                  }
                  return form;
                },
            .scratch_bytes = [](const Problem& p) { return plan(p).scratch_bytes(); },
            .phases = [](const Problem& p) { return plan(p).phases(); },
            .units = [](const Problem& p, int phase) { return plan(p).units(phase); },
            .run = [](const Args& args, int phase, std::int64_t begin,
                      std::int64_t end) noexcept -> const char* {
              plan(*args.problem).run(args, phase, begin, end);
              return nullptr;
            }};
  }
};

constexpr std::array rows{
    Transposed<avx512_vnni::integer_kernels, true>::row("convtranspose_i8_spread_avx512_vnni",
                                                        Isa::avx512_vnni),
    Transposed<avx512_vnni::integer_kernels, false>::row("convtranspose_i8_phases_avx512_vnni",
                                                         Isa::avx512_vnni),
    Transposed<avx512::integer_kernels, true>::row("convtranspose_i8_spread_avx512", Isa::avx512),
    Transposed<avx512::integer_kernels, false>::row("convtranspose_i8_phases_avx512", Isa::avx512),
    Transposed<avx2::integer_kernels, true>::row("convtranspose_i8_spread_avx2", Isa::avx2),
    Transposed<avx2::integer_kernels, false>::row("convtranspose_i8_phases_avx2", Isa::avx2),
    Transposed<baseline::integer_kernels, true>::row("convtranspose_i8_spread_baseline",
                                                     Isa::baseline),
    Transposed<baseline::integer_kernels, false>::row("convtranspose_i8_phases_baseline",
                                                      Isa::baseline),
};

}  // namespace

std::span<const Row> integer_conv_transpose_rows() { return built_rows<rows>; }

}  // namespace strata::kernels
